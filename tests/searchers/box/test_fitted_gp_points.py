"""The fitted Gaussian process: the likeliest kernel, and candidates that mean something new."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from harness.blackbox.contracts import Points
from harness.searchers.box import fitted_gp_points
from harness.searchers.box.fitted_gp_points import LENGTHSCALES, NOISES, Fitted, FittedGpPoints
from harness.searchers.box.gaussian_process import Kernel


def anything(_: Points) -> bool:
    return False


def sample(length: float, noise: float, count: int = 120) -> tuple[Points, np.ndarray]:
    rng = np.random.default_rng(0)
    points = rng.random((count, 2))
    covariance = Kernel(lengthscale=length).between(points, points) + noise * np.eye(count)
    return points, 40 + 7 * np.linalg.cholesky(covariance) @ rng.standard_normal(count)


def test_the_likeliest_kernel_of_the_grid_is_taken() -> None:
    """By scipy's density of the normal distribution, over the same grid and many deviations."""
    points, values = sample(0.4, 0.1)
    fitted = Fitted.to(points, values).kernel
    standard = (values - values.mean()) / values.std()

    def likelihood(length: float, noise: float, deviation: float) -> float:
        kernel = Kernel(lengthscale=length, deviation=deviation)
        covariance = kernel.between(points, points) + noise * deviation**2 * np.eye(len(points))
        return float(multivariate_normal(cov=covariance, allow_singular=True).logpdf(standard))

    best = max(
        likelihood(length * np.sqrt(2), noise, deviation)
        for length in LENGTHSCALES
        for noise in NOISES
        for deviation in np.geomspace(0.2, 5, 12)
    )
    assert likelihood(fitted.lengthscale, fitted.noise, fitted.deviation) >= best


@pytest.mark.parametrize(("length", "noise"), [(0.14, 1e-4), (0.64, 1e-2), (0.3, 0.5)])
def test_the_kernel_of_a_draw_is_found_again(length: float, noise: float) -> None:
    found = Fitted.to(*sample(length, noise)).kernel
    assert 0.6 < found.lengthscale / length < 1.7
    assert 0.09 < found.noise / noise < 11


def test_equal_values_are_fitted_without_complaint() -> None:
    fitted = Fitted.to(np.random.default_rng(0).random((10, 3)), np.full(10, 0.25))
    assert fitted.standard(0.25) == 0
    assert np.isfinite(fitted.kernel.deviation)


def test_candidates_that_mean_nothing_new_are_passed_over() -> None:
    def next_of(known: Callable[[Points], bool]) -> Points:
        optimizer = FittedGpPoints(2, seed=0, startup=6, known=known)
        start = optimizer.ask(6)
        optimizer.tell(start, ((start - 0.4) ** 2).sum(1))
        chosen: Points = optimizer.ask(1)[0]
        return chosen

    first = next_of(anything)
    second = next_of(lambda point: bool(np.array_equal(point, first)))
    assert not np.array_equal(first, second)
    assert np.abs(next_of(lambda point: bool(np.abs(point - first).max() < 0.02)) - first).max() >= 0.02


def test_where_nothing_is_new_it_still_proposes() -> None:
    optimizer = FittedGpPoints(2, seed=0, startup=2, known=lambda _: True)
    optimizer.tell(optimizer.ask(2), np.array([0.1, 0.2]))
    assert optimizer.ask(3).shape == (3, 2)


def test_the_kernel_is_fitted_again_only_where_there_is_a_tenth_more(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    fit = Fitted.to

    def counted(points: Points, values: np.ndarray) -> Fitted:
        counts.append(len(points))
        return fit(points, values)

    monkeypatch.setattr(fitted_gp_points.Fitted, "to", counted)
    optimizer = FittedGpPoints(1, seed=0, startup=30, known=anything)
    for _ in range(50):
        point = optimizer.ask(1)
        optimizer.tell(point, point[:, 0])
    assert counts == [30, 33, 37, 41, 46]
