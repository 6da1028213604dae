"""A value of the language as a tree: an operand, a function of other values, or a constant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

CONSTANT = "const"


@dataclass(frozen=True, slots=True)
class Node:
    """One value: an operand, a function of earlier values, or a constant.

    Attributes:
        token: the written name of a word, the name of a primitive (``word.PRIMITIVES``), or ``const``.
        args: the function's arguments; empty for an operand. ``add`` and ``mul`` may have more than two.
        value: the constant's value, or the level of the primitives ``clamp`` and ``drop``; 0 for everything else.
    """

    token: str
    args: tuple[Node, ...] = ()
    value: float = 0.0
    _hash: int = field(init=False, repr=False, compare=False)  # simplification looks up nodes all the time

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.token, self.args, self.value)))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Node], tuple[str, tuple[Node, ...], float]]:
        return Node, (self.token, self.args, self.value)  # another process has different hashes

    def walk(self) -> Iterator[Node]:
        """Yield this node and every node below it, arguments first, repeats included."""
        for arg in self.args:
            yield from arg.walk()
        yield self


def constant(value: float) -> Node:
    """Return the node of a fixed number; −0 becomes 0."""
    return Node(CONSTANT, (), value + 0.0)
