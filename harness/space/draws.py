"""The draws that searches begin with, and that they fall back on when their own proposals repeat themselves."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

import numpy as np

from harness.contracts import Block, Rule
from harness.seeds import derive_seed
from harness.space.grammar import Space

IDENTITY = "id"
TRIES = 50


class Draws:
    """Rules drawn uniformly, the same ones for every searcher that is built with one seed.

    Searchers that begin with these begin where random search does, so that a paired difference to it is not the luck of
    two different starts (common random numbers; **D**). A searcher may leave unary functions out of them: a rule with
    fewer functions earns more on average (``results/studies/searchers``).

    Args:
        space: what to draw from.
        seed: the run's; decides the draws.
        plain: probability that a unary function is left out, that is, becomes ``id`` where the space has it, beyond the
            share of ``id`` among the functions; it has random numbers of its own, so that the rest of a draw does not
            depend on it.
    """

    def __init__(self, space: Space, *, seed: int, plain: float = 0.0) -> None:
        self._space = space
        self._plain = plain if IDENTITY in space.unary else 0.0
        self._rules = np.random.default_rng(derive_seed(seed, "random"))
        self._omissions = np.random.default_rng(derive_seed(seed, "random", "plain"))

    def draw(self) -> Rule:
        """The next draw, whether it is new or not."""
        return self._drawn(self._plain)

    def _drawn(self, plain: float) -> Rule:
        rule = self._space.sample(self._rules)
        if plain == 0.0:
            return rule
        left_out = self._omissions.random((self._space.blocks, 2)) < plain
        return Rule(tuple(_without(block, *which) for block, which in zip(rule.blocks, left_out.tolist(), strict=True)))

    def draw_new(self, proposed: Container[str], *, tries: int = TRIES) -> Rule:
        """Draw until a rule is a function not proposed before.

        Args:
            proposed: keys of the functions proposed before.
            tries: draws to make, at least 1, and as many uniform ones if plain rules run out, before a repeat is
                accepted: a small space runs out of new ones.
        """
        for plain in (self._plain, 0.0)[: 2 if self._plain else 1]:
            for _ in range(tries):
                rule = self._drawn(plain)
                if rule.key not in proposed:
                    return rule
        return rule


def _without(block: Block, first: bool, second: bool) -> Block:
    return replace(block, u1=IDENTITY if first else block.u1, u2=IDENTITY if second else block.u2)
