"""The rule that a point of the unit box [0, 1]ᵈ stands for (protocol §9).

::

    box = RuleBox(space)
    box.rule(np.full(box.dimensions, 0.5))
"""

from __future__ import annotations

import numpy as np

from harness.blackbox.contracts import Points
from harness.contracts import Rule
from harness.space.grammar import Space


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
