"""The real command in processes of its own, and what it left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from harness.race.ledger import Ledger


def start(*arguments: str, results: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", *arguments, "--results", str(results)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def harness(*arguments: str, results: Path) -> tuple[str, str]:
    process = start(*arguments, results=results)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out, err


def dumps(results: Path) -> list[str]:
    with Ledger.read(results) as ledger:
        return [ledger.dump(record.header.identity) for record in ledger.runs()]


def records(results: Path) -> list:
    with Ledger.read(results) as ledger:
        return ledger.runs()


def wait_for_trials(results: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if Ledger.exists(results) and any(len(record.trials) >= count for record in records(results)):
            return
        time.sleep(0.05)
    raise AssertionError(f"fewer than {count} trials in time")
