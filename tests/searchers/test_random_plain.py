"""Random search that leaves functions out: random search's rules, simplified, and every rule still possible."""

from __future__ import annotations

import numpy as np

from harness.searchers.random_plain import RandomPlain
from harness.searchers.random_search import RandomSearch
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)
SMALL = Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub", "add"))


def test_it_draws_what_random_search_draws_with_functions_left_out() -> None:
    for one, other in zip(RandomSearch(SPACE, seed=2).ask(50), RandomPlain(SPACE, seed=2).ask(50), strict=True):
        assert all(its in (mine, "id") for mine, its in zip(one.tokens, other.tokens, strict=True))


def test_grouping_of_asks_does_not_matter() -> None:
    one, other = RandomPlain(SPACE, seed=1), RandomPlain(SPACE, seed=1)
    assert [rule for count in (3, 1, 2) for rule in one.ask(count)] == other.ask(6)


def test_the_share_left_out_is_a_setting() -> None:
    for plain in (0.0, 0.3, 0.9):
        rules = RandomPlain(SPACE, seed=0, plain=plain).ask(500)
        share = np.mean([word == "id" for rule in rules for block in rule.blocks for word in (block.u1, block.u2)])
        assert abs(share - (plain + (1 - plain) / 11)) < 0.05  # four standard errors


def test_every_rule_can_still_be_drawn() -> None:
    assert len(set(RandomPlain(SMALL, seed=0).ask(2000))) == SMALL.size()
