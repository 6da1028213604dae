"""Uniform draws that are news: what searchers fall back on when their own proposals repeat themselves."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from harness.contracts import Rule
from harness.space.grammar import Space

TRIES = 50


def draw_new(space: Space, rng: np.random.Generator, proposed: Container[str], *, tries: int = TRIES) -> Rule:
    """Draw rules uniformly until one is a function not proposed before.

    Args:
        space: what to draw from.
        rng: decides the draws.
        proposed: keys of the functions proposed before.
        tries: draws to make, at least 1, before a repeat is accepted: a small space runs out of new ones.
    """
    rule = space.sample(rng)
    for _ in range(tries - 1):
        if rule.key not in proposed:
            break
        rule = space.sample(rng)
    return rule
