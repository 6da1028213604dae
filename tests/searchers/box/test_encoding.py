"""Points of the unit box as rules: each has one, every rule has a cell, and its size is what its choices say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import SpaceError
from harness.searchers.box.encoding import RuleBox
from harness.space.counting.enumeration import strings
from harness.space.grammar import Space

SMALL = Space.of(blocks=2, operands=("g", "m"), unary=("id", "sign"), binary=("mul", "sub"))


def test_every_rule_of_a_small_space_is_reached() -> None:
    box, all_rules = RuleBox(SMALL), list(strings(SMALL))
    assert len(all_rules) == SMALL.size() == 512
    assert {box.rule(box.point(rule)) for rule in all_rules} == set(all_rules)


@pytest.mark.parametrize("edition", ["icml2017", "arxiv2"])
def test_the_middle_of_a_rules_cell_is_that_rule(edition: str) -> None:
    space = Space.of(edition, blocks=3)
    box, rng = RuleBox(space), np.random.default_rng(1)
    for rule in (space.sample(rng) for _ in range(200)):
        point = box.point(rule)
        assert ((point > 0) & (point < 1)).all()
        assert box.rule(point) == rule


@given(st.lists(st.floats(0, 1), min_size=10, max_size=10))
def test_every_point_is_a_rule_of_the_space(coordinates: list[float]) -> None:
    space = Space.of(blocks=2)
    assert space.contains(RuleBox(space).rule(np.array(coordinates)))


def test_the_corners_are_the_first_and_the_last_choices() -> None:
    box = RuleBox(SMALL)
    corners = [box.rule(np.full(box.dimensions, value)) for value in (0.0, 1.0)]
    first, last = (list(itertools.chain(*(block.tokens for block in rule.blocks))) for rule in corners)
    assert first[2:4] == ["id", "id"]
    assert last[2:4] == ["sign", "sign"]


def test_a_rule_of_another_space_has_no_point() -> None:
    with pytest.raises(SpaceError, match="block"):
        RuleBox(SMALL).point(next(iter(strings(Space.of(blocks=1)))))
