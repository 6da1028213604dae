"""Every string of a small space, and one string for each distinct function, which fill tables of outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product

from harness.contracts import Block, Rule
from harness.errors import SpaceError, message
from harness.space.grammar import Space

MOST_STRINGS = 1_000_000


def strings(space: Space) -> Iterator[Rule]:
    """Yield every rule of a space in the order of its words; the last block varies fastest."""
    for blocks in product(*(tuple(_blocks(space, number)) for number in range(space.blocks))):
        yield Rule(blocks)


def functions(space: Space) -> tuple[Rule, ...]:
    """Return one rule for each distinct function (key) of a space: its shortest string.

    The shortest (**D**) has the fewest characters as a formula, then as tokens, then is the first of ``strings``. The
    order is that in which ``strings`` first yields each function, so it depends only on the space and the language.

    Raises:
        SpaceError: the space has more than a million strings.
    """
    return _gone_through(space)[0]


def strings_of_functions(space: Space) -> Mapping[str, int]:
    """How many strings of a space are each function, by key, in the order of ``functions``: they sum to its size.

    Raises:
        SpaceError: the space has more than a million strings.
    """
    return _gone_through(space)[1]


@lru_cache(maxsize=4)
def _gone_through(space: Space) -> tuple[tuple[Rule, ...], Mapping[str, int]]:
    """Each function's shortest string, and how many strings it has."""
    check_enumerable(space)
    best: dict[str, tuple[int, int, Rule]] = {}
    counts: Counter[str] = Counter()
    for rule in strings(space):
        key = rule.key
        counts[key] += 1
        found = best.get(key)
        length = (len(rule.infix), len(str(rule)))
        if found is None or length < found[:2]:
            best[key] = (*length, rule)
    return tuple(rule for *_, rule in best.values()), counts


def check_enumerable(space: Space) -> None:
    """Raise unless a space is small enough to enumerate.

    Raises:
        SpaceError: it has more than a million strings.
    """
    if space.size() > MOST_STRINGS:
        what, hint = "space to enumerate", "Use fewer blocks, operands or functions"
        raise SpaceError(
            message(what, expected=f"at most {MOST_STRINGS:,} strings", got=f"{space.size():,}", hint=hint)
        )


def _blocks(space: Space, number: int) -> Iterator[Block]:
    """Yield every legal block at a place; places count from 0."""
    for (op1, op2), u1, u2, binary in product(space.pairs(number), space.unary, space.unary, space.binaries(number)):
        yield Block(op1, op2, u1, u2, binary)
