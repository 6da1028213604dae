"""The three losses: what they are, and where their gradients stop."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from harness.searchers.box.learned.meta.losses import Unrolled, expected_improvement, loss_of

VALUES = torch.tensor([[0.5, 0.7, 0.1, 0.3, -0.2], [1.0, -1.0, -1.0, 2.0, -3.0]], dtype=torch.float64)


def unrolled(values: Tensor) -> Unrolled:
    return Unrolled(values, torch.zeros_like(values), torch.ones_like(values))


def one(number: float) -> Tensor:
    return torch.tensor([number], dtype=torch.float64)


@pytest.mark.parametrize("deviation", [1e-2, 0.3, 1.0])
@pytest.mark.parametrize("above", [-2.0, -0.1, 0.0, 0.02, 1.5])
def test_the_expected_improvement_is_its_integral(above: float, deviation: float) -> None:
    incumbent, mean = 0.4, 0.4 + above
    law = norm(mean, deviation)
    lowest = min(mean, incumbent) - 12 * deviation
    exact, _ = quad(
        lambda y: (incumbent - y) * law.pdf(y), lowest, incumbent, points=[max(lowest, min(mean, incumbent))]
    )
    found = expected_improvement(one(mean), one(deviation), one(incumbent))
    assert float(found) == pytest.approx(exact, rel=1e-6, abs=1e-10)


def test_its_gradient_is_finite_far_from_the_incumbent() -> None:
    means = torch.tensor([-50.0, 0.0, 50.0], dtype=torch.float64, requires_grad=True)
    deviations = torch.full((3,), 1e-2, dtype=torch.float64, requires_grad=True)
    found = expected_improvement(means, deviations, torch.zeros(3, dtype=torch.float64))
    by_mean, by_deviation = torch.autograd.grad(found.sum(), (means, deviations))
    torch.testing.assert_close(by_mean, torch.tensor([-1, -0.5, 0], dtype=torch.float64))
    torch.testing.assert_close(by_deviation, torch.tensor([0, 1 / math.sqrt(2 * math.pi), 0], dtype=torch.float64))


def test_sum_is_the_sum_of_all_values() -> None:
    assert float(loss_of("sum", unrolled(VALUES))) == pytest.approx((1.4 - 2.0) / 2)


def test_the_observed_improvement_counts_what_each_point_is_better_than_all_before() -> None:
    assert float(loss_of("oi", unrolled(VALUES))) == pytest.approx(-(0.4 + 0.3 + 2.0 + 2.0) / 2)


def test_the_gradient_of_the_observed_improvement_stops_at_the_incumbent() -> None:
    values = VALUES.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of("oi", unrolled(values)), values)
    improves = torch.tensor([[0, 0, 1, 0, 1], [0, 1, 0, 0, 1]], dtype=torch.float64)
    # A point that only ties the incumbent, the third of the second draw, may count or not.
    gradient[1, 2] = 0
    torch.testing.assert_close(gradient, improves / 2)


def test_the_gradient_of_the_expected_improvement_goes_on_through_the_incumbent() -> None:
    values = VALUES.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of("ei", unrolled(values)), values)
    assert (gradient[0, [0, 2]] < 0).all(), "a higher incumbent is easier to improve on"
    assert (gradient[0, [1, 3, 4]] == 0).all(), "no incumbents of a later point"


def test_the_expected_improvement_is_against_the_least_value_before() -> None:
    found = loss_of("ei", unrolled(VALUES))
    incumbents = torch.tensor([[0.5, 0.5, 0.1, 0.1], [1.0, -1.0, -1.0, -1.0]], dtype=torch.float64)
    zeros = torch.zeros_like(incumbents)
    exact = -expected_improvement(zeros, zeros + 1, incumbents).sum() / 2
    assert float(found) == pytest.approx(float(exact))
