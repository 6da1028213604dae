"""Draws of the Gaussian process that learned optimizers are trained on ([L2L-BB], protocol §9): the family ``gp``.

The process has mean 0 and k(x, x′) = exp(−‖x − x′‖² / 2ℓ²), ℓ = 0.3 (**D**). A draw is revealed at the points that are
asked for, by the chain rule: K = L Lᵀ for the points so far, and f = L ε, with ε from N(0, 1). At point t:

    f_t = l·ε_{<t} + s ε_t    with    l = L⁻¹ k(X, x_t),    s² = 1 + jitter − ‖l‖²

ε belongs to the draw and is the same for whoever asks. The points are not. So optimizers that are given one draw see
the same values as long as they ask for the same points; after that, what they see are two functions of one process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.blackbox.contracts import FunctionVariant, Points, Values
from harness.errors import check_choice
from harness.seeds import derive_seed

LENGTH = 0.3  # ℓ (**D**)
JITTER = 1e-9  # on the diagonal of K, so that points close to each other do no harm: it moves values by some 3e-5
DIMENSIONS = range(1, 7)
FIRST_ROOM = 16  # points that there is room for at first; it doubles


class GaussianDraws:
    """Draws of the process, side by side.

    A point that is asked for again has the value that it had.

    Args:
        seeds: one for each draw, which decides its ε.
        dimensions: of the box.
    """

    def __init__(self, seeds: list[int], dimensions: int) -> None:
        count = len(seeds)
        self._dimensions = dimensions
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self._asked = 0
        self._points = np.zeros((count, 0, dimensions))
        self._values = np.zeros((count, 0))
        self._noise = np.zeros((count, 0))  # ε
        self._inverse = np.zeros((count, 0, 0))  # L⁻¹; a row of zeros at a point that was asked for before

    @property
    def dimensions(self) -> int:
        """Dimensions of the box."""
        return self._dimensions

    @property
    def minima(self) -> None:
        """Not known: only the points that were asked for have values."""

    def evaluate(self, points: Points) -> Values:
        """Return the values (functions,) of points (functions, dimensions), and remember them."""
        now = self._asked
        if now == self._points.shape[1]:
            self._make_room(max(2 * now, FIRST_ROOM))
        past, inverse = self._points[:, :now], self._inverse[:, :now, :now]
        distances = np.square(past - points[:, None]).sum(2)  # (functions, now)
        kernel = np.exp(distances / (-2 * LENGTH**2))
        row = np.matmul(inverse, kernel[..., None])[..., 0]  # l
        deviation = np.sqrt(np.maximum(1 + JITTER - np.square(row).sum(1), JITTER))  # s
        values: Values = (row * self._noise[:, :now]).sum(1) + deviation * self._noise[:, now]
        added = np.matmul(row[:, None], inverse)[:, 0] / -deviation[:, None]
        again = (distances == 0).any(1)  # what such a point adds is left out: it is known already
        if again.any():
            first = (distances[again] == 0).argmax(1)
            values[again] = self._values[again, first]
            added[again], deviation[again] = 0, np.inf
        self._inverse[:, now, :now] = added
        self._inverse[:, now, now] = 1 / deviation
        self._points[:, now], self._values[:, now] = points, values
        self._asked = now + 1
        return values

    def _make_room(self, room: int) -> None:
        count, now = self._values.shape
        wider = room - now
        noise = np.array([each.standard_normal(wider) for each in self._generators]).reshape(count, wider)
        self._noise = np.concatenate([self._noise, noise], 1)
        self._points = np.concatenate([self._points, np.zeros((count, wider, self._dimensions))], 1)
        self._values = np.concatenate([self._values, np.zeros((count, wider))], 1)
        inverse: NDArray[np.float64] = np.zeros((count, room, room))
        inverse[:, :now, :now] = self._inverse
        self._inverse = inverse


class GaussianProcess:
    """The family ``gp``; a variant is a number of dimensions."""

    name: ClassVar[str] = "gp"
    version: ClassVar[int] = 1
    variants: ClassVar[Mapping[str, FunctionVariant]] = {
        str(each): FunctionVariant(summary=f"draws over {each} dimension{'s' * (each > 1)}", dimensions=each)
        for each in DIMENSIONS
    }

    def __init__(self, root: object = None) -> None:
        """Take no notice of a folder."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> GaussianDraws:
        """Draw functions.

        Raises:
            SettingError: there is no such variant.
        """
        check_choice(f"variant of {self.name}", variant, self.variants)
        seeds = [derive_seed(seed, "function", f"{self.name}/{variant}", index) for index in range(count)]
        return GaussianDraws(seeds, self.variants[variant].dimensions)

    def fingerprint(self, variant: str = "") -> str:  # noqa: ARG002 - none of them reads files
        """Return nothing: no file is read."""
        return ""
