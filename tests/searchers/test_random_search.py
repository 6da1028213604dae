"""Random search is uniform, plain, and indifferent to how it is asked."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from harness.contracts import Outcome, Status, Trial
from harness.searchers.random_search import RandomSearch
from harness.space.grammar import Space

SMALL = Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub", "add"))


@pytest.mark.parametrize("groups", [(5,), (3, 2), (1, 1, 1, 1, 1)])
def test_grouping_of_asks_does_not_matter(groups) -> None:
    space = Space.of(blocks=3)
    one, other = RandomSearch(space, seed=4), RandomSearch(space, seed=4)
    assert [rule for count in groups for rule in one.ask(count)] == list(other.ask(5))


def test_nothing_told_changes_what_comes() -> None:
    space = Space.of(blocks=2)
    silent, told = RandomSearch(space, seed=1), RandomSearch(space, seed=1)
    outcome = Outcome(status=Status.OK, score=0.9, learning_rate=0.1, examples=1, seconds=0.0)
    silent.ask(3)
    told.tell([Trial(index, rule, outcome) for index, rule in enumerate(told.ask(3))])
    assert silent.ask(3) == told.ask(3)


def test_seeds_are_different_searches() -> None:
    space = Space.of(blocks=2)
    assert RandomSearch(space, seed=0).ask(3) != RandomSearch(space, seed=1).ask(3)


def test_every_rule_is_drawn_and_equally_often() -> None:
    # 3·2 operand pairs, 2² unary pairs, 2 binaries (addition may not be last): 48 rules. Fixed seed; over seeds, a
    # uniform searcher would fail once in 10,000
    assert SMALL.size() == 48
    drawn = Counter(RandomSearch(SMALL, seed=0).ask(4800))
    assert len(drawn) == 48
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-4


def test_draws_are_independent_so_repeats_come() -> None:
    # the number of distinct rules in 48 draws of 48 is 30.5 ± 2.2; without repeats it would be 48
    assert 20 < len(set(RandomSearch(SMALL, seed=0).ask(48))) < 41


def test_the_stream_is_its_own() -> None:
    # a searcher that took default_rng(seed) would share its stream with anyone else who did
    space = Space.of(blocks=2)
    rng = np.random.default_rng(0)
    assert RandomSearch(space, seed=0).ask(3) != [space.sample(rng) for _ in range(3)]
