"""``harness race`` as a process of its own: several searchers, one board, killed and resumed."""

import json
import subprocess
import sys
from pathlib import Path

from commands import dumps, harness, records, start, wait_for_trials

RACE = ("race", "--protocol", "toy-quadratic", "--workers", "1", "--searchers", "random,evolution")


def test_a_race_ends_with_one_board_of_all_its_searchers(tmp_path: Path) -> None:
    out, err = harness(*RACE, "--children", "6", "--seeds", "0-2", "--set", "evolution.population=3", results=tmp_path)
    assert out.count("Leaderboard") == 1
    assert "run 6 of 6" in err
    (board,) = json.loads(harness("leaderboard", "--format", "json", results=tmp_path)[0])["boards"]
    assert {entrant["searcher"] for entrant in board["entrants"]} == {"random", "evolution"}
    assert all(entrant["seeds"] == [0, 1, 2] for entrant in board["entrants"])
    settings = {record.header.searcher: record.header.settings for record in records(tmp_path)}
    assert settings["evolution"]["population"] == 3
    assert settings["random"] == {}


def test_a_killed_race_goes_on_to_the_same_ledger(tmp_path: Path) -> None:
    plain, killed = tmp_path / "plain", tmp_path / "killed"
    command = (*RACE, "--children", "20", "--seeds", "0-1")
    harness(*command, results=plain)
    process = start(*command, results=killed)
    wait_for_trials(killed, 8)
    process.kill()
    process.communicate()
    assert len(records(killed)) < 4
    _, remarks = harness(*command, results=killed)
    assert "on icml2017" in remarks
    assert sorted(dumps(killed)) == sorted(dumps(plain))


def test_mistakes_end_a_race_before_anything_trains(tmp_path: Path) -> None:
    for arguments, told in (
        (("--searchers", "random,evolutoin"), "did you mean 'evolution'"),
        (("--set", "population=3"), "expected searcher.name=value, got 'population=3'"),
        (("--set", "gp.population=3"), "expected one of random, evolution, got 'gp'"),
        (("--set", "evolution.populaton=3"), "did you mean 'population'"),
        (("--searchers", " , "), "expected a list of names"),
    ):
        command = [sys.executable, "-m", "harness", *RACE, *arguments, "--results", str(tmp_path / "none")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2
        assert told.lower() in done.stderr.lower(), done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "none").exists()
