"""Expected improvement under the Gaussian process that functions are drawn from: the baseline of learned optimizers.

[L2L-BB] compares with Spearmint where its kernel is fixed to that of the training functions. Nothing is
estimated here, so on such functions the posterior is the true one. The middle of the box comes first, since before any
value is known all points have the same expected improvement (**D**).
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from harness.blackbox.contracts import Points, Values
from harness.limits import Range
from harness.searchers.box import arguments
from harness.searchers.box.blas import on_one_thread
from harness.searchers.box.expected_improvement import Improvement, highest
from harness.searchers.box.gaussian_process import GaussianProcess, Kernel
from harness.seeds import derive_seed

LENGTHSCALE, DEVIATION = 0.3, 1.0  # protocol §9 (D)


class TrueGpPoints:
    """The point of the highest expected improvement, given the kernel (protocol §9).

    Args:
        dimensions: of the box.
        seed: decides where EI is looked for.
        lengthscale: of the kernel, in sides of the box.
        deviation: standard deviation of the function at any point; its mean is 0.
        fantasies: over how many draws of the values that are not known yet EI is averaged.
    """

    version = 1
    libraries = ("numpy", "scipy")

    def __init__(
        self,
        dimensions: int,
        *,
        seed: int,
        lengthscale: Annotated[float, Range(1e-3, 1e3)] = LENGTHSCALE,
        deviation: Annotated[float, Range(1e-6, 1e6)] = DEVIATION,
        fantasies: Annotated[int, Range(1, 1_000)] = 16,
    ) -> None:
        dimensions = arguments.sized(dimensions)
        self._process = GaussianProcess(Kernel(lengthscale=lengthscale, deviation=deviation), dimensions)
        self._middle = np.full(dimensions, 0.5)
        self._best, self._best_point = np.inf, self._middle
        self._pending: list[Points] = []
        self._fantasies = fantasies
        self._rng = np.random.default_rng(derive_seed(seed, "box", "gp", "candidates"))
        self._drawing = np.random.default_rng(derive_seed(seed, "box", "gp", "fantasies"))

    @on_one_thread
    def ask(self, count: int) -> Points:
        """Return points, (count, dimensions), each chosen beside those before it."""
        count = arguments.asked(count)
        return np.array([self._point() for _ in range(count)]).reshape(count, len(self._middle))

    @on_one_thread
    def tell(self, points: Points, values: Values) -> None:
        """Learn the values, (count,), of points, (count, dimensions)."""
        points, values = arguments.told(points, values, len(self._middle))
        for point, value in zip(points, values, strict=True):
            place = next((place for place, each in enumerate(self._pending) if np.array_equal(each, point)), None)
            if place is None:
                raise arguments.never_asked(point)
            known = self._pending.pop(place)
            self._process.add(known, float(value))
            if value < self._best:
                self._best, self._best_point = float(value), known

    def _point(self) -> Points:
        if self._process.count or self._pending:
            improvement = Improvement.of(
                self._process,
                self._best,
                pending=np.array(self._pending),
                draws=self._fantasies,
                rng=self._drawing,
            )
            point = highest(improvement, self._best_point, self._rng)
        else:
            point = self._middle.copy()
        self._pending.append(point)
        return point
