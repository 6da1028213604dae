"""Exhaustive search: all functions once, in slices that make the whole."""

from __future__ import annotations

import pytest

from harness.errors import SettingError, SpaceError
from harness.searchers.exhaustive import Exhaustive
from harness.space.counting.enumeration import functions
from harness.space.grammar import Space

SPACE = Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub"))


@pytest.mark.parametrize("count", [1, 3, 8, 1000])
def test_the_slices_together_are_the_whole_in_order(count: int) -> None:
    every = functions(SPACE)
    found = []
    for number in range(1, count + 1):
        rules = Exhaustive(SPACE, seed=number, part=f"{number}/{count}").ask(10_000)
        assert abs(len(rules) - len(every) / count) < 1
        found += rules
    assert tuple(found) == every


def test_it_ends_when_everything_was_proposed() -> None:
    searcher = Exhaustive(SPACE, seed=0)
    assert tuple(rule for _ in range(1000) for rule in searcher.ask(7)) == functions(SPACE)
    assert not searcher.ask(1)


@pytest.mark.parametrize("part", ["0/3", "4/3", "3", "1/0", "a/b", "-1/2", "1/2/3", "01/2", ""])
def test_what_is_no_slice_is_refused(part: str) -> None:
    with pytest.raises(SettingError, match=r"setting part: expected k/n with 1 <= k <= n"):
        Exhaustive(SPACE, seed=0, part=part)


def test_a_large_space_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"at most 1,000,000 strings"):
        Exhaustive(Space.of(blocks=2), seed=0)


def test_it_has_no_start_up() -> None:
    assert Exhaustive.startup({}) == {}
