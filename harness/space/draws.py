"""The random draws with which searches begin, and which replace proposals that would be repeats."""

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
    """Rules drawn uniformly; all searchers with one seed get the same ones.

    A searcher that begins with these draws has the same start as random search, so a paired difference between them is
    not due to the luck of different starts (common random numbers; **D**). A searcher may leave out unary functions: a
    rule with fewer functions earns more on average (``results/studies/searchers``).

    Args:
        space: the space to draw from.
        seed: the run's seed, which decides the draws.
        plain: probability that a unary function is left out, that is, replaced by ``id`` if the space has it; it comes
            on top of the share of ``id`` among the functions. It uses its own random numbers, so the rest of a draw
            does not depend on it.
    """

    def __init__(self, space: Space, *, seed: int, plain: float = 0.0) -> None:
        self._space = space
        self._plain = plain if IDENTITY in space.unary else 0.0
        self._rules = np.random.default_rng(derive_seed(seed, "random"))
        self._omissions = np.random.default_rng(derive_seed(seed, "random", "plain"))

    def draw(self) -> Rule:
        """Return the next draw, whether or not it is new."""
        return self._drawn(self._plain)

    def _drawn(self, plain: float) -> Rule:
        rule = self._space.sample(self._rules)
        if plain == 0.0:
            return rule
        left_out = self._omissions.random((self._space.blocks, 2)) < plain
        return Rule(tuple(_without(block, *which) for block, which in zip(rule.blocks, left_out.tolist(), strict=True)))

    def draw_new(self, proposed: Container[str], *, tries: int = TRIES) -> Rule:
        """Draw until a rule is a function not proposed before, and return it.

        Args:
            proposed: keys of the functions proposed before.
            tries: how many draws to make, at least 1, and as many uniform ones if plain rules run out, before a repeat
                is accepted, since a small space runs out of new functions.
        """
        for plain in (self._plain, 0.0)[: 2 if self._plain else 1]:
            for _ in range(tries):
                rule = self._drawn(plain)
                if rule.key not in proposed:
                    return rule
        return rule


def _without(block: Block, first: bool, second: bool) -> Block:
    return replace(block, u1=IDENTITY if first else block.u1, u2=IDENTITY if second else block.u2)
