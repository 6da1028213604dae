"""Random quadratics ([L2L] §3.1): f(θ) = ‖Wθ − y‖², with W (10, 10), y and the initial θ all N(0, 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.contracts import Dataset
from harness.seeds import derive_seed
from harness.tasks.learned.lstm import CPU, Architecture
from harness.tasks.learned.problem import ALL, Layer, Schedule, Variant, sent

SIZE = 10


@dataclass(frozen=True, slots=True)
class QuadraticProblems:
    """Some quadratics.

    Attributes:
        matrix: W, (problems, 10, 10).
        target: y, (problems, 10).
        first: the initial θ, (problems, 10).
    """

    matrix: Tensor
    target: Tensor
    first: Tensor
    layers: Sequence[Layer] = (Layer("theta", (SIZE,)),)

    def start(self) -> Tensor:
        """Return the initial weights, (problems, 10)."""
        return self.first.clone()

    def evaluate(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - every step is alike
        """Return values (problems,) and gradients (problems, 10)."""
        residual = torch.einsum("prc,pc->pr", self.matrix, weights) - self.target
        return residual.square().sum(1), 2 * torch.einsum("prc,pr->pc", self.matrix, residual)


class Quadratics:
    """The family; it reads no data, and every step sees the whole function."""

    name: ClassVar[str] = "quadratic"
    version: ClassVar[int] = 1
    inputs: ClassVar[str] = "none"
    variants: ClassVar[Mapping[str, Variant]] = {"": Variant(summary="ten dimensions, 100 steps")}
    kinds: ClassVar[tuple[str, ...]] = (ALL,)
    architecture: ClassVar[Architecture] = Architecture(preprocessing=0.0, scale=1.0)
    schedule: ClassVar[Schedule] = Schedule(
        batch=64, draws=3_000, rates=6, trial=60, between=(3e-4, 3e-2), held_out=500, every=30, patience=30
    )

    def __init__(self, data: Dataset | None = None, *, device: torch.device = CPU) -> None:
        self.data, self._device = data, device

    def on(self, device: torch.device) -> Quadratics:
        """Return the same family, whose problems compute on a device."""
        return type(self)(self.data, device=device)

    def joined(self, problems: Sequence[QuadraticProblems]) -> QuadraticProblems:
        """Return the problems of several draws side by side."""
        names = ("matrix", "target", "first")
        matrix, target, first = (torch.cat([getattr(each, name) for each in problems]) for name in names)
        return QuadraticProblems(matrix, target, first)

    def draw(self, seed: int, count: int, *, variant: str = "") -> QuadraticProblems:  # noqa: ARG002 - there is one
        """Draw quadratics; each has a generator of its own."""
        numbers = torch.stack([_numbers(derive_seed(seed, "problem", index)) for index in range(count)])
        matrix, target, first = sent(numbers, self._device).split([SIZE * SIZE, SIZE, SIZE], 1)
        return QuadraticProblems(matrix.reshape(count, SIZE, SIZE), target, first)


def _numbers(seed: int) -> Tensor:
    return torch.randn(SIZE * SIZE + 2 * SIZE, generator=torch.Generator().manual_seed(seed))
