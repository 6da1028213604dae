"""How many functions a space's strings are: by algebra, and by an independent numeric probe (protocol §1).

A space of ``size`` strings holds fewer functions, since many strings are one. ``count_keys`` counts canonical forms;
``count_functions`` evaluates every string on random inputs and counts the results, with no algebra at all.

Both find some 75,500 functions among the 154,880 strings of ``icml2017`` at n = 1: 75,510 keys, 75,495 by the probe.
The protocol's "about 42,000 on generic gradients" is what a probe of a few gradients of size 1 sees (``generic=True``),
where every clip saturates: a lower bound, which rises with each entry added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from harness.errors import SpaceError, message
from harness.space import functions, probe
from harness.space.equivalence import simplify
from harness.space.expression import Node
from harness.space.grammar import Space

MOST_STRINGS = 2_000_000
Progress = Callable[[int, int], None]  # (strings done, strings in all)


def count_keys(space: Space, *, progress: Progress | None = None) -> int:
    """Count the distinct keys of a space's rules.

    Canonical forms are built from the inside out, so a block is looked at once for each distinct value of its arguments
    instead of once for each string.

    Args:
        space: at most 2 million strings.
        progress: called now and then.

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

    Args:
        space: at most 2 million strings.
        seed: decides the probe's inputs.
        generic: look at eight gradients of size 1 only, and so see fewer functions (``probe.Probe``).
        progress: called now and then.

    Raises:
        SpaceError: the space is too large to enumerate.
    """
    _check_size(space)
    judge = probe.Probe(seed, generic=generic)
    signatures = np.empty((space.size(), probe.PROJECTIONS))
    done = 0
    with np.errstate(all="ignore"):
        for values in _last_values(space, 0, judge.operands):
            signatures[done : done + len(values)] = judge.project(values)
            done += len(values)
            if progress is not None:
                progress(done, space.size())
    return int(probe.classes(signatures).max()) + 1


def _check_size(space: Space) -> None:
    if space.size() > MOST_STRINGS:
        raise SpaceError(
            message(
                "space to count",
                expected=f"at most {MOST_STRINGS:,} strings",
                got=f"{space.size():,}",
                hint="Take fewer blocks, operands or functions",
            )
        )


def _block_values(space: Space, number: int, history: tuple[Node, ...]) -> set[Node]:
    """The distinct canonical values of one block after given results."""
    bank = {f"#{earlier}": value for earlier, value in enumerate(history, start=1)}
    bank |= {name: simplify(Node(name)) for name in space.operands}
    applied = {
        operand: {functions.apply_unary(token, value) for token in space.unary} for operand, value in bank.items()
    }
    arguments = {(left, right) for op1, op2 in space.pairs(number) for left in applied[op1] for right in applied[op2]}
    return {
        functions.apply_binary(binary, left, right) for left, right in arguments for binary in space.binaries(number)
    }


def _last_values(space: Space, number: int, bank: dict[str, probe.Values]) -> Iterator[probe.Values]:
    """The values of every string that begins with the blocks behind ``bank``, in batches ``(strings, entries)``."""
    applied = {
        operand: np.stack([probe.apply_unary(token, value) for token in space.unary]) for operand, value in bank.items()
    }
    for op1, op2 in space.pairs(number):
        left, right = np.broadcast_arrays(applied[op1][:, None], applied[op2][None, :])
        flat_left, flat_right = (side.reshape(-1, side.shape[-1]) for side in (left, right))
        for binary in space.binaries(number):
            values = probe.apply_binary(binary, flat_left, flat_right)
            if number == space.blocks - 1:
                yield values
            else:
                for value in values:
                    yield from _last_values(space, number + 1, {**bank, f"#{number + 1}": value})
