"""Uniform random search: the baseline, and the smallest complete searcher. Copy this page to begin your own.

A searcher is built as ``factory(space, *, seed, **settings)``; keyword-only parameters besides ``seed`` become settings
of the command line. It proposes when asked, hears what its proposals earned when told, and knows of nothing else: the
loop owns the budget, the duplicates and the store. Everything random in it comes from ``derive_seed(seed, ...)``,
here by way of ``Draws``, so ``(space, seed, settings, history)`` determines the next proposal and a killed run resumes
by replaying its history. ``harness conformance module:attribute`` says whether your own keeps these promises.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.contracts import Rule, Trial
from harness.space.draws import Draws
from harness.space.grammar import Space


class RandomSearch:
    """Draws every proposal independently and uniformly from the space (Bergstra and Bengio 2012, §2).

    It may propose a rule twice; a repeat costs nothing (protocol §3), and avoiding them would make it another method.

    Args:
        space: what to draw from.
        seed: decides the draws.
    """

    version = 1  # rises when its proposals change
    batch = 64  # it never learns, so this only has to keep every worker busy

    def __init__(self, space: Space, *, seed: int) -> None:
        self._draws = Draws(space, seed=seed)

    @staticmethod
    def startup(_: object) -> dict[str, int]:
        """Nothing is learnt, so no draw is a mere beginning; a searcher that learns names its settings here."""
        return {}

    def ask(self, count: int) -> Sequence[Rule]:
        """Draw ``count`` rules; the sequence is the same however the asking is grouped."""
        return [self._draws.draw() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Nothing is learnt."""
