"""Going through a whole space: every string once, every function once, the shortest string of each."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.errors import SpaceError
from harness.race.store.tables import TABLES
from harness.space.counting.count import count_keys
from harness.space.counting.enumeration import functions, strings, strings_of_functions
from harness.space.grammar import Space

SMALL = Space.of(blocks=2, operands=("g", "m", "1"), unary=("id", "neg"), binary=("sub", "mul", "left"))


def test_every_string_comes_once_and_lies_in_the_space() -> None:
    every = list(strings(SMALL))
    assert len(set(every)) == len(every) == SMALL.size()
    assert all(SMALL.contains(rule) for rule in every)


def test_every_function_comes_once_as_its_shortest_string() -> None:
    shortest: dict[str, int] = {}
    for rule in strings(SMALL):
        shortest[rule.key] = min(shortest.get(rule.key, 1000), len(rule.infix))
    found = functions(SMALL)
    assert [rule.key for rule in found] == list(shortest)  # in the order in which the strings come to them
    assert [len(rule.infix) for rule in found] == list(shortest.values())
    assert len(found) == count_keys(SMALL)


def test_a_space_above_a_million_strings_is_refused_with_its_size() -> None:
    with pytest.raises(SpaceError, match=r"expected at most 1,000,000 strings, got 2,248,857,600"):
        functions(Space.of(blocks=2))


@pytest.mark.parametrize(("name", "size", "keys"), [("signs", 18_432, 4_122), ("broad", 6_480, 2_355)])
def test_the_spaces_of_the_tables_have_the_published_sizes(name: str, size: int, keys: int) -> None:  # of language 2
    spec = TABLES[name]
    assert (spec.space.size(), len(spec.rules)) == (size, keys)


def test_every_string_is_counted_with_its_function() -> None:
    counts = strings_of_functions(SMALL)
    assert sum(counts.values()) == SMALL.size()
    assert list(counts) == [rule.key for rule in functions(SMALL)]
    assert counts == Counter(rule.key for rule in strings(SMALL))
