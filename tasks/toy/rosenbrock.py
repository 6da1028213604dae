"""Noisy Rosenbrock functions: curved valleys instead of straight ones (protocol §5; Rosenbrock 1960).

::

    outcomes = RosenbrockTask(protocol).evaluate([Rule.parse("g")], seed=0)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.contracts import ChildProtocol
from harness.tasks.toy.arena import DTYPES, Arena, ToyTask, noise_of_batches, normal, progress, stream

DIMENSIONS = (2, 2, 3, 4, 6, 10)  # of the problems
STEEPNESS = (100.0, 10.0, 30.0, 10.0, 100.0, 30.0)  # a, of the valleys' walls; 100 is Rosenbrock's own
START = (-1.2, 1.0)  # Rosenbrock's own, taken in turn along the coordinates
START_SPREAD = 0.2  # standard deviation around it (**D**)
GRADIENT_NOISE = 0.5  # standard deviation of one example's gradient around the mean (**D**)
STRETCH = 0.25  # a loss cut to 1/10,000 scores 0.9 (**D**)


class RosenbrockTask(ToyTask):
    """Score rules on noisy Rosenbrock functions of two to ten dimensions, with the child's schedule (protocol §2).

    Six problems f(x) = c Σᵢ a(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)² of several dimensions and steepnesses a are trained together
    with one λ, from a start near Rosenbrock's own. Two decisions keep rules from winning or losing for reasons
    unrelated to valleys (**D**): c scales the gradient's root mean square at the start to 1, because exponentials and
    clips depend on sizes; and the weights are x plus a random vector, because otherwise shrinking them to 0 would help.
    An example is a gradient that differs from the mean gradient by a fixed Gaussian vector; the vectors of an epoch sum
    to 0. The score is the mean over problems of 1 − min(1, f/f₀)^¼, measured without noise: 0 for no progress, 1 at the
    minimum (**D**).

    Args:
        protocol: sizes, λs and epochs; ``validation_examples`` has no meaning here.
        data: not used; starts and noise follow from the seed.

    Raises:
        ProtocolError: the protocol's dtype is not float32 or float64.
    """

    name = "toy-rosenbrock"
    version = 1

    def arena(self, seed: int) -> Arena:
        """Return the starts and the batches of a seed."""
        return Valleys.of(self.protocol, seed)


@dataclass(frozen=True, slots=True)
class Valleys:
    """The problems and their batches for one seed, with their coordinates laid end to end.

    Attributes:
        walls: c·a of each neighbouring pair of coordinates, (coordinates − 1,); 0 where one problem meets the next.
        floors: c of each pair, of the same shape; 0 where one problem meets the next.
        members: 1 where a pair belongs to a problem, else 0, (coordinates − 1, problems).
        shift: what is added to x, (coordinates,).
        start: x before the first step, (coordinates,).
        deviations: each batch's gradient minus the mean gradient, (epochs, steps, coordinates).
        first_loss: f₀ of each problem, (problems,).
    """

    separable: ClassVar[bool] = False  # the rounding of the scores' matrix product depends on the number of rows

    walls: Tensor
    floors: Tensor
    members: Tensor
    shift: Tensor
    start: Tensor
    deviations: Tensor
    first_loss: Tensor

    @classmethod
    def of(cls, protocol: ChildProtocol, seed: int) -> Valleys:
        """Draw and return the problems of a seed, in float64 and then rounded to the protocol's dtype."""
        name, coordinates = RosenbrockTask.name, sum(DIMENSIONS)
        starts = stream(seed, name, "starts")
        spots = [torch.tensor(START, dtype=torch.float64).repeat(size)[:size] for size in DIMENSIONS]
        start = torch.cat(spots) + START_SPREAD * normal(starts, coordinates)
        shift = normal(starts, coordinates)
        owner = torch.arange(len(DIMENSIONS)).repeat_interleave(torch.tensor(DIMENSIONS))
        paired = owner[:-1] == owner[1:]
        members = torch.nn.functional.one_hot(owner[:-1]).double() * paired[:, None]
        floors = members.sum(1)
        walls = members @ torch.tensor(STEEPNESS, dtype=torch.float64)
        squares = _gradient(start[None], _climb(start[None], walls)[1], floors)[0].square()
        sizes = torch.zeros(len(DIMENSIONS), dtype=torch.float64).index_add(0, owner, squares)
        scales = (sizes / torch.tensor(DIMENSIONS)).rsqrt()[owner[:-1]]
        walls, floors = walls * scales, floors * scales
        deviations = GRADIENT_NOISE * noise_of_batches(protocol, seed, name, coordinates)
        first_loss = (_terms(start[None], walls, floors) @ members)[0]
        parts = (walls, floors, members, shift, start, deviations, first_loss)
        return cls(*(part.to(DTYPES[protocol.dtype]) for part in parts))

    def stack(self, rates: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return one tensor of weights, (rates, coordinates)."""
        return [(self.start + self.shift).repeat(len(rates), 1)], rates[:, None]

    def gradients(self, weights: Sequence[Tensor], epoch: int, step: int) -> tuple[list[Tensor], Tensor]:
        """Return the gradient plus the batch's deviation, and the walls' part of the loss (no negative terms)."""
        here = (weights[0] - self.shift).flatten(0, 1)  # (cells, coordinates)
        climb, pull = _climb(here, self.walls)
        gradient = _gradient(here, pull, self.floors).add_(self.deviations[epoch, step])
        return [gradient.view_as(weights[0])], torch.linalg.vecdot(climb, pull).view(weights[0].shape[:2])

    def loss(self, weights: Sequence[Tensor], epoch: int, step: int) -> Tensor:  # noqa: ARG002 - without noise
        """Return the walls' part of the loss, which is finite exactly when the whole loss is."""
        total: Tensor = torch.linalg.vecdot(*_climb(weights[0] - self.shift, self.walls))
        return total

    def scores(self, weights: Sequence[Tensor]) -> Tensor:
        """Return the mean of 1 − min(1, f/f₀)^¼ over the problems, without noise."""
        terms = _terms(weights[0] - self.shift, self.walls, self.floors)
        return progress((terms @ self.members).mT, self.first_loss, stretch=STRETCH)


def _climb(here: Tensor, walls: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far each pair is from its valley, xᵢ₊₁ − xᵢ², and that times c·a."""
    climb = torch.addcmul(here[:, 1:], here[:, :-1], here[:, :-1], value=-1.0)
    return climb, climb * walls


def _gradient(here: Tensor, pull: Tensor, floors: Tensor) -> Tensor:
    """Return the gradient, c times ∂/∂xᵢ₊₁: 2a(xᵢ₊₁ − xᵢ²) and ∂/∂xᵢ: −4a(xᵢ₊₁ − xᵢ²)xᵢ − 2(1 − xᵢ)."""
    gradient = torch.nn.functional.pad(pull, (1, 0)).mul_(2.0)
    before = here[:, :-1]
    gradient[:, :-1].addcmul_(pull, before, value=-4.0).addcmul_(floors, before - 1.0, value=2.0)
    return gradient


def _terms(here: Tensor, walls: Tensor, floors: Tensor) -> Tensor:
    """Return the loss of each pair, (rates, coordinates − 1)."""
    climb, pull = _climb(here, walls)
    return climb * pull + floors * (here[:, :-1] - 1.0) ** 2
