"""What is called a regression: how often wrongly, and how surely when there is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np
import pytest
from judging import ODDS, Verdict, compare, rounds_needed

from harness.seeds import derive_seed

Times = dict[str, list[float]]
ROUNDS, BENCHMARKS = 8, 10


def times(paces: Sequence[float], *, noise: float, stream: str, index: int = 0) -> Times:
    """``ROUNDS`` times of each benchmark, log-normal around its pace."""
    rng = np.random.default_rng(derive_seed(0, stream, index))
    return {
        f"benchmark {place}": (pace * rng.lognormal(0.0, noise, ROUNDS)).tolist() for place, pace in enumerate(paces)
    }


def verdicts(here: Times, there: Times) -> list[Verdict]:
    return [each.verdict for each in compare(here, there)]


def test_where_nothing_changed_a_table_alarms_once_in_a_hundred_times_at_most() -> None:
    """Noise so large that the bound on the ratio keeps nothing out: the medians are 15% apart more often than not.

    More than 4 alarms in 60 tables have odds of 3 in 10,000 if one table's are 1 in 100. Without the correction for the
    number of benchmarks, about 5 are to be expected.
    """
    alarms = 0
    for index in range(60):
        here = times([1.0] * BENCHMARKS, noise=0.5, stream="here", index=index)
        there = times([1.0] * BENCHMARKS, noise=0.5, stream="there", index=index)
        alarms += set(verdicts(here, there)) != {Verdict.SAME}
    assert alarms <= 4


@pytest.mark.parametrize(("pace", "verdict"), [(1.3, Verdict.REGRESSION), (1 / 1.3, Verdict.FASTER)])
def test_one_change_of_thirty_per_cent_is_found_and_nothing_else(pace: float, verdict: Verdict) -> None:
    """At noise of 4%, all of one side's times lie beyond the other's but with odds of 1 in 1,000."""
    here = times([pace] + [1.0] * (BENCHMARKS - 1), noise=0.04, stream="here")
    there = times([1.0] * BENCHMARKS, noise=0.04, stream="there")
    assert verdicts(here, there) == [verdict] + [Verdict.SAME] * (BENCHMARKS - 1)


def test_a_sure_change_that_is_small_is_none() -> None:
    here, there = {"a": [1.1 + place / 1000 for place in range(8)]}, {"a": [1.0 + place / 1000 for place in range(8)]}
    (found,) = compare(here, there)
    assert found.p < ODDS
    assert found.verdict is Verdict.SAME


def test_a_large_change_that_is_not_sure_is_none() -> None:
    (found,) = compare({"a": [1.0, 3.0, 3.1, 3.2]}, {"a": [1.01, 1.02, 1.03, 4.0]})
    assert found.ratio > 2
    assert found.p > ODDS
    assert found.verdict is Verdict.SAME


def test_p_is_the_share_of_all_orders_at_least_as_extreme() -> None:
    here, there = [1.0, 2.5, 3.0, 7.0], [4.0, 5.0, 6.0, 8.0, 9.0]
    pooled = here + there
    ranks = {value: rank for rank, value in enumerate(sorted(pooled))}
    middle = 4 * (len(pooled) - 1) / 2
    offsets = [abs(sum(ranks[value] for value in chosen) - middle) for chosen in combinations(pooled, 4)]
    own = abs(sum(ranks[value] for value in here) - middle)
    (found,) = compare({"a": here}, {"a": there})
    assert found.p == pytest.approx(sum(offset >= own for offset in offsets) / len(offsets))


def test_what_runs_on_one_side_alone_is_listed_and_not_judged() -> None:
    here, there = {"both": [1.0, 2.0], "new": [3.0, 4.0]}, {"both": [1.1, 2.1], "old": [5.0, 6.0]}
    found = {each.name: each for each in compare(here, there)}
    assert found["new"].verdict is Verdict.ONLY_HERE
    assert found["old"].verdict is Verdict.ONLY_THERE
    assert math.isnan(found["new"].ratio)
    assert found["new"].here == 3.5


@pytest.mark.parametrize("benchmarks", [1, 10, 60])
def test_with_the_rounds_needed_one_change_can_be_told_and_with_one_less_it_cannot(benchmarks: int) -> None:
    rounds = rounds_needed(benchmarks)
    assert benchmarks * 2 / comb(2 * rounds, rounds) <= ODDS < benchmarks * 2 / comb(2 * rounds - 2, rounds - 1)
