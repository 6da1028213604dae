"""The unit box: points of [0, 1]ᵈ, what optimizes over them, and the rule that a point of it stands for (protocol §9).

::

    box = RuleBox(space)
    box.rule(np.full(box.dimensions, 0.5))

An optimizer of the box asks and is told, as searchers are::

    points = optimizer.ask(5)                # (5, dimensions)
    optimizer.tell(points, values)           # (5,): less is better
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Rule
from harness.space.grammar import Space

Points = NDArray[np.float64]
Values = NDArray[np.float64]


@runtime_checkable
class BoxOptimizer(Protocol):
    """A method that minimizes a function over the unit box. Built as ``factory(dimensions, *, seed, **settings)``.

    The laws are those of searchers: ``(dimensions, seed, settings, history of asks and tells)`` determines the next
    points, and it never sees a clock.
    """

    def ask(self, count: int) -> Points:
        """Return ``count`` points, (count, dimensions), float64 in [0, 1]."""

    def tell(self, points: Points, values: Values) -> None:
        """Learn the values (count,) of points (count, dimensions): finite, less is better.

        The points are earlier ones, in any order, each told once for each time that it was asked for.
        """


class RuleBox:
    """Reads points of the unit box as rules: at each position, coordinate u takes choice ⌊u·k⌋ of the k legal ones.

    Each choice depends on those before it, so every point is a rule of the space, and every rule has a cell of points.
    A uniform point draws each choice uniformly, which makes rules with fewer legal choices a little likelier than
    others.

    Args:
        space: the space of the rules.
    """

    def __init__(self, space: Space) -> None:
        self._space = space

    @property
    def dimensions(self) -> int:
        """Dimensions of the box: one for each position of a rule."""
        return self._space.positions

    def rule(self, point: Points) -> Rule:
        """Return the rule of a point, (dimensions,)."""
        picks: list[int] = []
        for coordinate in point:
            legal = np.flatnonzero(self._space.mask(picks))
            picks.append(int(legal[_part(float(coordinate), len(legal))]))
        return self._space.decode(np.array(picks))

    def point(self, rule: Rule) -> Points:
        """Return the middle of a rule's cell, (dimensions,).

        Raises:
            SpaceError: the rule is outside the space.
        """
        picks = self._space.encode(rule).reshape(-1).tolist()
        middle = []
        for position, pick in enumerate(picks):
            legal = np.flatnonzero(self._space.mask(picks[:position]))
            middle.append((int(np.searchsorted(legal, pick)) + 0.5) / len(legal))
        return np.array(middle)


def _part(coordinate: float, parts: int) -> int:
    """Return which of equal parts of [0, 1] a coordinate lies in; 1 belongs to the last."""
    return min(int(coordinate * parts), parts - 1)
