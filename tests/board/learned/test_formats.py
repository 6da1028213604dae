"""The board for other programs."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from comparing import BEST, WORST, comparison

from harness.board.learned.formats import COLUMNS, render
from harness.board.learned.judging import board
from harness.board.learned.pages import EMPTY
from harness.board.markdown import Format

FEW = comparison({"lstm": BEST, "sgd": [*WORST[:7], math.inf]}, variant="")


def test_json_holds_every_figure() -> None:
    found = json.loads(render([board([FEW])], Format.JSON))
    (problems,) = found["learned_boards"][0]["problems"]
    first, last = problems["results"]
    assert (first["label"], first["tuned"], first["rate"], first["validation"]) == ("lstm", False, None, [])
    assert first["tokens"].startswith("learned:quadratic(;weights=")
    assert first["finals"] == pytest.approx(BEST)
    assert first["mean"]["mean"] == pytest.approx(sum(BEST) / 8)
    assert (last["mean"]["mean"], last["diverged"], last["finals"][-1]) == (None, 1, None)
    assert last["validation"] == [[0.01, 2.0], [0.1, 1.0], [1.0, None]]
    assert [len(last["curve"][name]) for name in ("mean", "median", "low", "high")] == [5] * 4
    assert problems["conditions"] == FEW.conditions.model_dump(mode="json")
    assert [(pair["first"], pair["second"], pair["pairs"]) for pair in problems["comparisons"]] == [("lstm", "sgd", 8)]


def test_csv_has_a_line_for_each_candidate() -> None:
    lines = list(csv.DictReader(io.StringIO(render([board([FEW])], Format.CSV))))
    assert [tuple(line) for line in lines] == [COLUMNS] * 2
    first, last = lines
    assert (first["problems"], first["label"], first["tuned"], first["rate"]) == ("quadratic", "lstm", "false", "")
    assert [float(each) for each in first["finals"].split()] == pytest.approx(BEST)
    assert last["finals"].split()[-1] == "none"
    assert last["validation"] == "0.01:2.0 0.1:1.0 1:none"
    assert (last["mean"], last["mean_low"], last["diverged"]) == ("", "", "1")
    assert len(last["curve_median"].split()) == 5
    assert json.loads(first["environment"]) == {"torch": "2.13.0"}


def test_markdown_has_the_tables_of_the_terminal() -> None:
    text = render([board([FEW])], Format.MD)
    assert text.startswith("## Learned optimizers")
    assert "| `lstm` | not tuned |" in text
    assert render([], Format.MD) == EMPTY + "\n"
