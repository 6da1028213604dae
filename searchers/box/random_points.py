"""Uniform random points of the unit box: the baseline of every other optimizer of it (Bergstra and Bengio 2012)."""

from __future__ import annotations

import numpy as np

from harness.blackbox.contracts import Points, Values
from harness.searchers.box import arguments
from harness.seeds import derive_seed


class RandomPoints:
    """Draws every point independently and uniformly.

    Args:
        dimensions: of the box.
        seed: decides the draws.
    """

    version = 1
    libraries = ("numpy",)

    def __init__(self, dimensions: int, *, seed: int) -> None:
        self._dimensions = arguments.sized(dimensions)
        self._rng = np.random.default_rng(derive_seed(seed, "box", "random"))

    def ask(self, count: int) -> Points:
        """Return points, (count, dimensions)."""
        return self._rng.random((arguments.asked(count), self._dimensions))

    def tell(self, points: Points, values: Values) -> None:
        """Do nothing but check them: there is nothing to learn."""
        arguments.told(points, values, self._dimensions)
