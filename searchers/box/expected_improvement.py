"""Expected improvement on a Gaussian process, and where in the box it is highest (Jones et al. 1998).

For minimization, EI(x) = E max(f* − f(x), 0) = s h(u) with h(u) = φ(u) + u Φ(u) and u = (f* − μ) / s, where f* is the
lowest value so far. It is maximized as its logarithm, since EI itself underflows over most of the box (Ament et al.
2023). Points whose values are not known yet get values drawn from the posterior, and EI is averaged over the draws
(Snoek et al. 2012, §3.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import erfcx, logsumexp, ndtr

from harness.blackbox.contracts import Points, Values
from harness.searchers.box.gaussian_process import GaussianProcess

LOG_TWO_PI = np.log(2 * np.pi)
FAR = 1e5  # deviations above f*, from where on 1 − uΦ/φ is 1/u² to the last bit that cancellation leaves
NEAR = (1e-4, 0.1)  # distances at which candidates lie around the best point
DRAWS = 1_000  # candidates all over the box, and as many around the best point
STARTS = 8  # of the candidates, that are improved by their gradients


def expected_improvement(means: Values, deviations: Values, best: float | Values) -> Values:
    """Return EI, which is at least 0, where the function has some means and standard deviations."""
    u = (best - means) / deviations
    density = np.exp(-0.5 * u**2 - 0.5 * LOG_TWO_PI)
    return np.asarray(np.maximum(deviations * (density + u * ndtr(u)), 0.0))


def log_expected_improvement(means: Values, deviations: Values, best: float | Values) -> tuple[Values, Values, Values]:
    """Return log EI with its derivatives by mean and deviation: finite wherever EI is above 0 in exact arithmetic."""
    u = (best - means) / deviations
    below = np.minimum(u, 0.0)
    ratio = np.sqrt(np.pi / 2) * erfcx(-below / np.sqrt(2))  # Φ/φ, which does not underflow
    rest = np.where(u > -FAR, 1 + below * ratio, 1 / np.maximum(u**2, 1.0))  # h/φ
    log_density = -0.5 * u**2 - 0.5 * LOG_TWO_PI
    with np.errstate(under="ignore"):
        density, above = np.exp(log_density), ndtr(u)
    positive = u > 0
    h = np.where(positive, density + u * above, 1.0)
    log_h = np.where(positive, np.log(h), log_density + np.log(rest))
    by_u = np.where(positive, above / h, ratio / rest)  # h' / h, as h' = Φ
    by_deviation = np.where(positive, density / h, 1 / rest)  # (h − u h') / h
    return np.log(deviations) + log_h, -by_u / deviations, by_deviation / deviations


@dataclass(frozen=True, slots=True)
class Improvement:
    """log EI over the box, averaged over draws of the values that are not known yet.

    Attributes:
        process: the posterior, to whose points those without a value belong.
        z: for each draw, the process's ``z`` with the numbers drawn, (draws, points of the process).
        best: the lowest value in each draw, (draws,).
    """

    process: GaussianProcess
    z: NDArray[np.float64]
    best: Values

    @classmethod
    def of(
        cls, process: GaussianProcess, best: float, *, pending: Points, draws: int, rng: np.random.Generator
    ) -> Improvement:
        """Return the improvement on the lowest value told, beside points (pending, dimensions) without a value."""
        if not len(pending):
            return cls(process, process.z[None], np.array([best]))
        beside = process.beside(pending)
        drawn = rng.standard_normal((draws, len(pending)))
        z = np.concatenate((np.tile(process.z, (draws, 1)), drawn), axis=1)
        values = z @ beside.factor[process.count :].T  # (draws, pending)
        return cls(beside, z, np.minimum(best, values.min(1)))

    def log(self, points: Points) -> Values:
        """Return the logarithm of EI, (points,), at points (points, dimensions)."""
        whitened = self.process.whitened(points)
        each, _, _ = self._each(whitened)
        return self._mean(each)

    def log_and_gradients(self, points: Points) -> tuple[Values, Points]:
        """Return the logarithm of EI, (points,), and its gradients, (points, dimensions)."""
        whitened = self.process.whitened(points)
        each, by_mean, by_deviation = self._each(whitened)
        mean = self._mean(each)
        shares = np.exp(each - mean) / len(self.z)  # (draws, points): what each draw adds to EI
        along = self.z.T @ (shares * by_mean)
        along -= whitened * ((shares * by_deviation).sum(0) / self.process.deviations(whitened))
        return mean, self.process.gradients(points, along)

    def _each(self, whitened: NDArray[np.float64]) -> tuple[Values, Values, Values]:
        return log_expected_improvement(self.z @ whitened, self.process.deviations(whitened), self.best[:, None])

    def _mean(self, each: Values) -> Values:
        return np.asarray(logsumexp(each, axis=0)) - np.log(len(each)) if len(each) > 1 else np.asarray(each[0])


def highest(improvement: Improvement, around: Points, rng: np.random.Generator) -> Points:
    """Return the point of the box, (dimensions,), with the highest EI that is found.

    The best of many candidates are improved by L-BFGS-B, all in one run, since their gradients are cheaper together.

    Args:
        improvement: what to maximize.
        around: a good point, (dimensions,), around which half of the candidates lie.
        rng: draws the candidates.
    """
    dimensions = len(around)
    steps = rng.standard_normal((DRAWS, dimensions)) * np.exp(rng.uniform(np.log(NEAR[0]), np.log(NEAR[1]), (DRAWS, 1)))
    candidates = np.concatenate((rng.random((DRAWS, dimensions)), np.clip(around + steps, 0, 1)))
    starts = candidates[np.argsort(-improvement.log(candidates), kind="stable")[:STARTS]]

    def loss(flat: Points) -> tuple[float, Points]:
        values, gradients = improvement.log_and_gradients(flat.reshape(starts.shape))
        return -float(values.sum()), -gradients.ravel()

    found = minimize(loss, starts.ravel(), jac=True, method="L-BFGS-B", bounds=[(0, 1)] * starts.size)
    finals = np.concatenate((np.clip(found.x.reshape(starts.shape), 0, 1), starts[:1]))
    best: Points = finals[np.argmax(improvement.log(finals))]
    return best
