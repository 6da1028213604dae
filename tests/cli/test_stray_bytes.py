"""Folders and files whose names are not UTF-8, by real processes: they are read and written as any others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.race.provenance import provenance

STRAY = os.fsdecode(b"caf\xe9")
TOY = ("--protocol", "toy-quadratic", "--children", "2", "--seeds", "0", "--searcher", "random", "--quiet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    try:
        (tmp_path / STRAY).mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    return tmp_path / STRAY


def harness(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "harness", *arguments]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return (done.stdout + done.stderr).decode()


def test_a_results_folder_goes_through_every_command(folder: Path) -> None:
    assert "Leaderboard" in harness(folder, "run", *TOY, "--workers", "1", "--results", STRAY)
    (name,) = [word for word in harness(folder, "runs", "--results", STRAY).split() if word.startswith("random-s0")]
    told = harness(folder, "report", "--results", STRAY)
    assert "caf\\udce9/report.html: 1 runs" in told
    assert "toy-quadratic" in (folder / "report.html").read_text(encoding="utf-8")
    assert "1 run in caf\\udce9/export" in harness(folder, "export", "--results", STRAY)
    assert [path.name for path in (folder / "export").iterdir()] == [f"{name}.jsonl"]
    other = f"{STRAY}-2"
    assert "1 run taken into caf\\udce9-2" in harness(folder, "import", f"{STRAY}/export", "--results", other)
    harness(folder, "rule", "export", "adam", "--to", f"{STRAY}/rule.py")
    assert "class" in (folder / "rule.py").read_text(encoding="utf-8")


def test_the_command_in_the_record_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/harness", "run", "--results", STRAY])
    assert provenance()["command"] == "harness run --results caf\\udce9"
