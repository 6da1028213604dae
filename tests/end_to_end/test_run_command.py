"""The real command, in processes of its own: run, kill, resume, stop, compare."""

import json
import os
import signal
from pathlib import Path

from commands import PATIENCE_SECONDS, dumps, harness, here, records, stand, start, wait_for_trials

TOY = ("run", "--searcher", "random", "--protocol", "toy-quadratic", "--workers", "1")


def test_a_run_ends_with_a_leaderboard_and_the_same_command_adds_nothing(tmp_path: Path) -> None:
    out, err = harness(*TOY, "--children", "6", "--seeds", "0-1", results=tmp_path)
    assert "Leaderboard" in out
    assert "random" in out
    assert "6 of 6 children" in err
    before = dumps(tmp_path)
    again, remarks = harness(*TOY, "--children", "6", "--seeds", "0-1", results=tmp_path)
    assert "2 of 2 runs are already finished" in remarks
    assert again == out
    assert dumps(tmp_path) == before
    listed, _ = here("runs", results=tmp_path)
    assert listed.count("finished") == 2
    board = json.loads(here("leaderboard", "--format", "json", results=tmp_path)[0])["boards"]
    assert [entrant["seeds"] for entrant in board[0]["entrants"]] == [[0, 1]]


def test_runs_that_must_not_be_compared_are_not(tmp_path: Path) -> None:
    here(*TOY, "--children", "3", "--seeds", "0", results=tmp_path)
    here(*TOY, "--children", "4", "--seeds", "0", results=tmp_path)
    here(*TOY, "--children", "3", "--seeds", "0", "--blocks", "1", results=tmp_path)
    board = here("leaderboard", results=tmp_path)[0]
    assert "Leaderboard 3" in board
    assert "different budget" in board
    assert "different space" in board


def test_a_killed_run_goes_on_to_the_same_ledger(tmp_path: Path) -> None:
    plain, killed = tmp_path / "plain", tmp_path / "killed"
    here(*TOY, "--children", "30", "--seeds", "3", results=plain)
    process = stand(*TOY, "--children", "30", "--seeds", "3", results=killed, after=5)
    process.kill()
    process.communicate()
    (record,) = records(killed)
    assert record.standing == "interrupted"
    assert 5 <= len(record.trials) < 30
    listed, _ = here("runs", results=killed)
    assert "interrupted" in listed
    harness(*TOY, "--children", "30", "--seeds", "3", results=killed)
    assert dumps(killed) == dumps(plain)


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path: Path) -> None:
    process = start(*TOY, "--children", "200", "--seeds", "0", results=tmp_path)
    wait_for_trials(tmp_path, 3)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "To resume: harness run --searcher random --protocol toy-quadratic" in err
    assert "Traceback" not in err
    assert out == ""
    (record,) = records(tmp_path)
    assert record.standing == "stopped"


def test_two_workers_write_the_same_ledger_as_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    here(*TOY, "--children", "8", "--seeds", "0", results=one)
    harness(
        "run",
        "--searcher",
        "random",
        "--protocol",
        "toy-quadratic",
        "--workers",
        "2",
        "--children",
        "8",
        "--seeds",
        "0",
        results=two,
    )
    assert dumps(one) == dumps(two)


def test_an_asynchronous_run_says_so(tmp_path: Path) -> None:
    out, _ = here(*TOY, "--children", "4", "--seeds", "0", "--async", results=tmp_path)
    assert "async" in out
