"""Random search that prefers plain rules: what a preference for few functions earns by itself, without any learning.

The searchers that learn have that preference too, so beating this one shows that they have learnt something.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from harness.contracts import Rule, Trial
from harness.settings import Range
from harness.space.draws import Draws
from harness.space.grammar import Space


class RandomPlain:
    """Draws as random search does, and leaves each unary function out with a fixed probability.

    With equal seeds it draws the rules of ``random``, but for the functions left out.

    Args:
        space: what to draw from.
        seed: decides the draws.
        plain: probability that a unary function is left out; below 1, so that every rule can be drawn.
    """

    version = 1
    batch = 64  # it never learns, so this only has to keep every worker busy

    def __init__(self, space: Space, *, seed: int, plain: Annotated[float, Range(0.0, 0.99)] = 0.5) -> None:
        self._draws = Draws(space, seed=seed, plain=plain)

    @staticmethod
    def startup(_: object) -> dict[str, int]:
        """Nothing is learnt, so no draw is a mere beginning."""
        return {}

    def ask(self, count: int) -> Sequence[Rule]:
        """Draw ``count`` rules; the sequence is the same however the asking is grouped."""
        return [self._draws.draw() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Nothing is learnt."""
