"""How many functions a space's strings stand for: by algebra, and by an independent numeric probe (protocol §1).

A space of ``size`` strings contains fewer functions, since many strings are the same function. ``count_keys`` counts
canonical forms; ``count_functions`` evaluates every string on random inputs and counts the results, with no algebra at
all.

Where sums cancel, rounding makes one function look like several, so values that rounding may have changed are left out
of the comparison (``rounding``). Then the probe sees no more functions than there are keys, unless rules with one key
differ.

Among the 154,880 strings of ``icml2017`` at n = 1 there are 74,226 keys and, by the probe, 73,855 functions: on the
probe's inputs, noise, γ̂ and √v̂ are never 0 unless all gradients were 0. A probe of a few gradients of size 1
(``generic=True``), where every clip saturates, sees some 38,000; this is a lower bound that rises with each entry
added. The protocol once said "about 42,000 on generic gradients", because x/1 and x were two functions then.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from harness.errors import SpaceError, message
from harness.space.canonical import functions
from harness.space.counting import probe, rounding
from harness.space.counting.rounding import Measured
from harness.space.equivalence import simplify
from harness.space.grammar import Space
from harness.space.node import Node

MOST_STRINGS = 2_000_000
CHUNK = 10_000  # functions compared at once
Progress = Callable[[int, int], None]  # (strings done, strings in all)


def count_keys(space: Space, *, progress: Progress | None = None) -> int:
    """Count the distinct keys of a space's rules.

    Canonical forms are built from the inside out, so a block is computed once for each distinct value of its arguments
    instead of once for each string.

    Args:
        space: at most 2 million strings.
        progress: called now and then with (strings done, strings in all).

    Raises:
        SpaceError: the space is too large to enumerate.
    """
    _check_size(space)
    histories: set[tuple[Node, ...]] = {()}  # results of the blocks so far
    for number in range(space.blocks):
        grown: set[tuple[Node, ...]] = set()
        for done, history in enumerate(histories):
            if progress is not None and number == space.blocks - 1:
                progress(done * space.size() // len(histories), space.size())
            for value in _block_values(space, number, history):
                grown.add((value,) if number == space.blocks - 1 else (*history, value))
        histories = grown
    if progress is not None:
        progress(space.size(), space.size())
    return len(histories)


def count_functions(space: Space, *, seed: int = 0, generic: bool = False, progress: Progress | None = None) -> int:
    """Count the distinct functions among a space's rules by evaluating every string (``probe.Probe``).

    A string that rounding may have changed counts as a function that it equals wherever rounding has no effect.

    Args:
        space: at most 2 million strings.
        seed: decides the probe's inputs.
        generic: whether to use only eight gradients of size 1, which distinguishes fewer functions (``probe.Probe``).
        progress: called now and then with (strings done, strings in all).

    Raises:
        SpaceError: the space is too large to enumerate.
    """
    _check_size(space)
    judge = probe.Probe(seed, generic=generic)
    operands = rounding.measured_operands(judge.operands)
    signatures = np.empty((space.size(), probe.PROJECTIONS))
    doubtful = np.empty(space.size(), dtype=bool)
    for places, values in _batches(space, operands):
        signatures[places] = judge.project(values.values)
        doubtful[places] = values.doubtful.any(axis=1)
        if progress is not None:
            progress(places.stop, space.size())
    labels = probe.classes(signatures)
    order = np.lexsort((doubtful, labels))  # in each class, strings without rounding come first
    firsts = np.zeros(space.size(), dtype=bool)
    firsts[order[np.unique(labels[order], return_index=True)[1]]] = True
    left = list(_picked(space, operands, firsts & doubtful))
    if left:
        sure = _picked(space, operands, firsts & ~doubtful)
        while chunk := list(itertools.islice(sure, CHUNK)):
            left = rounding.unlike(left, rounding.stacked(chunk).values)
    return int((firsts & ~doubtful).sum()) + rounding.distinct(left)


def _batches(space: Space, operands: dict[str, Measured]) -> Iterator[tuple[slice, Measured]]:
    """Yield the values of every string, in batches ``(strings, entries)``, and their places among all strings."""
    done = 0
    with np.errstate(all="ignore"):
        for batch in _last_values(space, 0, operands):
            end = done + len(batch.values)
            yield slice(done, end), batch
            done = end


def _picked(space: Space, operands: dict[str, Measured], which: NDArray[np.bool_]) -> Iterator[Measured]:
    """Yield the values of some of the strings, one by one."""
    for places, batch in _batches(space, operands):
        for row in np.flatnonzero(which[places]).tolist():
            yield Measured(batch.values[row], batch.errors[row])


def _check_size(space: Space) -> None:
    if space.size() > MOST_STRINGS:
        raise SpaceError(
            message(
                "space to count",
                expected=f"at most {MOST_STRINGS:,} strings",
                got=f"{space.size():,}",
                hint="Use fewer blocks, operands or functions",
            )
        )


def _block_values(space: Space, number: int, history: tuple[Node, ...]) -> set[Node]:
    """Return the distinct canonical values of a block after given results."""
    bank = {f"#{earlier}": value for earlier, value in enumerate(history, start=1)}
    bank |= {name: simplify(Node(name)) for name in space.operands}
    applied = {
        operand: {functions.apply_unary(token, value) for token in space.unary} for operand, value in bank.items()
    }
    arguments = {(left, right) for op1, op2 in space.pairs(number) for left in applied[op1] for right in applied[op2]}
    return {
        functions.apply_binary(binary, left, right) for left, right in arguments for binary in space.binaries(number)
    }


def _last_values(space: Space, number: int, bank: dict[str, Measured]) -> Iterator[Measured]:
    """Yield the values of every string that starts with the blocks of ``bank``, in batches ``(strings, entries)``."""
    applied = {
        operand: [rounding.apply_unary(token, value) for token in space.unary] for operand, value in bank.items()
    }
    for op1, op2 in space.pairs(number):
        left, right = zip(*itertools.product(applied[op1], applied[op2]), strict=True)
        for binary in space.binaries(number):
            batch = rounding.apply_binary(binary, rounding.stacked(left), rounding.stacked(right))
            if number == space.blocks - 1:
                yield batch
            else:
                for value in batch:
                    yield from _last_values(space, number + 1, {**bank, f"#{number + 1}": value})
