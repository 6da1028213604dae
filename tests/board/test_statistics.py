"""Figures against values worked out by hand or by another road."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from harness.board.statistics import (
    Estimate,
    area,
    best_so_far,
    bootstrapped,
    estimate,
    expected_best,
    median_curve,
    paired,
    quartile_curves,
    reached,
    sign_flip,
)
from harness.seeds import derive_seed


def curve(scores: list[float], children: int = 5) -> list[float]:
    return best_so_far(scores, children=children, chance=0.1).tolist()


def test_best_so_far_never_falls_nor_goes_beyond_the_budget() -> None:
    assert curve([0.2, 0.4, 0.3, 0.5, 0.1, 0.9]) == [0.2, 0.4, 0.4, 0.5, 0.5]


def test_a_run_that_ended_early_keeps_its_last_best() -> None:
    assert curve([0.2, 0.6]) == [0.2, 0.6, 0.6, 0.6, 0.6]


def test_a_run_that_trained_nothing_has_chance() -> None:
    assert curve([]) == [0.1] * 5


def test_area_is_the_mean_over_the_budget() -> None:
    assert area(best_so_far([0.2, 0.6], children=4, chance=0.1)) == pytest.approx((0.2 + 3 * 0.6) / 4)


def test_median_curve_is_taken_child_by_child() -> None:
    curves = [np.array([0.1, 0.9]), np.array([0.2, 0.2]), np.array([0.6, 0.3])]
    assert median_curve(curves).tolist() == [0.2, 0.3]


def test_interval_is_students() -> None:
    # mean 2, standard deviation 1, n = 3; t(0.975, 2) = 4.302653 from the tables
    found = estimate([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.count == 3
    margin = 4.302653 / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((2 - margin, 2 + margin), abs=1e-5)


def test_one_seed_gives_no_interval() -> None:
    one = estimate([0.9])
    assert (one.low, one.high) == (None, None)


def test_equal_values_give_an_interval_of_no_width() -> None:
    found = estimate([0.25, 0.25])
    assert (found.low, found.high) == (0.25, 0.25)


def test_nothing_to_estimate_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        estimate([])


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    # 2,000 draws of 5: coverage 0.95 with standard error 0.0049; a miss of 5 of them has odds below 1 in a million
    rng = np.random.default_rng(7)
    found = [estimate(rng.normal(0.5, 0.02, size=5).tolist()) for _ in range(2000)]
    covered = np.mean([each.low <= 0.5 <= each.high for each in found])
    assert abs(covered - 0.95) < 0.0245


def test_expected_best_of_four_by_hand() -> None:
    # of 1, 2, 3, 5: one is worth 11/4; of the six pairs the best are 2, 3, 3, 5, 5, 5; of the four triples 3, 5, 5, 5
    assert expected_best([3, 1, 5, 2], children=6) == pytest.approx([11 / 4, 23 / 6, 18 / 4, 5, 5, 5])


def test_expected_best_is_the_mean_over_all_choices() -> None:
    scores = [0.1, 0.1, 0.35, 0.4, 0.4, 0.72, 0.9]
    wanted = [np.mean([max(chosen) for chosen in itertools.combinations(scores, count)]) for count in range(1, 8)]
    assert expected_best(scores, children=7) == pytest.approx(wanted)


def test_expected_best_is_what_shuffled_searches_earn() -> None:
    # 4,000 shuffles: a point's standard error is at most 0.5/√4000 = 0.008, and a miss of 6 of them has odds under 1e-7
    rng = np.random.default_rng(3)
    scores = rng.beta(0.3, 2.0, size=200)
    shuffled = np.stack([np.maximum.accumulate(rng.permutation(scores)[:50]) for _ in range(4000)])
    assert np.abs(expected_best(scores.tolist(), children=50) - shuffled.mean(0)).max() < 0.048
    assert np.abs(expected_best(scores.tolist(), children=50) - shuffled.mean(0)).mean() < 0.01


def test_expected_best_stays_exact_for_many_draws() -> None:
    # the best of k of 0, 1/N, … (N − 1)/N is k(N + 1)/(k + 1)/N − 1/N on average
    count = 20_000
    drawn = np.arange(1, count + 1)  # most terms are negligible by then, and left out
    found = expected_best((np.arange(count) / count).tolist(), children=count)
    assert found == pytest.approx(drawn * (count + 1) / (drawn + 1) / count - 1 / count, abs=1e-12)


def test_one_score_is_its_own_best_and_none_is_refused() -> None:
    assert expected_best([0.3], children=3).tolist() == [0.3, 0.3, 0.3]
    with pytest.raises(ValueError, match="at least one score"):
        expected_best([], children=3)


def test_bootstrap_interval_holds_the_mean_and_repeats_itself() -> None:
    values = [0.1, 0.2, 0.25, 0.3, 0.9]
    found = bootstrapped(values, seed=1)
    assert found == bootstrapped(values, seed=1)
    assert min(values) < found.low < found.mean < found.high < max(values)
    assert found.high - found.mean > found.mean - found.low  # the one large value stretches it upward


@pytest.mark.filterwarnings("error")
def test_a_bootstrap_of_many_values_in_parts_has_the_interval_of_one_at_once() -> None:
    values = np.random.default_rng(3).normal(size=200)
    found = bootstrapped(values.tolist(), seed=5)
    rng, mean = np.random.default_rng(5), np.mean
    whole = stats.bootstrap((values,), mean, n_resamples=9_999, method="BCa", rng=rng).confidence_interval
    assert (found.low, found.high) == (whole.low, whole.high)


def test_bootstrap_where_bca_is_undefined() -> None:
    assert bootstrapped([0.25] * 3, seed=0) == Estimate(0.25, 0.25, 0.25, 3)
    rounded = bootstrapped([0.1 + 0.2, 0.3, 0.3], seed=0)  # 0.30000000000000004 is 0.3
    assert rounded.low == rounded.high == rounded.mean
    assert bootstrapped([0.0] * 4, seed=0) == Estimate(0.0, 0.0, 0.0, 4)
    assert bootstrapped([0.25, 0.75], seed=0) == Estimate(0.5, None, None, 2)
    assert bootstrapped([0.25], seed=0) == Estimate(0.25, None, None, 1)
    with pytest.raises(ValueError, match="at least one value"):
        bootstrapped([], seed=0)


@pytest.mark.filterwarnings("error")
def test_bootstrap_of_values_nearly_equal_or_with_one_outlier_is_finite() -> None:
    for values in ([0.0, 0.0, 1.0], [0.3, 0.3 + 1e-9, 0.3], [0.1] * 19 + [0.9], [-1e-30, 1e-30, 0.0]):
        found = bootstrapped(values, seed=2)
        assert found.low is not None
        assert found.high is not None
        assert min(values) <= found.low <= found.high <= max(values)


def test_bca_leans_to_the_long_tail_further_than_percentiles_do() -> None:
    values = 0.1 * 1.5 ** np.arange(10)
    found = bootstrapped(values.tolist(), seed=4)
    plain = stats.bootstrap(
        (values,), np.mean, n_resamples=9_999, method="percentile", rng=np.random.default_rng(4)
    ).confidence_interval
    assert found.low > plain.low
    assert found.high > plain.high


def test_sign_flip_by_hand() -> None:
    assert sign_flip([1.0, 2.0, 3.0]) == 2 / 8  # only all signs as they are, or all turned round
    assert sign_flip([1.0, 2.0, -3.0]) == 1.0  # nothing is smaller than 0
    assert sign_flip([3.0, 2.0, -1.0]) == 4 / 8  # 3+2−1 = 4 is reached or passed by ±(3+2−1) and ±(3+2+1)
    assert sign_flip([5.0]) == 1.0
    assert sign_flip([0.0, 0.0]) == 1.0


def test_sign_flip_agrees_with_going_through_all_signs_and_with_scipy() -> None:
    rng = np.random.default_rng(5)
    for count in (2, 5, 9):
        values = rng.normal(0.4, 1.0, size=count)
        signs = np.array(list(itertools.product([1, -1], repeat=count)))
        wanted = np.mean(np.abs(signs @ values) >= abs(values.sum()) - 1e-12)
        assert sign_flip(values.tolist()) == pytest.approx(wanted, abs=1e-15)
        known = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
        )
        assert sign_flip(values.tolist()) == pytest.approx(known.pvalue, abs=1e-12)


def test_sign_flip_does_not_mind_units_order_or_direction() -> None:
    values = [0.1, 0.2, 0.3, -0.3, 0.1, 0.7]  # sums of tenths are not exact, but equal ones must count as equal
    wanted = sign_flip([1, 2, 3, -3, 1, 7])
    assert sign_flip(values) == sign_flip([1e9 * value for value in values]) == wanted
    assert sign_flip(values[::-1]) == sign_flip([-value for value in values]) == wanted


def test_sign_flip_is_exact_to_twenty_pairs_and_drawn_beyond() -> None:
    assert sign_flip([0.01] * 20) == 2 / 2**20
    assert sign_flip([0.01] * 21) == 1 / 20_000  # the signs as they are, and none of the 19,999 drawn
    for bad in ([], [0.1, math.nan]):
        with pytest.raises(ValueError, match="at least one difference, all finite"):
            sign_flip(bad)


def test_more_signs_are_drawn_for_more_tests() -> None:
    """The smallest p of 19,999 draws survives no correction for 1,001 tests, however different the entrants are."""
    assert sign_flip([0.01] * 25, tests=100) == 1 / 20_000
    assert sign_flip([0.01] * 25, tests=1_035) * 1_035 == pytest.approx(1 / 200)


def test_drawn_signs_agree_with_all_of_them() -> None:
    # a difference of 0 flips to itself, so 20 pairs and a zero have the exact p of the 20; its standard error over
    # 19,999 draws is at most 0.0036, and a miss of 5 of them has odds below 1 in a million
    values = np.random.default_rng(13).normal(0.2, 1.0, size=20).tolist()
    drawn = sign_flip([*values, 0.0], seed=3)
    assert drawn == sign_flip([*values, 0.0], seed=3)
    assert drawn != sign_flip([*values, 0.0], seed=4)
    assert drawn == pytest.approx(sign_flip(values), abs=0.018)


def test_a_paired_test_says_what_it_rests_on() -> None:
    few, many = paired([0.1] * 4 + [0.2], seed=0), paired([0.1] * 10 + [0.2] * 11, seed=0)
    assert (few.pairs, few.exact, few.underpowered, few.p) == (5, True, True, 2 / 2**5)
    assert few.difference == bootstrapped([0.1] * 4 + [0.2], seed=derive_seed(0, "interval"))
    assert few.spread == pytest.approx(0.1 / math.sqrt(5))
    assert (many.pairs, many.exact, many.underpowered) == (21, False, False)
    assert not paired([0.1] * 6, seed=0).underpowered
    assert paired([0.1], seed=0).spread is None


def test_quartiles_are_taken_child_by_child() -> None:
    low, high = quartile_curves([np.array([value, 1 - value]) for value in (0.0, 0.1, 0.4, 0.8, 1.0)])
    assert (low.tolist(), high.tolist()) == (pytest.approx([0.1, 0.2]), pytest.approx([0.8, 0.9]))


def test_children_to_a_target_count_the_seeds_that_never_got_there() -> None:
    curves = [np.array(each) for each in ([0.1, 0.5, 0.5], [0.4, 0.4, 0.4], [0.1, 0.1, 0.1])]
    found = reached(curves, target=0.4)
    assert (found.children, found.count, found.median) == ((2, 1, None), 2, 2.0)
    assert reached(curves, target=0.5).median is None  # one of three: the middle one is beyond the budget
    assert reached(curves[:2], target=0.4).median == 1.5
    assert reached(curves[1:], target=0.4).median is None
    assert reached(curves, target=0.9).count == 0


def test_sign_flip_rejects_a_true_null_as_rarely_as_it_says() -> None:
    # 2,000 samples of 8: rejections at p ≤ 0.05 are binomial with share at most 0.05; over 0.075 has odds under 1e-6
    rng = np.random.default_rng(11)
    assert np.mean([sign_flip(rng.normal(size=8).tolist()) <= 0.05 for _ in range(2000)]) < 0.075
