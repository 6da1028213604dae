"""Scores follow from figures, and figures from scores, by formulas that boards print."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.contracts import ACCURACY, SCORE, Metric
from harness.metrics import FORMULAS, RISING


@pytest.mark.parametrize("formula", FORMULAS)
@given(score=st.floats(0.001, 1.0))
def test_a_score_gives_back_the_figure_that_it_follows_from(formula: str, score: float) -> None:
    metric = Metric("made up", score=formula)
    figure = metric.figure(score)
    assert figure is not None
    assert metric.scored(figure) == pytest.approx(score)


@pytest.mark.parametrize("formula", FORMULAS)
@given(figures=st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)))
def test_every_score_lies_within_0_and_1_and_more_is_better(formula: str, figures: tuple[float, float, float]) -> None:
    metric = Metric("made up", score=formula)
    assert 0.0 <= metric.scored(figures[0]) <= 1.0
    low, high = metric.scored(min(figures[1:])), metric.scored(max(figures[1:]))
    assert low <= high if formula in RISING else low >= high
    assert math.isnan(metric.scored(math.nan))


def test_a_score_of_nothing_is_a_figure_beyond_all() -> None:
    for formula in ("1 / x", "1 / (1 + x)", "exp(-x)"):
        assert Metric("loss", score=formula).figure(0.0) == math.inf
        assert Metric("loss", score=formula).scored(math.inf) == 0.0


def test_what_lies_beyond_the_pole_is_no_worse_than_at_it() -> None:
    for formula in ("1 / x", "1 / (1 + x)", "exp(-x)"):
        assert [Metric("loss", score=formula).scored(figure) for figure in (-0.5, -1.0, -2.0)] == [1.0] * 3


def test_where_the_task_alone_can_say_no_figure_is_made_up() -> None:
    assert Metric("progress", score="").figure(0.5) is None
    assert Metric("progress", score="").described == "progress"


def test_scores_are_called_by_the_metric_only_where_they_are_its_figures() -> None:
    assert (ACCURACY.scale, SCORE.scale, Metric("perplexity", score="1 / x").scale) == ("accuracy", "score", "score")


def test_a_metric_says_which_way_is_better() -> None:
    assert Metric("loss", "nats", "exp(-x)").described == "loss (nats); score exp(-x), less of it is better"
    assert Metric("BLEU", score="x / 100").described == "BLEU; score x / 100, more of it is better"
