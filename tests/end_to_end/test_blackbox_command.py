"""``harness blackbox`` as a user meets it: killed, resumed to the same record, and shown in the report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import PATIENCE_SECONDS, harness

SUPPORT = Path(__file__).parents[1] / "support"
ENTRANTS = "random,small_functions:Halving(by=0.9)"
HOLD = ("blackbox", "--problems", "small_functions:Bowls", "--entrants", ENTRANTS, "--count", "6", "--steps", "5")


def without_times(results: Path) -> dict[str, Any]:
    (path,) = (results / "blackbox").glob("*.json")
    content = json.loads(path.read_bytes())
    for each in content["entrants"]:
        del each["seconds"], each["commits"]
    return content


def test_killed_it_loses_one_part_and_goes_on_to_the_same_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    harness(*HOLD, results=whole)
    script = str(Path(__file__).with_name("standing_contest.py"))
    for parts in (4, 5):
        process = subprocess.Popen(
            [sys.executable, script, str(parts), *HOLD, "--results", str(killed)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "standing\n"
        process.kill()
        process.communicate(timeout=PATIENCE_SECONDS)
    assert len(list(killed.rglob("*.npz"))) == 9
    assert not list((killed / "blackbox").glob("*.json"))
    board, _ = harness(*HOLD, "--format", "json", results=killed)
    assert without_times(killed) == without_times(whole)
    (problem,) = json.loads(board)["blackbox_boards"][0]["problems"]
    assert [each["count"] for each in problem["results"]] == [6, 6]
    harness("report", results=killed)
    assert "small_functions:Halving(by=0.9)" in (killed / "report.html").read_text(encoding="utf-8")
