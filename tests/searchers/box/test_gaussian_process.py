"""The exact posterior, a point at a time, against the textbook's formulas for all points at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.searchers.box.gaussian_process import JITTER, GaussianProcess, Kernel

KERNEL = Kernel(lengthscale=0.3, deviation=1.7, noise=1e-4)


def plain(first: np.ndarray, second: np.ndarray, kernel: Kernel = KERNEL) -> np.ndarray:
    squares = ((first[:, None] - second[None]) ** 2).sum(-1)
    return kernel.deviation**2 * np.exp(-squares / (2 * kernel.lengthscale**2))


def filled(points: np.ndarray, values: np.ndarray, kernel: Kernel = KERNEL) -> GaussianProcess:
    process = GaussianProcess(kernel, points.shape[1])
    for point, value in zip(points, values, strict=True):
        process.add(point, value)
    return process


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 80), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_posterior_is_the_one_of_the_direct_formulas(count: int, dimensions: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, values, asked = rng.random((count, dimensions)), rng.normal(size=count), rng.random((7, dimensions))
    process = filled(points, values)
    noisy = plain(points, points) + KERNEL.noise * KERNEL.deviation**2 * np.eye(count)
    across = plain(points, asked)
    whitened = process.whitened(asked)
    np.testing.assert_allclose(whitened.T @ process.z, across.T @ np.linalg.solve(noisy, values), atol=1e-7)
    variances = KERNEL.deviation**2 - (across * np.linalg.solve(noisy, across)).sum(0)
    floor = KERNEL.noise * KERNEL.deviation**2
    np.testing.assert_allclose(process.deviations(whitened) ** 2, np.maximum(variances, floor), atol=1e-8)
    np.testing.assert_allclose(process.factor @ process.factor.T, noisy, atol=1e-12)


def test_before_any_value_the_posterior_is_the_prior() -> None:
    process = GaussianProcess(KERNEL, 2)
    whitened = process.whitened(np.array([[0.1, 0.9], [0.5, 0.5]]))
    assert whitened.shape == (0, 2)
    assert process.deviations(whitened).tolist() == [1.7, 1.7]


def test_points_told_twice_and_points_that_nearly_coincide_break_nothing() -> None:
    points = np.repeat(np.linspace(0.5, 0.5 + 1e-9, 20)[:, None], 2, axis=0)
    process = filled(points, np.ones(40), Kernel(lengthscale=0.3, noise=JITTER))
    whitened = process.whitened(np.array([[0.5], [0.9]]))
    means, deviations = whitened.T @ process.z, process.deviations(whitened)
    assert means[0] == pytest.approx(1, abs=1e-6)
    assert np.isfinite(deviations).all()
    assert deviations[0] == pytest.approx(1e-5, rel=1)
    assert 0 < deviations[1] < 1


def test_gradients_are_those_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    process = filled(rng.random((30, 3)), rng.normal(size=30))
    points, step = rng.random((4, 3)), 1e-5
    whitened = process.whitened(points)

    def means(at: np.ndarray) -> np.ndarray:
        return process.whitened(at).T @ process.z

    def halves(at: np.ndarray) -> np.ndarray:
        return 0.5 * (process.whitened(at) ** 2).sum(0)

    by_mean = process.gradients(points, np.tile(process.z[:, None], 4))
    by_half = process.gradients(points, whitened)
    for axis in range(3):
        along = step * np.eye(3)[axis]
        for function, gradients in ((means, by_mean), (halves, by_half)):
            slopes = (function(points + along) - function(points - along)) / (2 * step)
            np.testing.assert_allclose(gradients[:, axis], slopes, rtol=1e-4, atol=1e-5)


def test_a_process_beside_has_the_new_points_at_their_means_and_leaves_the_first_alone() -> None:
    rng = np.random.default_rng(0)
    process, asked = filled(rng.random((40, 2)), rng.normal(size=40)), rng.random((5, 2))
    before = process.whitened(asked).T @ process.z
    other = process.beside(rng.random((3, 2)))
    assert (process.count, other.count) == (40, 43)
    np.testing.assert_allclose(other.whitened(asked).T @ other.z, before, atol=1e-9)
    assert (other.deviations(other.whitened(asked)) <= process.deviations(process.whitened(asked))).all()
    np.testing.assert_array_equal(process.whitened(asked).T @ process.z, before)
