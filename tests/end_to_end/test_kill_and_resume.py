"""Runs are killed with SIGKILL, over and over, and leave the ledger that an undisturbed run leaves.

The program under test is ``tests/race/racing.py``: the real loop, ledger and engines, around a task that takes
milliseconds. ``test_run_command.py`` and its like do the same, once, to the command line.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from harness.race.runs import RunRecord, RunState
from harness.race.store.ledger import FILE_NAME, Ledger

PROGRAM = Path(__file__).parents[1] / "race" / "racing.py"
KILLS = 30
PATIENCE_SECONDS = 600.0  # it ends what hangs; no test is decided by how long something takes


def start(folder: Path | str, *options: str, leaves: Path | None = None, **variables: str) -> subprocess.Popen[str]:
    """Start or resume a run.

    Args:
        folder: of the store.
        options: of the program.
        leaves: the folder of which each child takes a file before it trains, so that the test decides how far the run
            gets; None to let it run.
        variables: of its environment.
    """
    if leaves is not None:
        variables["FAKE_LEAVES"] = str(leaves)
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROGRAM.parent)} | variables,
        start_new_session=True,
    )


def allow(leaves: Path, count: int) -> Path:
    """Let so many more children train."""
    leaves.mkdir(exist_ok=True)
    for _ in range(count):
        (leaves / secrets.token_hex(8)).touch()
    return leaves


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process that must end well; its last line."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, err) == (0, ""), out + err
    return out.splitlines()[-1]


def dumps(folder: Path) -> list[str]:
    """What the store holds of every run, times and order of beginning aside."""
    with Ledger.read(folder) as store:
        return sorted(store.dump(record.header.identity) for record in store.runs())


def only(folder: Path) -> RunRecord:
    (record,) = Ledger.read(folder).runs()
    return record


def group(leader: int) -> list[int]:
    """The living processes that a process started in its own session has left, itself included."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(pid) == leader and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


def completed(folder: Path) -> int:
    """Completed trials of a store that may not be there yet."""
    return sum(len(record.trials) for record in Ledger.read(folder).runs()) if Ledger.exists(folder) else 0


def test_thirty_kills_leave_the_ledger_of_an_undisturbed_run(tmp_path):
    children = ["--children", "130"]
    rng = random.Random(0)
    journal = tmp_path / "journal"
    killed = [str(tmp_path / "killed"), *children]
    for kill in range(KILLS):
        if kill % 2:  # inside the writing of the ledger: just before its n-th statement
            process = start(*killed, "--die-at", str(rng.randint(1, 25)), FAKE_JOURNAL=str(journal))
        else:  # any moment, from before the store is opened
            leaves = allow(tmp_path / f"leaves {kill}", rng.randint(0, 5))
            process = start(*killed, leaves=leaves, FAKE_JOURNAL=str(journal))
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            time.sleep(rng.uniform(0.0, 0.2))
            process.kill()
        process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == -signal.SIGKILL, f"life {kill} ended before it was killed"
    survived = only(tmp_path / "killed")
    assert (survived.state, survived.active) == (RunState.RUNNING, False)
    assert 0 < sum(trial.charged for trial in survived.trials) < 130
    state, charged, trained = finish(start(*killed, FAKE_JOURNAL=str(journal))).split()
    assert (state, charged) == ("finished", "130")
    assert int(trained) == 130 - sum(trial.charged for trial in survived.trials), "nothing completed is trained again"
    finish(start(tmp_path / "whole", *children))
    assert dumps(tmp_path / "killed") == dumps(tmp_path / "whole")
    repeated = [count - 1 for count in Counter(journal.read_text().splitlines()).values()]
    assert sum(repeated) <= KILLS, "a kill may cost the child in flight and no more"


@pytest.mark.parametrize("how", ["--workers=1", "--workers=2", "--async"])
def test_a_killed_run_is_finished_by_any_number_of_workers(tmp_path, how):
    options = ["--children", "30", *(["--async"] if how == "--async" else [])]
    leaves = allow(tmp_path / "leaves", 6)
    process = start(tmp_path, *options, "--workers", "2", leaves=leaves)
    wait_for(lambda: completed(tmp_path) >= 4)  # of six that train, two may wait for one before them
    process.kill()
    process.communicate(timeout=PATIENCE_SECONDS)
    allow(leaves, 30)  # what the workers still hold
    wait_for(lambda: not group(process.pid))  # its workers notice, and end
    before = only(tmp_path)
    assert (before.state, before.active) == (RunState.RUNNING, False)
    state, charged, trained = finish(start(tmp_path, *options, *([how] if "=" in how else []))).split()
    kept = sum(trial.charged for trial in before.trials)
    assert (state, int(charged), int(trained)) == ("finished", 30, 30 - kept)
    after = {trial.index: trial for trial in only(tmp_path).trials}
    assert all(after[trial.index] == trial for trial in before.trials)
    if how != "--async":
        finish(start(tmp_path / "whole", *options))
        assert dumps(tmp_path) == dumps(tmp_path / "whole")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupt_from_the_terminal_stops_cleanly(tmp_path, workers):
    options = ["--children", "30", "--workers", workers]
    leaves = allow(tmp_path / "leaves", 6)
    process = start(tmp_path, *options, leaves=leaves)
    wait_for(lambda: completed(tmp_path) >= 4)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to workers too
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n", "stopping\n"]
    allow(leaves, 30)
    assert finish(process).startswith("stopped ")
    stopped = only(tmp_path)
    assert (stopped.state, stopped.active) == (RunState.STOPPED, False)
    assert 4 <= len(stopped.trials) < 30
    finish(start(tmp_path, *options[:2]))
    finish(start(tmp_path / "whole", *options[:2]))
    assert dumps(tmp_path) == dumps(tmp_path / "whole")


def test_a_second_process_on_the_same_run_is_told_so(tmp_path):
    first = start(tmp_path, "--children", "30", leaves=allow(tmp_path / "leaves", 1))
    wait_for(lambda: completed(tmp_path) >= 1)
    assert only(tmp_path).active
    second = start(tmp_path, "--children", "30")
    out, err = second.communicate(timeout=PATIENCE_SECONDS)
    first.kill()
    first.communicate(timeout=PATIENCE_SECONDS)
    assert (second.returncode, err) == (2, "")
    assert "expected no other process, got another process running this already" in out.splitlines()[-1]


def test_readers_never_meet_a_locked_store(tmp_path):
    """Two runs write, one of them is killed twice and goes on; a reader looks again before each child."""
    options = [["--seed", str(seed), "--children", "60"] for seed in (0, 1)]
    leaves = [allow(tmp_path / f"leaves {seed}", 0) for seed in (0, 1)]
    running = [start(tmp_path, *option, leaves=given) for option, given in zip(options, leaves, strict=True)]
    wait_for(lambda: Ledger.exists(tmp_path))
    kept_open = Ledger.read(tmp_path)
    seen: Counter[str] = Counter()
    kills, looks = [15, 30], 0
    while any(process.poll() is None for process in running):
        for given in leaves:
            allow(given, 0 if any(given.iterdir()) else 1)
        for store in (kept_open, Ledger.read(tmp_path)):
            for record in store.runs():
                assert len(record.trials) >= seen[record.header.identity], "what was seen once is never lost"
                seen[record.header.identity] = len(record.trials)
                assert [trial.index for trial in record.trials] == sorted({trial.index for trial in record.trials})
                if record.header.seed == 0 and kills and len(record.trials) > kills[0]:
                    kills.pop(0)
                    running[0].kill()
                    running[0].communicate(timeout=PATIENCE_SECONDS)
                    running[0] = start(tmp_path, *options[0], leaves=leaves[0])
        looks += 1
        time.sleep(0.01)
    for process in running:
        assert finish(process).startswith("finished 60")
    assert not kills
    assert looks >= 60
    for option in options:
        finish(start(tmp_path / "alone", *option))
    assert dumps(tmp_path) == dumps(tmp_path / "alone")
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / FILE_NAME, tmp_path / "copy")
    assert dumps(tmp_path / "copy") == dumps(tmp_path), "the file is whole without its journal"


def wait_for(condition) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < limit, "nothing happened"
        time.sleep(0.01)
