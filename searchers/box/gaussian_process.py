"""Regression by a Gaussian process with zero mean, exactly: its posterior, as points and values come in.

Rasmussen and Williams 2006, §2.2 and algorithm 2.1. With L Lᵀ = K + noise and z = L⁻¹ y, the posterior at x has the
mean vᵀz and the variance k(x, x) − vᵀv, where v = L⁻¹ k(X, x). A new point is a new last row of L, so n points cost
O(n³) in all, and neither L nor z changes for the points before it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from harness.blackbox.contracts import Points, Values

JITTER = 1e-10  # of the variance: the least noise with which float64 factors the kernel of points that nearly coincide
ROWS = 32  # of the factor that are allocated first


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """k(x, x') = σ² exp(−‖x − x'‖² / 2ℓ²), with independent noise on each value.

    Attributes:
        lengthscale: ℓ, in sides of the box.
        deviation: σ, of the function at any point.
        noise: variance of the noise, in parts of σ².
    """

    lengthscale: float
    deviation: float = 1.0
    noise: float = JITTER

    def between(self, first: Points, second: Points) -> NDArray[np.float64]:
        """Return k at every pair, (first, second), of points (first, dimensions) and (second, dimensions)."""
        squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
        covariances: NDArray[np.float64] = np.maximum(squares, 0)
        covariances *= -0.5 / self.lengthscale**2
        np.exp(covariances, out=covariances)
        covariances *= self.deviation**2
        return covariances


class GaussianProcess:
    """The posterior, given the points and values so far.

    ::

        process = GaussianProcess(Kernel(lengthscale=0.3), dimensions=2)
        process.add(point, value)                      # (2,)
        whitened = process.whitened(points)            # (count, points): v at each of some points
        means, deviations = whitened.T @ process.z, process.deviations(whitened)

    Args:
        kernel: of the process.
        dimensions: of its domain.
    """

    def __init__(self, kernel: Kernel, dimensions: int) -> None:
        self.kernel = kernel
        self.count = 0
        self._points = np.zeros((ROWS, dimensions))
        self._z = np.zeros(ROWS)
        self._factor = np.zeros((ROWS, ROWS))

    @property
    def points(self) -> Points:
        """The points so far, (count, dimensions)."""
        return self._points[: self.count]

    @property
    def factor(self) -> NDArray[np.float64]:
        """L, lower triangular, (count, count)."""
        return self._factor[: self.count, : self.count]

    @property
    def z(self) -> Values:
        """L⁻¹ y, (count,): a priori, independent standard normal numbers."""
        return self._z[: self.count]

    def add(self, point: Points, value: float) -> None:
        """Learn the value of a point, (dimensions,)."""
        row = self._extend(point)
        self._z[self.count - 1] = (value - row[:-1] @ self._z[: self.count - 1]) / row[-1]

    def beside(self, points: Points) -> GaussianProcess:
        """Return a process with more points, (pending, dimensions), whose values are the means: z is 0 there."""
        other = copy.deepcopy(self)
        for point in points:
            other._extend(point)
            other._z[other.count - 1] = 0.0
        return other

    def whitened(self, points: Points) -> NDArray[np.float64]:
        """Return v = L⁻¹ k(X, x), (count, points), of points (points, dimensions)."""
        return self._solve(self.kernel.between(self.points, points))

    def deviations(self, whitened: NDArray[np.float64]) -> Values:
        """Return the standard deviation, (points,), of the function where ``whitened`` was computed.

        It is at least that of the noise, below which rounding hides it.
        """
        variance = self.kernel.deviation**2
        remaining = variance - np.einsum("ij,ij->j", whitened, whitened)
        deviations: Values = np.sqrt(np.maximum(remaining, variance * self.kernel.noise))
        return deviations

    def gradients(self, points: Points, along: NDArray[np.float64]) -> Points:
        """Return the gradients of ``along``ᵀ v at points, (points, dimensions), as (points, dimensions).

        Args:
            points: x, (points, dimensions).
            along: a direction for each point, (count, points): z gives the gradient of the mean, v that of vᵀv / 2.
        """
        weights = solve_triangular(self.factor, along, lower=True, trans="T", check_finite=False)
        weights *= self.kernel.between(self.points, points)
        gradients: Points = weights.T @ self.points - weights.sum(0)[:, None] * points
        gradients /= self.kernel.lengthscale**2
        return gradients

    def _extend(self, point: Points) -> NDArray[np.float64]:
        """Add a point, and return its row of L, (count,)."""
        if self.count == len(self._points):
            self._grow()
        covariances = self.kernel.between(self.points, point[None])
        row = self._factor[self.count, : self.count + 1]
        row[:-1] = self._solve(covariances)[:, 0]
        variance, noise = self.kernel.deviation**2, self.kernel.noise * self.kernel.deviation**2
        row[-1] = max(variance + noise - float(row[:-1] @ row[:-1]), noise) ** 0.5
        self._points[self.count] = point
        self.count += 1
        return row

    def _solve(self, right: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.count:
            return right
        solved: NDArray[np.float64] = solve_triangular(self.factor, right, lower=True, check_finite=False)
        return solved

    def _grow(self) -> None:
        rows = 2 * len(self._points)
        self._points = np.concatenate((self._points, np.zeros_like(self._points)))
        self._z = np.concatenate((self._z, np.zeros_like(self._z)))
        factor = np.zeros((rows, rows))
        factor[: self.count, : self.count] = self.factor
        self._factor = factor
