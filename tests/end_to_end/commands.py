"""The real command in processes of its own, and what it left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from typer.testing import CliRunner

from harness.cli.main import app
from harness.race.store.ledger import Ledger

PATIENCE_SECONDS = 600  # it ends what hangs; no test is decided by how long something takes
STANDING = Path(__file__).with_name("standing.py")


def start(*arguments: str, results: Path) -> subprocess.Popen[str]:
    return _started("-m", "harness", *arguments, "--results", str(results))


def stand(*arguments: str, results: Path, after: int) -> subprocess.Popen[str]:
    """Start a command that stands still after so many children, so that it cannot end before it is killed."""
    process = _started(str(STANDING), str(after), *arguments, "--results", str(results))
    wait_for_trials(results, after)
    return process


def _started(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def harness(*arguments: str, results: Path) -> tuple[str, str]:
    process = start(*arguments, results=results)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err
    return out, err


def here(*arguments: str, results: Path) -> tuple[str, str]:
    """The same in this process, which has loaded torch: for what a test needs beside the command that it is about."""
    done = CliRunner().invoke(app, [*arguments, "--results", str(results)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def dumps(results: Path) -> list[str]:
    with Ledger.read(results) as ledger:
        return [ledger.dump(record.header.identity) for record in ledger.runs()]


def records(results: Path) -> list:
    with Ledger.read(results) as ledger:
        return ledger.runs()


def wait_for_trials(results: Path, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if Ledger.exists(results) and any(len(record.trials) >= count for record in records(results)):
            return
        time.sleep(0.05)
    raise AssertionError(f"fewer than {count} trials in time")
