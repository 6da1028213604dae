"""Families for tests of meta-training: small, and ones that go wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.tasks.learned.lstm import Architecture
from harness.tasks.learned.problem import Layer, Problems, Schedule, Variant
from harness.tasks.learned.problems.quadratic import Quadratics

TINY = Schedule(batch=2, draws=6, rates=3, trial=2, held_out=3, every=1)
STEPS = 25  # an unroll of 20 and one of 5


class Small(Quadratics):
    """Quadratics, with few steps."""

    variants: Mapping[str, Variant] = {"": Variant(summary="few steps", steps=STEPS)}
    architecture: ClassVar[Architecture] = Architecture(hidden=3, layers=2, preprocessing=0.0, scale=1.0)
    schedule: ClassVar[Schedule] = TINY


@dataclass
class Changed:
    """Problems whose values and gradients are changed."""

    inner: Problems
    factor: float

    @property
    def layers(self) -> Sequence[Layer]:
        return self.inner.layers

    def start(self) -> Tensor:
        return self.inner.start()

    def evaluate(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:
        value, gradient = self.inner.evaluate(weights, step)
        return value * self.factor, gradient * self.factor


class Overflowing(Small):
    """Every second draw, the held-out problems aside, has an infinite gradient."""

    draws = 0

    def draw(self, seed: int, count: int, *, variant: str = "") -> Problems:
        self.draws += 1
        return Changed(super().draw(seed, count, variant=variant), 1.0 if self.draws % 2 else torch.inf)


class Hopeless(Small):
    """No value is ever finite."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> Problems:
        return Changed(super().draw(seed, count, variant=variant), torch.inf)


class Flat(Small):
    """Nothing can be learned: f is 0 everywhere."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> Problems:
        return Changed(super().draw(seed, count, variant=variant), 0.0)


class Leaking(Small):
    """Keeps all problems that it ever drew, as a training must not."""

    kept: ClassVar[list[Problems]] = []

    def draw(self, seed: int, count: int, *, variant: str = "") -> Problems:
        self.kept.append(super().draw(seed, count, variant=variant))
        return self.kept[-1]
