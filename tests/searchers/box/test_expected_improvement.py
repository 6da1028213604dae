"""Expected improvement against numerical integration and mpmath's digits, and where it is found to be highest."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from harness.searchers.box.expected_improvement import (
    Improvement,
    expected_improvement,
    highest,
    log_expected_improvement,
)
from harness.searchers.box.gaussian_process import GaussianProcess, Kernel

CASES = [(0.0, 1.0, 0.0), (0.5, 2.0, -1.0), (-3.0, 0.1, 0.0), (1.0, 0.3, -0.5), (2.0, 1e-3, 2.0005)]
NONE = np.zeros((0, 2))


@pytest.mark.parametrize(("mean", "deviation", "best"), CASES)
def test_it_is_the_integral_of_what_is_gained(mean: float, deviation: float, best: float) -> None:
    density = norm(mean, deviation)
    low = min(best, mean) - 12 * deviation
    gained, _ = quad(lambda value: (best - value) * density.pdf(value), low, best, epsabs=1e-14, limit=500)
    found = expected_improvement(np.array([mean]), np.array([deviation]), best)[0]
    assert found == pytest.approx(gained, rel=1e-8)
    logarithm, _, _ = log_expected_improvement(np.array([mean]), np.array([deviation]), best)
    assert np.exp(logarithm[0]) == pytest.approx(gained, rel=1e-8)


def exact(mean: float, deviation: float, best: float) -> float:
    """The logarithm to many digits."""
    with mpmath.workdps(60):
        u = (mpmath.mpf(best) - mpmath.mpf(mean)) / mpmath.mpf(deviation)
        h = mpmath.npdf(u) + u * mpmath.erfc(-u / mpmath.sqrt(2)) / 2
        return float(mpmath.log(mpmath.mpf(deviation) * h))


@pytest.mark.parametrize("mean", [-40.0, -2.0, -1e-9, 0.0, 1e-9, 0.7, 3.0, 8.0, 39.0, 1e3, 3e4])
def test_its_logarithm_is_right_where_it_underflows_itself(mean: float) -> None:
    """At 1e3 deviations above the best value EI is e^(−500,000); 1 − uΦ/φ loses half of its digits by cancellation."""
    found, by_mean, by_deviation = log_expected_improvement(np.array([mean]), np.array([1.0]), 0.0)
    assert found[0] == pytest.approx(exact(mean, 1.0, 0.0), rel=1e-9, abs=1e-9)
    step = 1e-6 * max(1.0, abs(mean))
    slope = (exact(mean + step, 1.0, 0.0) - exact(mean - step, 1.0, 0.0)) / (2 * step)
    assert by_mean[0] == pytest.approx(slope, rel=1e-4)
    slope = (exact(mean, 1 + 1e-6, 0.0) - exact(mean, 1 - 1e-6, 0.0)) / 2e-6
    assert by_deviation[0] == pytest.approx(slope, rel=1e-4, abs=1e-8)


def test_it_is_finite_with_its_slopes_however_far_the_best_value_is() -> None:
    means = np.array([1e5, 1e8, 1e12])
    for found in log_expected_improvement(means, np.full(3, 1e-5), -1.0):
        assert np.isfinite(found).all()


def process(count: int = 20) -> tuple[GaussianProcess, float]:
    rng = np.random.default_rng(count)
    found = GaussianProcess(Kernel(lengthscale=0.3), 2)
    points = rng.random((count, 2))
    values = np.sin(7 * points[:, 0]) + np.cos(9 * points[:, 1])
    for point, value in zip(points, values, strict=True):
        found.add(point, value)
    return found, float(values.min())


@pytest.mark.parametrize("pending", [0, 3])
def test_gradients_over_the_box_are_those_of_finite_differences(pending: int) -> None:
    rng = np.random.default_rng(1)
    told, best = process()
    improvement = Improvement.of(told, best, pending=rng.random((pending, 2)), draws=8, rng=rng)
    points = rng.random((5, 2))
    values, gradients = improvement.log_and_gradients(points)
    np.testing.assert_array_equal(values, improvement.log(points))
    for axis in range(2):
        along = 1e-5 * np.eye(2)[axis]
        slopes = (improvement.log(points + along) - improvement.log(points - along)) / 2e-5
        np.testing.assert_allclose(gradients[:, axis], slopes, rtol=1e-3, atol=1e-3)


def test_points_without_a_value_are_averaged_over_their_posterior() -> None:
    """EI beside one pending point, against the mean over the values that it may have; ±5 standard errors, odds 2e-6."""
    (told, best), draws = process(5), 20_000
    alone = Improvement.of(told, best, pending=NONE, draws=1, rng=np.random.default_rng(0))
    pending = highest(alone, told.points[0], np.random.default_rng(0))[None]  # it is often the next best
    asked = np.concatenate((np.abs(pending - 0.2), [[0.9, 0.1]], pending))
    improvement = Improvement.of(told, best, pending=pending, draws=draws, rng=np.random.default_rng(0))
    found = np.exp(improvement.log(asked))
    whitened = told.whitened(pending)
    mean, deviation = float(whitened[:, 0] @ told.z), float(told.deviations(whitened)[0])
    nodes = np.linspace(-6, 6, 2001)
    weights = norm.pdf(nodes)
    each = []
    for value in mean + deviation * nodes:
        other = told.beside(NONE)
        other.add(pending[0], value)
        at = other.whitened(asked)
        each.append(expected_improvement(at.T @ other.z, other.deviations(at), min(best, value)))
    moments = [(weights[:, None] * np.array(each) ** power).sum(0) / weights.sum() for power in (1, 2)]
    errors = np.sqrt(np.maximum(moments[1] - moments[0] ** 2, 0) / draws)
    assert (np.abs(found - moments[0]) <= 5 * errors + 2e-3 * moments[0]).all()
    assert found[2] < 0.01 * np.exp(alone.log(asked))[2], (
        "a point that is being evaluated is not worth another evaluation"
    )


@pytest.mark.parametrize("count", [1, 10, 60])
def test_the_highest_is_found(count: int) -> None:
    """On a grid of 90,000 points none has more than a hundredth more."""
    told, best = process(count)
    improvement = Improvement.of(told, best, pending=NONE, draws=1, rng=np.random.default_rng(0))
    line = np.linspace(0, 1, 300)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    found = highest(improvement, told.points[0], np.random.default_rng(0))
    assert ((found >= 0) & (found <= 1)).all()
    assert improvement.log(found[None])[0] >= improvement.log(grid).max() - 0.01
