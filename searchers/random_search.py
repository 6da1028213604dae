"""Uniform random search: the baseline, and the smallest complete searcher. Copy this file to begin your own.

A searcher is built as ``factory(space, *, seed, **settings)``; keyword-only parameters besides ``seed`` become settings
of the command line. It proposes rules when asked and learns from their scores when told, and knows nothing else: the
loop owns the budget, the duplicates and the store. All its randomness comes from ``derive_seed(seed, ...)``, here
through ``Draws``. So ``(space, seed, settings, history)`` determines the next proposal, and a killed run resumes by
replaying its history. ``harness conformance module:attribute`` checks whether your own searcher keeps these promises.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.contracts import Rule, Trial
from harness.space.draws import Draws
from harness.space.grammar import Space


class RandomSearch:
    """Draws every proposal independently and uniformly from the space (Bergstra and Bengio 2012, §2).

    It may propose a rule twice. A repeat costs nothing (protocol §3), and avoiding repeats would make it another
    method.

    Args:
        space: the space to draw from.
        seed: decides the draws.
    """

    version = 1  # rises when its proposals change
    batch = 64  # it never learns, so this only has to keep every worker busy

    def __init__(self, space: Space, *, seed: int) -> None:
        self._draws = Draws(space, seed=seed)

    @staticmethod
    def startup(_: object) -> dict[str, int]:
        """Return nothing: it has no start-up, as it learns nothing; a searcher that learns names its settings here."""
        return {}

    def ask(self, count: int) -> Sequence[Rule]:
        """Draw ``count`` rules; the sequence does not depend on how the calls are grouped."""
        return [self._draws.draw() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Do nothing: there is nothing to learn."""
