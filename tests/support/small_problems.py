"""Families of small problems: bowls whose weights lie in a kernel, a matrix and a bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.contracts import Dataset
from harness.seeds import derive_seed
from harness.tasks.learned.lstm import Architecture
from harness.tasks.learned.problem import KERNELS, REST, Layer, Schedule, Variant

LAYERS = (Layer("kernel", (2, 1, 2, 2)), Layer("matrix", (3, 2)), Layer("bias", (2,)))
SIZE = sum(layer.size for layer in LAYERS)


@dataclass(frozen=True, slots=True)
class SomeBowls:
    """f(θ) = Σ a (θ − b)², where the target b moves a little with the step."""

    scales: Tensor
    targets: Tensor
    layers: Sequence[Layer] = LAYERS

    def start(self) -> Tensor:
        return torch.ones_like(self.targets)

    def evaluate(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:
        distance = weights - self.targets * (1 + step / 100)
        return (self.scales * distance.square()).sum(1), 2 * self.scales * distance

    def only(self, place: int) -> SomeBowls:
        """One of the problems."""
        return SomeBowls(self.scales[place : place + 1], self.targets[place : place + 1])


class Bowls:
    """Bowls."""

    name: ClassVar[str] = "bowls"
    version: ClassVar[int] = 3
    inputs: ClassVar[str] = "none"
    variants: Mapping[str, Variant] = {
        "": Variant(summary="bowls", steps=4),
        "steep": Variant(summary="steep bowls", steps=5, trains=False),
    }
    kinds: ClassVar[tuple[str, ...]] = (KERNELS, REST)
    architecture: ClassVar[Architecture] = Architecture(hidden=3, layers=1)
    schedule: ClassVar[Schedule] = Schedule(batch=3, draws=10, held_out=5)
    drawn: ClassVar[list[tuple[int, int]]] = []
    """Seed and number of all draws."""

    def __init__(self, data: Dataset | None = None) -> None:
        self.data = data

    def draw(self, seed: int, count: int, *, variant: str = "") -> SomeBowls:
        self.drawn.append((seed, count))
        rows = [
            torch.rand(2 * SIZE, generator=torch.Generator().manual_seed(derive_seed(seed, "problem", place)))
            for place in range(count)
        ]
        scales, targets = torch.stack(rows).split(SIZE, 1)
        return SomeBowls(scales * (100 if variant else 1), targets)


class PicturedBowls(Bowls):
    """Bowls that read a data set of images."""

    name = "pictured"
    inputs = "images"


@dataclass(frozen=True, slots=True)
class _Odd(SomeBowls):
    raising: bool = False
    narrow: bool = False

    def evaluate(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:
        if self.raising:
            raise ValueError("boo")
        values, gradients = SomeBowls.evaluate(self, weights, step)
        return (values[:, None] if self.narrow else values - 100), gradients


class Raising(Bowls):
    """Bowls that raise."""

    odd: ClassVar[Mapping[str, bool]] = {"raising": True}

    def draw(self, seed: int, count: int, *, variant: str = "") -> SomeBowls:
        made = super().draw(seed, count, variant=variant)
        return _Odd(made.scales, made.targets, **self.odd)


class Narrow(Raising):
    """Bowls whose values have another shape."""

    odd = {"narrow": True}  # noqa: RUF012


class Negative(Raising):
    """Bowls that lie below zero."""

    odd = {}  # noqa: RUF012


class Undrawn(Bowls):
    """Bowls that are nothing."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> None:  # type: ignore[override]  # noqa: ARG002
        return None


class Unborn(Bowls):
    """Bowls of no version."""

    version = 0


class NoVariants:
    """No family: it does not say what it reads."""

    def __init__(self, data: object) -> None:
        """Take data."""
