"""The report's section on black-box optimizers: its answer, its charts, and that it is only there if needed."""

from __future__ import annotations

import json
import math
import shlex

import pytest
from contests import BEST, MIDDLE, STEPS, WORST, record
from typer.testing import CliRunner

from harness.board.blackbox.judging import board
from harness.board.comparison import pairs_needed
from harness.board.report.blackbox import MOST_STEPS, blackbox_verdict
from harness.board.report.charts import charts
from harness.board.report.document import report
from harness.board.report.page import data, render
from harness.cli.main import app

ATTACK = "<img/src=x/onerror=document.title='taken'>"
THREE = {"random": WORST, "cmaes": BEST, "rnn": MIDDLE}


def test_the_answer_names_who_is_best_and_to_whom_the_first_place_is_open() -> None:
    first = record(THREE)
    second = record({"a": MIDDLE, "b": MIDDLE}, functions="branin", variant="")
    third = record({"a": MIDDLE[:3], "b": BEST[:3]}, functions="svm", variant="")
    told = blackbox_verdict(board([first, second, third]))
    assert told.answer == "Shown to be the best: on gp/2 cmaes."
    assert told.because == (
        "The first place is open on branin to a and b; on svm to b and a. "
        "Underpowered, with fewer than 6 functions: svm."
    )
    assert blackbox_verdict(board([second])).answer == "No optimizer is shown to be the best on any functions."


def test_the_answer_says_where_functions_are_too_few_for_so_many_pairs() -> None:
    ends = {f"entrant {place}": [place / 4 + each for each in MIDDLE[:7]] for place in range(5)}
    told = blackbox_verdict(board([record(ends)]))
    assert told.answer == "No optimizer is shown to be the best on any functions."
    assert told.because.endswith(
        f"Few functions: on gp/2 with 5 entrants it takes {pairs_needed(10)} functions to compare every pair."
    )
    enough = {name: [*values, values[0], values[1]] for name, values in ends.items()}
    assert blackbox_verdict(board([record(enough)])).because == ""


def test_curves_are_means_with_the_interval_of_the_mean() -> None:
    found = charts(report([], blackbox=[record(THREE)]))
    assert list(found) == ["x-p1-curves"]
    (chart,) = found.values()
    assert (chart["kind"], chart["budget"], chart["from"], chart["logarithmic"]) == ("curves", STEPS, 1, False)
    assert [each["label"] for each in chart["series"]] == ["cmaes", "rnn", "random"]
    one = chart["series"][0]
    assert one["median"]["x"] == [1, 2, 3, 4, 5]
    assert one["median"]["y"][-1] == pytest.approx(sum(BEST) / 8, rel=1e-4)
    assert one["low"][-1] < one["median"]["y"][-1] < one["high"][-1]
    assert chart["alt"].endswith("After the last step: cmaes 0.01025; rnn 0.105; random 1.038.")
    json.dumps(found, allow_nan=False)


def test_regrets_are_on_a_log_scale_on_which_nothing_is_zero_or_less() -> None:
    (chart,) = charts(report([], blackbox=[record({"a": [0.0] * 8, "b": [*[0.0] * 7, 1.0]}, known=True)])).values()
    assert chart["logarithmic"] is True
    assert {each["label"]: each["median"]["y"][-1] for each in chart["series"]} == {"a": None, "b": 0.125}
    values = [value for each in chart["series"] for value in (*each["median"]["y"], *each["low"]) if value is not None]
    assert min(values) > 0
    assert math.isclose(chart["series"][-1]["low"][-1], 0.00125)


def test_trajectories_are_shown_in_one_dimension() -> None:
    found = charts(report([], blackbox=[record(THREE, shown=True), record(THREE)]))
    assert list(found) == ["x-p1-curves", "x-p1-trajectories", "x-p2-curves"]
    chart = found["x-p1-trajectories"]
    assert (chart["kind"], len(chart["functions"]), chart["grid"][-1]) == ("trajectories", 2, 1.0)
    assert len(chart["grid"]) == len(chart["functions"][0])
    assert [each["label"] for each in chart["series"]] == ["cmaes", "rnn", "random"]
    assert len(chart["series"][0]["runs"][1]["x"]) == STEPS


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    found = charts(report([], blackbox=[record({"a": MIDDLE}, steps=1_000)]))
    (one,) = found["x-p1-curves"]["series"]
    assert (one["median"]["x"][0], one["median"]["x"][-1], len(one["median"]["x"])) == (1, 1_000, MOST_STEPS + 1)


def test_the_page_has_the_section_with_its_tables_and_data() -> None:
    made = report([], blackbox=[record(THREE, shown=True), record(THREE, seed=1)])
    page = render(made)
    assert '<section id="x"' in page
    assert "No runs yet" not in page
    for place in ("x-overview", "x-p1-results", "x-p2-results", "x-p1-trajectories"):
        assert f'id="{place}"' in page
    (found,) = json.loads(data(made))["blackbox_boards"]
    assert [each["label"] for each in found["problems"][0]["results"]] == ["cmaes", "rnn", "random"]


def test_a_report_without_contests_is_as_before(records) -> None:
    page = render(report(records))
    assert 'id="x"' not in page
    assert "blackbox_boards" not in json.loads(data(report(records)))


def test_a_hostile_name_is_text() -> None:
    page = render(report([], blackbox=[record({ATTACK: WORST, "b": BEST}, functions=ATTACK, shown=True)]))
    assert ATTACK not in page


def test_the_section_says_how_to_repeat_the_contest() -> None:
    made = report([], blackbox=[record(THREE, workers=5)])
    assert made.blackbox is not None
    (found,) = made.blackbox.provenance
    words = shlex.split(found.command)
    assert words[:4] == ["harness", "blackbox", "--problems", "gp/2"]
    given = [words[place + 1] for place, word in enumerate(words) if word == "--entrants"]
    assert given == ["cmaes", "random", "rnn"]
    assert words[words.index("--seed") :] == ["--seed", "0", "--steps", "5", "--workers-simulated", "5"]
    assert [words[place + 1] for place, word in enumerate(words) if word == "--count"] == [
        f"{each}=8" for each in given
    ]
    assert CliRunner().invoke(app, [*words[1:], "--help"]).exit_code == 0
    assert dict(found.machine) == {"commit": "0123456789abcdef", "processor": "a processor"}
    assert dict(found.environment)["cmaes"] == "v1; numpy 2.0"
