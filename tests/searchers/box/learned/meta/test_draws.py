"""Draws that are revealed point by point: the law of a Gaussian process, and its gradients, however points lie."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from harness.searchers.box.learned.meta.draws import JITTER, LENGTHSCALE, Draws, Revealed, innovations

COUNT, STEPS, DIMENSIONS = 3, 7, 2
NAMES = ("value", "mean", "deviation")


def covariance(points: Tensor) -> Tensor:
    """The kernel at all pairs of points (…, steps, dimensions), and the jitter."""
    squares = (points[..., :, None, :] - points[..., None, :, :]).square().sum(-1)
    return torch.exp(-0.5 * squares / LENGTHSCALE**2) + JITTER * torch.eye(points.shape[-2], dtype=points.dtype)


def at_once(points: Tensor, noise: Tensor) -> Revealed:
    """What draws are at points (count, steps, dimensions), by one Cholesky factor; each (count, steps)."""
    factor = torch.linalg.cholesky(covariance(points))
    deviation = factor.diagonal(dim1=1, dim2=2)
    value = (factor @ noise[..., None])[..., 0]
    return Revealed(value, value - deviation * noise, deviation)


def one_by_one(points: Tensor, noise: Tensor) -> Revealed:
    draws = Draws(noise, points.shape[-1])
    found = [draws(points[:, step]) for step in range(points.shape[1])]
    return Revealed(*(torch.stack([getattr(each, name) for each in found], 1) for name in NAMES))


@pytest.fixture
def points() -> Tensor:
    """Points of which one repeats, and one lies in a corner."""
    found = torch.rand(COUNT, STEPS, DIMENSIONS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found[:, 4] = found[:, 2]
    found[:, 3] = 1.0
    return found.requires_grad_()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_revealed_point_by_point_is_what_one_cholesky_factor_says(points: Tensor, name: str) -> None:
    noise = innovations(0, COUNT, STEPS)
    ours, theirs = (getattr(way(points, noise), name) for way in (one_by_one, at_once))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("last", [STEPS, 4], ids=["whole", "first four"])
@pytest.mark.parametrize("names", [*((name,) for name in NAMES), NAMES], ids=" and ".join)
def test_gradients_are_those_through_the_cholesky_factor(points: Tensor, names: tuple[str, ...], last: int) -> None:
    noise = innovations(0, COUNT, STEPS)
    ways = one_by_one(points, noise), at_once(points, noise)
    factors = {name: innovations(place + 1, COUNT, STEPS) for place, name in enumerate(NAMES)}
    for first in (STEPS, last):  # the second time, nothing of the first is left over
        sums = [sum((factors[name] * getattr(way, name))[:, :first].sum() for name in names) for way in ways]
        ours, theirs = (torch.autograd.grad(total, points, retain_graph=True)[0] for total in sums)
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)
        assert theirs.abs().max() > 1


def test_values_have_the_moments_of_a_multivariate_normal() -> None:
    count = 100_000
    points = torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = one_by_one(points.expand(count, -1, -1), innovations(3, count, 5)).value
    exact = covariance(points)
    # Of 5 means and 15 products, one lies 5 standard errors off by chance once in 87,000 seeds.
    assert (found.mean(0).abs() < 5 * exact.diagonal().sqrt() / math.sqrt(count)).all()
    products = found.T @ found / count
    errors = (exact.square() + exact.diagonal()[:, None] * exact.diagonal()).sqrt() / math.sqrt(count)
    assert ((products - exact).abs() < 5 * errors).all()
    assert errors.max() < 0.01


def test_points_that_follow_from_values_do_not_change_the_law_of_the_next_value() -> None:
    count = 50_000
    draws = Draws(innovations(4, count, 2), 1)
    first = draws(torch.full((count, 1), 0.5, dtype=torch.float64))
    second = draws(first.value[:, None].sigmoid())
    standard = (second.value - second.mean) / second.deviation
    # Each lies 5 standard errors off by chance once in a million seeds.
    assert abs(standard.mean()) < 5 / math.sqrt(count)
    assert abs((standard * first.value).mean()) < 5 / math.sqrt(count)
    assert abs(standard.square().mean() - 1) < 5 * math.sqrt(2 / count)


def test_a_hundred_points_in_one_place_leave_values_and_gradients_finite_and_right() -> None:
    steps = 100
    points = torch.full((2, steps, 6), 0.5, dtype=torch.float64)
    points[1] += 1e-7 * torch.rand(steps, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    points.requires_grad_()
    noise = innovations(5, 2, steps)
    found = one_by_one(points, noise)
    torch.testing.assert_close(found.value, at_once(points, noise).value, rtol=0, atol=1e-8)
    (gradient,) = torch.autograd.grad(found.value.sum() + found.deviation.sum(), points)
    assert gradient.isfinite().all()


def test_a_draw_depends_on_the_seed_and_its_number_alone() -> None:
    few, many = innovations(6, 3, 10), innovations(6, 5, 10)
    assert torch.equal(few, many[:3])
    assert not torch.equal(few, innovations(7, 3, 10))
    points = torch.rand(5, 10, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(one_by_one(points[:3], few).value, one_by_one(points, many).value[:3])


def test_points_of_the_network_keep_their_type_and_get_gradients_of_it() -> None:
    points = torch.rand(2, 1, generator=torch.Generator().manual_seed(5)).requires_grad_()
    draws = Draws(innovations(8, 2, 2), 1)
    draws(torch.full((2, 1), 0.3))
    found = draws(points)
    assert found.value.dtype == torch.float64
    found.value.sum().backward()
    assert points.grad is not None
    assert points.grad.dtype == torch.float32
