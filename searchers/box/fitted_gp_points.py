"""Expected improvement under a Gaussian process with a fitted kernel: for boxes of many coarse dimensions.

The kernel's length and noise are the likeliest of a grid, with the deviation that is best for them. Points are chosen
among candidates that are drawn, and not improved by gradients: a cell of the box of rules is coarse, and so the last
bits of arithmetic, which differ between machines, hardly ever decide what is proposed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from harness.blackbox.contracts import Points, Values
from harness.searchers.box.blas import on_one_thread
from harness.searchers.box.expected_improvement import Improvement
from harness.searchers.box.gaussian_process import GaussianProcess, Kernel
from harness.seeds import derive_seed

LENGTHSCALES = (0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0)  # in parts of √d, as the distance of uniform points is 0.4 √d
NOISES = (1e-4, 1e-2, 0.1, 0.5)  # in parts of σ²
CANDIDATES = 500  # all over the box, and as many near the best points
NEAR = 10  # best points near which candidates lie
CHANGED = 2.0  # coordinates that differ from those of a best point, on average
GROWTH = 1.1  # the kernel is fitted again when there are so many times more points
LOOKS = 50  # candidates, best first, among which one that means something new is looked for
FANTASIES = 8


class FittedGpPoints:
    """The candidate with the highest expected improvement, beside points whose values are not known yet.

    Args:
        dimensions: of the box.
        seed: decides every draw.
        startup: how many random points come first.
        known: whether a point means nothing new; such candidates are passed over, as far as ``LOOKS`` reaches.
    """

    def __init__(self, dimensions: int, *, seed: int, startup: int, known: Callable[[Points], bool]) -> None:
        self._dimensions = dimensions
        self._known = known
        self._startup_left = startup
        self._rng = np.random.default_rng(derive_seed(seed, "box", "gp", "candidates"))
        self._drawing = np.random.default_rng(derive_seed(seed, "box", "gp", "fantasies"))
        self._points: list[Points] = []
        self._values: list[float] = []
        self._pending: list[Points] = []
        self._fit_at = 2  # points; below, there is nothing to fit
        self._fitted = Fitted(Kernel(lengthscale=1.0), 0.0, 1.0)
        self._process = GaussianProcess(self._fitted.kernel, dimensions)

    @on_one_thread
    def ask(self, count: int) -> Points:
        """Return points, (count, dimensions), each chosen beside those before it."""
        return np.array([self._point() for _ in range(count)]).reshape(count, self._dimensions)

    def tell(self, points: Points, values: Values) -> None:
        """Learn the values, (count,), of points, (count, dimensions)."""
        for point, value in zip(points, values, strict=True):
            self._points.append(self._pending.pop(self._place(point)))
            self._values.append(float(value))

    def forget(self, point: Points) -> None:
        """Expect no value of a point (dimensions,) that was asked for."""
        self._pending.pop(self._place(point))

    def _place(self, point: Points) -> int:
        return next(place for place, each in enumerate(self._pending) if np.array_equal(each, point))

    def _point(self) -> Points:
        if self._startup_left > 0 or len(self._points) < 2:
            self._startup_left -= 1
            point: Points = self._rng.random(self._dimensions)
        else:
            self._learn()
            improvement = Improvement.of(
                self._process,
                self._fitted.standard(min(self._values)),
                pending=np.array(self._pending),
                draws=FANTASIES,
                rng=self._drawing,
            )
            candidates = self._candidates()
            best_first = candidates[np.argsort(-improvement.log(candidates), kind="stable")]
            point = next((each for each in best_first[:LOOKS] if not self._known(each)), best_first[0])
        self._pending.append(point)
        return point

    def _learn(self) -> None:
        """Add what was told to the process, fitted anew where there is much more of it."""
        if len(self._points) >= self._fit_at:
            self._fitted = Fitted.to(np.array(self._points), np.array(self._values))
            self._process = GaussianProcess(self._fitted.kernel, self._dimensions)
            self._fit_at = int(np.ceil(GROWTH * len(self._points)))
        for place in range(self._process.count, len(self._points)):
            self._process.add(self._points[place], self._fitted.standard(self._values[place]))

    def _candidates(self) -> Points:
        """Draw and return points all over the box, and best points with a few coordinates drawn anew."""
        drawn = self._rng.random((2 * CANDIDATES, self._dimensions))
        best = np.argsort(self._values, kind="stable")[:NEAR]
        chosen = self._rng.integers(len(best), size=CANDIDATES)
        kept = self._rng.random((CANDIDATES, self._dimensions)) >= CHANGED / self._dimensions
        near = np.array(self._points)[best[chosen]]
        drawn[CANDIDATES:][kept] = near[kept]
        return drawn


class Fitted:
    """The likeliest kernel of a grid, with the centre and scale of the values that it was fitted to."""

    def __init__(self, kernel: Kernel, centre: float, scale: float) -> None:
        self.kernel = kernel
        self._centre = centre
        self._scale = scale

    @classmethod
    def to(cls, points: Points, values: Values) -> Fitted:
        """Fit to the values, (count,), of points, (count, dimensions): Rasmussen and Williams 2006, equation 2.30.

        Given length and noise, the likeliest σ² is yᵀ C⁻¹ y / count, where C is the correlation with the noise.
        """
        centre, scale = float(values.mean()), float(values.std()) or 1.0
        standard = (values - centre) / scale
        fits = [
            (-_misfit(correlation, standard, noise)[0], length, noise)
            for length in np.sqrt(points.shape[1]) * np.array(LENGTHSCALES)
            for correlation in [Kernel(lengthscale=length).between(points, points)]
            for noise in NOISES
        ]
        _, length, noise = max(fits)
        deviation = _misfit(Kernel(lengthscale=length).between(points, points), standard, noise)[1]
        return cls(Kernel(lengthscale=float(length), deviation=deviation, noise=noise), centre, scale)

    def standard(self, value: float) -> float:
        """Return a value as the process has it."""
        return (value - self._centre) / self._scale


def _misfit(correlation: NDArray[np.float64], values: Values, noise: float) -> tuple[float, float]:
    """Return minus the log likelihood, up to a constant, and the likeliest deviation."""
    try:
        factor = cholesky(correlation + noise * np.eye(len(values)), lower=True, check_finite=False)
    except LinAlgError:  # the noise is too little for points that coincide
        return np.inf, 1.0
    z = solve_triangular(factor, values, lower=True, check_finite=False)
    variance = max(float(z @ z) / len(values), 1e-12)
    return len(values) / 2 * np.log(variance) + float(np.log(factor.diagonal()).sum()), float(np.sqrt(variance))
