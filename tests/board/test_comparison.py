"""Verdicts over all pairs: by hand, and against what must hold for any figures."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.board import statistics
from harness.board.comparison import LEVEL, Comparison, compare, detectable, holm, pairs_needed, places
from harness.board.statistics import sign_flip


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 99)  # no verdict depends on an interval


def figures(seeds: int, **means: float) -> dict[str, dict[int, float]]:
    rng = np.random.default_rng(5)
    return {name: dict(enumerate(mean + 0.01 * rng.random(seeds))) for name, mean in means.items()}


def test_holm_by_hand() -> None:
    # 3 × 0.01; 2 × 0.04; the last is held up by the one before it
    assert holm([0.06, 0.01, 0.04]) == pytest.approx((0.08, 0.03, 0.08))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([0.02]) == (0.02,)
    assert holm([]) == ()


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=8))
def test_holm_rejects_what_the_step_down_procedure_does(chances) -> None:
    rejected, left = set(), sorted(range(len(chances)), key=lambda place: chances[place])
    while left and chances[left[0]] <= 0.05 / len(left):
        rejected.add(left.pop(0))
    adjusted = holm(chances)
    edge = any(math.isclose(value, 0.05, rel_tol=1e-9) for value in adjusted)
    assert edge or rejected == {place for place, value in enumerate(adjusted) if value <= 0.05}


def test_three_clear_of_each_other_have_a_place_each() -> None:
    found = compare(figures(8, a=0.9, b=0.6, c=0.3), seed=0)
    assert [(each.first, each.second, each.pairs, each.verdict) for each in found] == [
        ("a", "b", 8, "different"),
        ("a", "c", 8, "different"),
        ("b", "c", 8, "different"),
    ]
    assert all(each.adjusted == 3 * 2 / 2**8 for each in found)
    assert places("abc", found) == {"a": (1, 1), "b": (2, 2), "c": (3, 3)}


def test_who_is_not_separated_shares_places() -> None:
    found = compare(figures(8, low=0.3, one=0.6, two=0.6), seed=0)
    assert places(("low", "one", "two"), found) == {"low": (3, 3), "one": (1, 2), "two": (1, 2)}
    assert [each.verdict for each in found] == ["different", "different", "not separated"]


def test_under_six_pairs_nothing_is_told_nor_corrected_for() -> None:
    each = figures(8, a=0.9, b=0.6, c=0.3)
    each["c"] = {seed: value for seed, value in each["c"].items() if seed < 5}
    found = compare(each, seed=0)
    assert [one.verdict for one in found] == ["different", "underpowered", "underpowered"]
    assert found[0].adjusted == 2 / 2**8
    assert found[1].test is not None
    assert (found[1].adjusted, found[1].detectable, found[1].test.p) == (None, None, 2 / 2**5)
    assert places("abc", found) == {"a": (1, 2), "b": (2, 3), "c": (1, 3)}


def test_without_a_shared_seed_there_is_no_test() -> None:
    (found,) = compare({"a": {0: 0.5}, "b": {1: 0.5}}, seed=0)
    assert (found.pairs, found.test, found.verdict) == (0, None, "underpowered")
    assert found.turned().turned() == found


def test_pairs_of_what_never_changes_are_left_out_of_the_correction() -> None:
    still = {name: dict.fromkeys(range(8), mean) for name, mean in (("a", 0.5), ("b", 0.6))}
    found = compare(still | figures(8, c=0.1), seed=0, repeated=["a", "b"])
    assert [each.repeated for each in found] == [True, False, False]
    assert [each.adjusted for each in found] == [None, 2 * 2 / 2**8, 2 * 2 / 2**8]
    assert found[0].turned().repeated
    assert places(["a", "b", "c"], found) == {"a": (1, 2), "b": (1, 2), "c": (3, 3)}


def test_many_entrants_can_be_told_apart_on_many_seeds() -> None:
    found = compare(figures(21, **{f"e{place}": float(place) for place in range(47)}), seed=0)
    assert len(found) == 1_081
    assert all(each.different for each in found)


def test_a_comparison_turned_round_is_the_other_way_round() -> None:
    (found,) = compare(figures(8, a=0.9, b=0.6), seed=0)
    turned = found.turned()
    assert (turned.first, turned.second) == ("b", "a")
    assert turned.test is not None
    assert turned.test.difference.mean == -found.test.difference.mean
    assert (turned.test.difference.low, turned.test.difference.high) == (
        -found.test.difference.high,
        -found.test.difference.low,
    )
    assert turned.turned() == found


def test_equals_are_not_separated() -> None:
    same = dict(enumerate([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    (found,) = compare({"a": same, "b": same}, seed=0)
    assert (found.adjusted, found.verdict, found.detectable) == (1.0, "not separated", None)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 9))
def test_places_hold_the_order_of_means(seed, entrants, seeds) -> None:
    rng = np.random.default_rng(seed)
    areas = {str(name): dict(enumerate(rng.normal(0.3 * name, 0.3, seeds))) for name in range(entrants)}
    found = compare(areas, seed=0)
    ranges = places(tuple(areas), found)
    for place, name in enumerate(sorted(areas, key=lambda each: -np.mean(list(areas[each].values()))), 1):
        assert ranges[name][0] <= place <= ranges[name][1]
    assert len(found) == entrants * (entrants - 1) // 2


def test_pairs_needed_is_where_the_least_p_passes_holm() -> None:
    for comparisons, needed in ((1, 6), (3, 7), (6, 8), (10, 9), (15, 10), (21, 10), (45, 11)):
        assert pairs_needed(comparisons) == needed
        assert comparisons * sign_flip([0.1] * needed) <= 0.05 < comparisons * sign_flip([0.1] * (needed - 1))


def test_nothing_is_detectable_where_no_p_is_small_enough() -> None:
    assert detectable(0.1, pairs=5) is None
    assert detectable(0.1, pairs=6) is not None
    assert detectable(0.1, pairs=9, comparisons=15) is None
    assert detectable(0.1, pairs=10, comparisons=15) is not None


def test_detectable_by_hand() -> None:
    # with six pairs only one sign throughout is significant: Φ(d)⁶ = 0.8 at d = 1.7927
    assert detectable(1.0, pairs=6) == pytest.approx(1.7927, abs=1e-4)
    # many pairs: (1.959964 + 0.841621)/√n, a little more for the t distribution
    assert detectable(1.0, pairs=1000) == pytest.approx(2.801585 / math.sqrt(1000), rel=0.002)
    assert detectable(0.02, pairs=12) == pytest.approx(0.02 * detectable(1.0, pairs=12))


def test_more_pairs_detect_less_and_more_comparisons_more() -> None:
    for comparisons in (1, 15):
        effects = [detectable(1.0, pairs=pairs, comparisons=comparisons) for pairs in range(10, 41)]
        assert all(later <= earlier for earlier, later in itertools.pairwise(effects))
    assert detectable(1.0, pairs=20) < detectable(1.0, pairs=20, comparisons=15)


def test_a_p_of_exactly_five_per_cent_is_a_difference() -> None:
    assert Comparison(first="a", second="b", adjusted=LEVEL).different
    assert not Comparison(first="a", second="b", adjusted=LEVEL + 1e-9).different
