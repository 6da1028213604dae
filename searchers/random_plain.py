"""Random search that prefers plain rules: it shows what a preference for few functions earns without any learning.

The searchers that learn have this preference, too, so one that beats this searcher has learnt something.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from harness.contracts import Rule, Trial
from harness.settings import Range
from harness.space.draws import Draws
from harness.space.grammar import Space


class RandomPlain:
    """Draws like random search, but leaves out each unary function with a fixed probability.

    With the same seed it draws the same rules as ``random``, except for the functions left out.

    Args:
        space: the space to draw from.
        seed: decides the draws.
        plain: probability that a unary function is left out; below 1, so that every rule can be drawn.
    """

    version = 1
    batch = 64  # it never learns, so this only has to keep every worker busy

    def __init__(self, space: Space, *, seed: int, plain: Annotated[float, Range(0.0, 0.99)] = 0.5) -> None:
        self._draws = Draws(space, seed=seed, plain=plain)

    @staticmethod
    def startup(_: object) -> dict[str, int]:
        """Return nothing: a searcher that learns nothing has no start-up."""
        return {}

    def ask(self, count: int) -> Sequence[Rule]:
        """Draw ``count`` rules; the sequence does not depend on how the calls are grouped."""
        return [self._draws.draw() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Do nothing: there is nothing to learn."""
