"""From runs to a record: the minimum so far or the regret, intervals, tests, and times."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from contests import BEST, MIDDLE, STEPS, WORST, conditions, ran, record
from scipy import stats

from harness.board.blackbox.summary import MOST_FLIPPED, SHOWN, summary


def test_the_figure_is_the_mean_over_functions_of_the_least_value_so_far() -> None:
    (entrant,) = record({"random": WORST}).entrants
    assert entrant.curve.mean[0] == 2.0
    assert entrant.curve.mean[-1] == pytest.approx(np.mean(WORST), rel=1e-5), "and not the worse value after it"
    assert entrant.curve.mean[-1] == entrant.curve.mean[-2]
    assert (entrant.low, entrant.median, entrant.high) == pytest.approx(np.quantile(WORST, [0.1, 0.5, 0.9]), rel=1e-5)


def test_the_interval_is_students() -> None:
    found = record({"random": WORST})
    (entrant,) = found.entrants
    assert entrant.curve.margin is not None
    interval = stats.ttest_1samp(WORST, 0.0).confidence_interval(0.95)
    assert entrant.curve.margin[-1] == pytest.approx((interval.high - interval.low) / 2, rel=1e-5)
    assert record({"random": WORST[:1]}).entrants[0].curve.margin is None


def test_where_every_minimum_is_known_the_figure_is_the_regret() -> None:
    runs = ran("random", WORST, known=True)
    lower = replace(runs, runs=replace(runs.runs, minima=np.array(WORST) - 0.25))
    found = summary(conditions(), [lower])
    assert found.regret
    assert found.entrants[0].curve.mean[-1] == pytest.approx(0.25)
    below = replace(runs, runs=replace(runs.runs, minima=np.array(WORST) + 1e-15))
    assert summary(conditions(), [below]).entrants[0].curve.mean[-1] == 0.0
    wrong = replace(runs, runs=replace(runs.runs, minima=np.array(WORST) + 0.25))
    assert summary(conditions(), [wrong]).entrants[0].curve.mean[-1] == pytest.approx(-0.25), "stays to be seen"
    unknown = replace(runs, runs=replace(runs.runs, minima=np.array([*WORST[:7], np.nan])))
    assert not summary(conditions(), [unknown]).regret
    assert not summary(conditions(), [runs, ran("cmaes", BEST)]).regret


def test_few_functions_are_tested_by_all_choices_of_signs() -> None:
    (pair,) = record({"a": WORST, "b": MIDDLE}).pairs
    differences = np.array(WORST) - MIDDLE
    signs = np.array(list(product((-1, 1), repeat=8)))
    expected = (np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12).mean()
    assert (pair.first, pair.second, pair.count, pair.p) == ("a", "b", 8, pytest.approx(expected))
    assert pair.difference == pytest.approx(differences.mean(), rel=1e-5)
    assert pair.spread == pytest.approx(differences.std(ddof=1), rel=1e-5)


def test_many_functions_are_tested_by_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, MOST_FLIPPED + 1))
    (pair,) = record({"a": first.tolist(), "b": second.tolist()}).pairs
    least = [np.minimum(each, 2.0) for each in (first, second)]
    assert pair.p == pytest.approx(stats.ttest_rel(*least).pvalue, rel=1e-4)
    few = record({"a": first[:-1].tolist(), "b": second[:-1].tolist()}).pairs[0]
    assert few.p != pytest.approx(stats.ttest_rel(*(each[:-1] for each in least)).pvalue, rel=1e-6)


def test_a_pair_is_tested_on_the_functions_that_both_have() -> None:
    found = summary(conditions(), [ran("a", WORST), ran("b", MIDDLE[:6])])
    (pair,) = found.pairs
    assert [each.count for each in found.entrants] == [8, 6]
    assert pair.count == 6
    assert pair.difference == pytest.approx(np.mean(np.array(WORST[:6]) - MIDDLE[:6]), rel=1e-5)


def test_the_time_of_a_proposal_is_that_of_one_function_alone() -> None:
    runs = ran("random", WORST, milliseconds=2.0)
    assert summary(conditions(), [runs]).entrants[0].seconds == pytest.approx(0.002)
    assert summary(conditions(), [runs]).entrants[0].seconds_side_by_side is None
    fleet = ran("fleet", WORST, milliseconds=2.0, side_by_side=True)
    (entrant,) = summary(conditions(), [fleet]).entrants
    assert (entrant.seconds, entrant.seconds_side_by_side) == (pytest.approx(0.006), pytest.approx(0.002))
    slow = replace(runs, runs=replace(runs.runs, seconds=np.array([9.0, *[STEPS * 0.001] * 7])))
    assert summary(conditions(), [slow]).entrants[0].seconds == pytest.approx(0.001), "the first one loads modules"


def test_trajectories_of_the_shown_functions_are_kept() -> None:
    found = record({"a": WORST, "b": MIDDLE}, shown=True)
    assert len(found.shown) == SHOWN
    for each in found.entrants:
        assert len(each.trajectories) == SHOWN
        assert each.trajectories[0].points == pytest.approx(np.linspace(0, 1, STEPS))
    fleet = ran("fleet", WORST, side_by_side=True)
    assert summary(conditions(), [fleet]).shown == ()


def test_entrants_come_by_label_and_a_label_of_two_says_which() -> None:
    several = [ran("b", WORST), ran("a", MIDDLE), ran("b", BEST, version=2)]
    labels = [each.label for each in summary(conditions(), several).entrants]
    assert labels[0] == "a"
    assert [label.split()[0] for label in labels[1:]] == ["b", "b"]
    assert len(set(labels)) == 3
