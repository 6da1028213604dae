"""Draws of the Gaussian process are what the process says, however the points come.

A statistical test states its odds of a false alarm; its seed is fixed, so it fails always or never.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, stats

from harness.errors import SettingError
from harness.searchers.box import true_gp_points
from harness.searchers.box.learned.meta.draws import LENGTHSCALE
from harness.seeds import derive_seed
from harness.tasks.blackbox.gaussian_process import JITTER, LENGTH, GaussianProcess

FAMILY = GaussianProcess(None)


def covariance(points: np.ndarray) -> np.ndarray:
    """The covariances of all pairs of points (count, dimensions), written out from their definition."""
    return np.array([[np.exp(-((one - other) ** 2).sum() / (2 * 0.3**2)) for other in points] for one in points])


def revealed(points: np.ndarray, count: int, *, seed: int = 0) -> np.ndarray:
    """The values (count, points) of so many draws, all asked at the same points."""
    draws = FAMILY.draw(seed, count, variant=str(points.shape[1]))
    return np.array([draws.evaluate(np.tile(point, (count, 1))) for point in points]).T


def test_it_is_the_process_that_learned_optimizers_are_trained_on_and_that_gp_true_knows() -> None:
    assert LENGTH == LENGTHSCALE == true_gp_points.LENGTHSCALE
    assert true_gp_points.DEVIATION == 1.0


@pytest.mark.parametrize("dimensions", [1, 3, 6])
def test_values_are_those_of_a_multivariate_normal(dimensions: int) -> None:
    # One in a million for each of the two kinds of checks below, if draws are as they should be.
    points = np.random.default_rng(dimensions).random((7, dimensions)) * 0.6
    count = 4_000
    values = revealed(points, count)
    white = linalg.solve_triangular(np.linalg.cholesky(covariance(points)), values.T, lower=True)
    assert stats.kstest(white.ravel(), "norm").pvalue > 1e-6
    pairs = np.corrcoef(white)[np.triu_indices(7, 1)] * np.sqrt(count)
    assert np.abs(pairs).max() < stats.norm.isf(0.5e-6 / len(pairs))
    assert np.corrcoef(values.T)[0, 1] == pytest.approx(covariance(points)[0, 1], abs=0.1)


@pytest.mark.parametrize("dimensions", [1, 2, 6])
@pytest.mark.parametrize("shrinking", [False, True])
def test_a_hundred_points_close_to_each_other_have_the_values_of_a_direct_factorization(
    dimensions: int, shrinking: bool
) -> None:
    points = np.random.default_rng(1).random((100, dimensions))
    if shrinking:
        points = 0.5 + (points - 0.5) * 10 ** (-np.arange(100) / 20)[:, None]  # as an optimizer that converges asks
    noise = np.random.default_rng(derive_seed(0, "function", f"gp/{dimensions}", 0)).standard_normal(100)
    direct = linalg.cholesky(covariance(points) + JITTER * np.eye(100), lower=True) @ noise
    assert np.abs(revealed(points, 1)[0] - direct).max() < 1e-6


def test_a_point_that_is_asked_for_again_has_the_value_that_it_had() -> None:
    draws = FAMILY.draw(3, 2, variant="2")
    points = np.random.default_rng(0).random((20, 2, 2))
    once = [draws.evaluate(each) for each in points]
    again = [draws.evaluate(each) for each in points]
    assert np.array_equal(once, again)


def test_a_point_asked_for_again_changes_nothing_elsewhere() -> None:
    points = np.random.default_rng(0).random((6, 2)) / 4
    doubled = revealed(points[[0, 1, 2, 2, 0, 3, 4, 5]], 1)[0]
    noise = np.random.default_rng(derive_seed(0, "function", "gp/2", 0)).standard_normal(8)[[0, 1, 2, 5, 6, 7]]
    direct = linalg.cholesky(covariance(points) + JITTER * np.eye(6), lower=True) @ noise
    assert np.abs(doubled[[0, 1, 2, 5, 6, 7]] - direct).max() < 1e-9


def test_two_draws_that_are_asked_at_the_same_points_by_others_are_one_function() -> None:
    points = np.random.default_rng(0).random((30, 4))
    assert np.array_equal(revealed(points, 2), revealed(points, 2))
    assert not np.allclose(revealed(points, 2), revealed(points, 2, seed=1))


def test_dimensions_are_independent_draws() -> None:
    first = [FAMILY.draw(0, 1, variant=str(each)).evaluate(np.full((1, each), 0.5))[0] for each in range(1, 7)]
    assert len(set(first)) == 6


@pytest.mark.parametrize("variant", ["", "0", "7", "plain"])
def test_only_one_to_six_dimensions_are_drawn(variant: str) -> None:
    with pytest.raises(SettingError, match="variant of gp: expected one of 1, 2, 3, 4, 5, 6"):
        FAMILY.draw(0, 1, variant=variant)
