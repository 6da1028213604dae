"""The report's section on learned optimizers: what it answers, its charts, and that it is only there if needed."""

from __future__ import annotations

import json
import math
import shlex

import pytest
from comparing import BEST, MIDDLE, STEPS, WORST, comparison
from typer.testing import CliRunner

from harness.board.learned.judging import board
from harness.board.report.charts import charts
from harness.board.report.document import report
from harness.board.report.learned import MOST_STEPS, learned_verdict
from harness.board.report.page import data, render
from harness.cli.main import app

ATTACK = "<img/src=x/onerror=document.title='taken'>"


def test_the_answer_names_who_is_best_and_how_learned_optimizers_stand() -> None:
    first = comparison({"lstm": MIDDLE, "sgd": WORST, "adam": BEST})
    second = comparison({"lstm": MIDDLE, "adam": MIDDLE}, problems="mnist")
    third = comparison({"sgd": WORST[:3], "adam": BEST[:3]}, problems="art")
    told = learned_verdict(board([first, second, third]))
    assert told.answer == "Shown to be the best: on quadratic adam."
    assert told.because == (
        "On quadratic lstm is shown to be better than sgd and worse than adam. "
        "On mnist lstm is shown to be neither better nor worse than any other. "
        "Underpowered: on art, with 2 candidates it takes 6 problems to compare every pair."
    )
    assert learned_verdict(board([second])).answer == "No optimizer is shown to be the best on any problems."


def test_curves_are_medians_with_a_band_and_means_by_step_on_a_log_scale() -> None:
    made = report([], learned=[comparison({"lstm": BEST, "sgd": [*WORST[:7], math.inf]})])
    found = charts(made)
    assert list(found) == ["l-p1-medians", "l-p1-means"]
    medians, means = found.values()
    for chart in (medians, means):
        assert (chart["kind"], chart["budget"], chart["from"], chart["logarithmic"]) == ("curves", STEPS, 0, True)
        assert [each["label"] for each in chart["series"]] == ["lstm", "sgd"]
        assert [each["median"]["x"] for each in chart["series"]] == [[0, 1, 2, 3, 4]] * 2
    assert medians["series"][0]["median"]["y"] == pytest.approx([100, 10, 1, 0.1, 0.01], rel=0.01)
    assert (len(medians["series"][0]["low"]), means["series"][0]["low"]) == (5, [])
    assert means["series"][1]["median"]["y"][-1] is None
    assert means["alt"].endswith("After the last step: lstm 0.01025; sgd ∞.")
    json.dumps(found, allow_nan=False)


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    found = charts(report([], learned=[comparison({"adam": MIDDLE}, steps=1_000)]))
    (one,) = found["l-p1-medians"]["series"]
    assert (one["median"]["x"][0], one["median"]["x"][-1], len(one["median"]["x"])) == (0, 1_000, MOST_STEPS + 1)


def test_the_page_has_the_section_with_its_tables_and_data() -> None:
    made = report([], learned=[comparison({"lstm": BEST, "sgd": WORST})])
    page = render(made)
    assert '<section id="l"' in page
    assert "Shown to be the best: on quadratic lstm." in page
    assert "No runs yet" not in page
    assert 'id="l-p1-results"' in page
    assert "not tuned" in page
    (found,) = json.loads(data(made))["learned_boards"]
    assert [each["label"] for each in found["problems"][0]["results"]] == ["lstm", "sgd"]


def test_a_report_without_comparisons_is_as_before(records) -> None:
    page = render(report(records))
    assert 'id="l"' not in page
    assert "learned_boards" not in json.loads(data(report(records)))


def test_a_hostile_name_is_text() -> None:
    page = render(report([], learned=[comparison({"sgd": WORST}, problems=ATTACK, data=ATTACK)]))
    assert ATTACK not in page


def test_the_section_says_how_to_repeat_the_comparison() -> None:
    names = {"lstm": BEST, "torch:SGD(momentum=0.9, nesterov=True)": MIDDLE, "g * exp(v)": WORST}
    made = report([], learned=[comparison(names, problems="quadratic")])
    assert made.learned is not None
    (found,) = made.learned.provenance
    words = shlex.split(found.command)
    assert words[:5] == ["harness", "learn", "compare", "--problems", "quadratic"]
    assert words[words.index("--count") :] == ["--count", "8", "--seed", "0", "--steps", "4"]
    given = [words[place + 1] for place, word in enumerate(words) if word == "--candidates"]
    assert given[:2] == ["learned:quadratic", "torch:SGD(momentum=0.9, nesterov=True)"]
    assert CliRunner().invoke(app, [*words[1:], "--help"]).exit_code == 0
    assert dict(found.machine) == {"commit": "0123456789abcdef", "processor": "a processor"}
