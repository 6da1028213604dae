"""Figures against values worked out by hand or by another road."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.board.statistics import area, best_so_far, estimate, median_curve


def curve(trials: list, children: int = 5) -> list[float]:
    return best_so_far(trials, children=children, chance=0.1).tolist()


def test_best_so_far_never_falls_and_passes_over_free_duplicates(trial) -> None:
    trials = [trial(0.2), trial(0.4), trial(0.4, charged=False), trial(0.3), trial(0.5), trial(0.1)]
    assert curve(trials) == [0.2, 0.4, 0.4, 0.5, 0.5]


def test_a_run_that_ended_early_keeps_its_last_best(trial) -> None:
    assert curve([trial(0.2), trial(0.6)]) == [0.2, 0.6, 0.6, 0.6, 0.6]


def test_a_run_that_trained_nothing_has_chance() -> None:
    assert curve([]) == [0.1] * 5


def test_children_beyond_the_budget_do_not_count(trial) -> None:
    assert curve([trial(0.2), trial(0.3), trial(0.9)], children=2) == [0.2, 0.3]


def test_area_is_the_mean_over_the_budget(trial) -> None:
    assert area(best_so_far([trial(0.2), trial(0.6)], children=4, chance=0.1)) == pytest.approx((0.2 + 3 * 0.6) / 4)


def test_median_curve_is_taken_child_by_child() -> None:
    curves = [np.array([0.1, 0.9]), np.array([0.2, 0.2]), np.array([0.6, 0.3])]
    assert median_curve(curves).tolist() == [0.2, 0.3]


def test_interval_is_students() -> None:
    # mean 2, standard deviation 1, n = 3; t(0.975, 2) = 4.302653 from the tables
    found = estimate([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.count == 3
    assert found.half == pytest.approx(4.302653 / math.sqrt(3), abs=1e-5)
    assert (found.low, found.high) == pytest.approx((2 - found.half, 2 + found.half))


def test_one_seed_gives_no_interval_and_separates_from_nothing() -> None:
    one, far = estimate([0.9]), estimate([0.1, 0.1001])
    assert (one.low, one.high, one.half) == (None, None, None)
    assert not one.above(far)
    assert not far.above(one)


def test_equal_values_give_an_interval_of_no_width() -> None:
    found = estimate([0.25, 0.25])
    assert (found.low, found.high) == (0.25, 0.25)


def test_above_needs_the_whole_interval() -> None:
    assert estimate([0.8, 0.81]).above(estimate([0.2, 0.21]))
    assert not estimate([0.2, 0.21]).above(estimate([0.8, 0.81]))
    assert not estimate([0.5, 0.9]).above(estimate([0.4, 0.5]))


def test_nothing_to_estimate_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        estimate([])


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    # 2,000 draws of 5: coverage 0.95 with standard error 0.0049; a miss of 5 of them has odds below 1 in a million
    rng = np.random.default_rng(7)
    found = [estimate(rng.normal(0.5, 0.02, size=5).tolist()) for _ in range(2000)]
    covered = np.mean([each.low <= 0.5 <= each.high for each in found])
    assert abs(covered - 0.95) < 0.0245
