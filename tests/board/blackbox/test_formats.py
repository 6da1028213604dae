"""Boards for other programs: every figure is there, and JSON and CSV agree."""

from __future__ import annotations

import csv
import io
import json

import pytest
from contests import BEST, MIDDLE, STEPS, WORST, record

from harness.board.blackbox import pages
from harness.board.blackbox.formats import COLUMNS, SCHEMA, render
from harness.board.blackbox.judging import board
from harness.board.markdown import Format

MADE = [board([record({"random": WORST, "cmaes": BEST, "rnn(cell='dnc')": MIDDLE}, shown=True)])]


def test_json_holds_conditions_results_and_comparisons() -> None:
    document = json.loads(render(MADE, Format.JSON))
    assert document["schema"] == SCHEMA
    (found,) = document["blackbox_boards"]
    (problem,) = found["problems"]
    assert problem["conditions"]["functions"] == "gp"
    assert problem["figure"] == "minimum so far"
    assert len(problem["shown"]) == 2
    first = problem["results"][0]
    assert (first["label"], first["group"], first["places"], first["count"]) == ("cmaes", "1", [1, 1], 8)
    assert first["final"]["mean"] == first["curve"]["mean"][-1]
    assert first["final"]["high"] == pytest.approx(first["final"]["mean"] + first["curve"]["margin"][-1])
    assert len(first["trajectories"][0]["points"]) == STEPS
    assert [each["verdict"] for each in problem["comparisons"]] == ["different"] * 3
    assert found["notes"]


def test_csv_has_a_line_for_each_entrant_with_the_same_figures() -> None:
    lines = list(csv.DictReader(io.StringIO(render(MADE, Format.CSV))))
    results = json.loads(render(MADE, Format.JSON))["blackbox_boards"][0]["problems"][0]["results"]
    assert tuple(lines[0]) == COLUMNS
    for line, result in zip(lines, results, strict=True):
        assert line["label"] == result["label"]
        assert float(line["mean"]) == result["final"]["mean"]
        assert [float(each) for each in line["curve_mean"].split()] == result["curve"]["mean"]
        assert float(line["seconds"]) == result["seconds"]
        assert json.loads(line["settings"]) == result["method"]["settings"]


def test_markdown_is_the_page_and_nothing_is_said_to_be_nothing() -> None:
    text = render(MADE, Format.MD)
    assert text.startswith("## Black-box optimizers")
    assert "| 1 | `cmaes` |" in text
    assert "\\<" in text, "signs are escaped"
    assert render([], Format.MD) == pages.EMPTY + "\n"
