"""Noisy quadratics of mixed conditioning ([L2L] §3.1).

::

    outcomes = QuadraticTask(protocol).evaluate([Rule.parse("g")], seed=0)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.contracts import ChildProtocol
from harness.tasks.toy.arena import DTYPES, Arena, ToyTask, noise_of_batches, normal, progress, stream

PROBLEMS = 8
DIMENSIONS = 10  # of each problem, as in [L2L] §3.1
WORST_CONDITION = 1e3  # of the last problem; the first is a sphere, and the others are evenly spaced by logarithm
GRADIENT_NOISE = 1.0  # standard deviation of one example's gradient around the mean (**D**)
STRETCH = 0.25  # a loss cut to 1/10,000 scores 0.9 (**D**)


class QuadraticTask(ToyTask):
    """Score rules on noisy quadratics of mixed conditioning, with the child's schedule (protocol §2).

    Eight problems f(w) = ½(w−w*)ᵀA(w−w*) are trained together with one λ. An example is a gradient that differs from
    the mean gradient by a fixed Gaussian vector; the vectors of an epoch sum to 0. The score is the mean over problems
    of 1 − min(1, f/f₀)^¼, measured without noise: 0 for no progress, 1 at the minimum (**D**).

    Args:
        protocol: sizes, λs and epochs; ``validation_examples`` has no meaning here.
        data: not used; the problems follow from the seed.

    Raises:
        ProtocolError: the protocol's dtype is not float32 or float64.
    """

    name = "toy-quadratic"
    version = 1

    def arena(self, seed: int) -> Arena:
        """Return the problems and their batches for a seed."""
        return Quadratics.of(self.protocol, seed)


@dataclass(frozen=True, slots=True)
class Quadratics:
    """The problems and their batches for one seed.

    Attributes:
        curvature: the matrices A, (problems, dimensions, dimensions).
        minimum: the solutions w*, (problems, dimensions).
        start: w − w* before the first step, (problems, dimensions).
        deviations: each batch's gradient minus the mean gradient, (epochs, steps, problems, dimensions).
        first_loss: f₀ of each problem, (problems,).
    """

    separable: ClassVar[bool] = False  # the rounding of a matrix product depends on the number of rows

    curvature: Tensor
    minimum: Tensor
    start: Tensor
    deviations: Tensor
    first_loss: Tensor

    @classmethod
    def of(cls, protocol: ChildProtocol, seed: int) -> Quadratics:
        """Draw and return the problems of a seed, in float64 and then rounded to the protocol's dtype."""
        name = QuadraticTask.name
        problems = stream(seed, name, "problems")
        rotation, _ = torch.linalg.qr(normal(problems, PROBLEMS, DIMENSIONS, DIMENSIONS))
        condition = torch.logspace(0, math.log10(WORST_CONDITION), PROBLEMS, dtype=torch.float64)
        spectrum = condition[:, None] ** -torch.linspace(0, 1, DIMENSIONS, dtype=torch.float64)
        curvature = rotation * spectrum[:, None, :] @ rotation.mT
        minimum, start = normal(problems, 2, PROBLEMS, DIMENSIONS)
        deviations = GRADIENT_NOISE * noise_of_batches(protocol, seed, name, PROBLEMS, DIMENSIONS)
        first_loss = 0.5 * torch.einsum("pi,pij,pj->p", start, curvature, start)
        parts = (curvature, minimum, start, deviations, first_loss)
        return cls(*(part.to(DTYPES[protocol.dtype]) for part in parts))

    def stack(self, rates: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return one tensor of weights, (problems, rates, dimensions)."""
        return [self.minimum[:, None, :] + self.start[:, None, :].repeat(1, len(rates), 1)], rates[:, None]

    def gradients(self, weights: Sequence[Tensor], epoch: int, step: int) -> tuple[list[Tensor], Tensor]:
        """Return the gradient A(w−w*) plus the batch's deviation, and the sum of |(w−w*)A(w−w*)| over coordinates."""
        offset = weights[0] - self.minimum[:, None, :]  # (rules, problems, rates, dimensions)
        curvature = self.curvature.expand(len(offset), -1, -1, -1).flatten(0, 1)
        slope = torch.bmm(offset.flatten(0, 1), curvature).view_as(offset)
        sizes = offset.mul_(slope).abs_().sum((1, 3))
        return [slope.add_(self.deviations[epoch, step][:, None, :])], sizes

    def loss(self, weights: Sequence[Tensor], epoch: int, step: int) -> Tensor:  # noqa: ARG002 - without noise
        """Return twice the sum of the losses."""
        offset = weights[0] - self.minimum[:, None, :]
        return torch.sum(torch.bmm(offset, self.curvature) * offset, (0, 2))

    def scores(self, weights: Sequence[Tensor]) -> Tensor:
        """Return the mean of 1 − min(1, f/f₀)^¼ over the problems, without noise."""
        offset = weights[0] - self.minimum[:, None, :]
        losses = 0.5 * (torch.bmm(offset, self.curvature) * offset).sum(2)
        return progress(losses, self.first_loss, stretch=STRETCH)
