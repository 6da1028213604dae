"""The seam between learned optimizers and what they optimize: families of problems, drawn in batches.

::

    problems = family.draw(seed, 8, variant="")
    weights = problems.start()                              # (8, parameters)
    value, gradient = problems.evaluate(weights, step=0)    # (8,) and (8, parameters)

All problems of a batch are evaluated side by side, as optimizers that treat every weight alike update them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from harness.contracts import Dataset
from harness.errors import SettingError, message
from harness.tasks.learned.lstm import Architecture

ALL, KERNELS, REST = "all", "convolution", "rest"  # kinds of parameters, each with an LSTM of its own
NO_DECAY, COSINE = DECAYS = ("none", "cosine")


@dataclass(frozen=True, slots=True)
class Layer:
    """One parameter of a problem: its name, and its shape as its layer has it."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Its number of entries."""
        return math.prod(self.shape)

    @property
    def kernel(self) -> bool:
        """Whether it is the kernel of a convolution."""
        return len(self.shape) > 2


class Problems(Protocol):
    """Problems of one family and variant, to be optimized side by side."""

    @property
    def layers(self) -> Sequence[Layer]:
        """The parameters of one problem, in the order in which they lie in its row of weights; kernels come first."""

    def start(self) -> Tensor:
        """Return the initial weights, (problems, parameters), float32: the same at every call."""

    def evaluate(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the values f(θ) and the gradients ∇f(θ) on the examples of a step.

        Problems do not influence each other: a row of the answer depends on its own row of weights alone.

        Args:
            weights: (problems, parameters).
            step: from 0; it decides the examples, so that all optimizers see the same.

        Returns:
            Values (problems,) from 0 on, since comparisons take logarithms, and gradients (problems, parameters); not
            finite where f is not.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One variant of a family.

    Attributes:
        summary: one line for listings.
        steps: how many steps are taken.
        trains: whether a learned optimizer may be trained on it; the others are for comparisons only.
    """

    summary: str
    steps: int = 100
    trains: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long a family's default is trained, and on how much at once.

    Attributes:
        batch: problems that are optimized side by side.
        draws: batches that the best λ is trained on, with those of its trial.
        rates: how many λ of the meta-optimizer are tried, drawn log-uniformly from ``between``.
        trial: batches drawn for each λ; the best one goes on from there.
        between: the least and the largest λ.
        coordinates: how many coordinates of each kind an unroll differentiates, drawn at random; 0 for all.
        held_out: problems of the validation, which are the same for every seed.
        every: batches between two validations; it divides ``trial``.
        patience: validations without improvement after which training stops.
        rate: λ, if it is given and not searched for; else 0.
        decay: ``none``, or ``cosine``: λ falls to 0 along half a cosine over all ``draws``.
    """

    batch: int
    draws: int
    rates: int = 4
    trial: int = 20
    between: tuple[float, float] = (1e-4, 3e-2)
    coordinates: int = 0
    held_out: int = 64
    every: int = 10
    patience: int = 20
    rate: float = 0.0
    decay: str = NO_DECAY

    def decayed(self, rate: float, batch: int) -> float:
        """Return λ for a batch, by its number from 0."""
        if self.decay == NO_DECAY:
            return rate
        return rate * (1 + math.cos(math.pi * batch / self.draws)) / 2


class Family(Protocol):
    """A distribution over problems. Registered as ``factory(data)``, in the group ``harness.problems``."""

    name: ClassVar[str]
    version: ClassVar[int]
    inputs: ClassVar[str]
    """The kind of data that it reads, as protocols name it; ``none`` for no data."""
    variants: ClassVar[Mapping[str, Variant]]
    """By name; that of ``""`` is what the family itself means."""
    kinds: ClassVar[tuple[str, ...]]
    """The kinds of parameters that get an LSTM each: ``(ALL,)``, or ``(KERNELS, REST)``."""
    architecture: ClassVar[Architecture]
    """The LSTM that suits it."""
    schedule: ClassVar[Schedule]
    """How its default is trained."""

    @property
    def data(self) -> Dataset | None:
        """The data set that its problems read."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> Problems:
        """Draw and return ``count`` problems; problem i depends on ``seed``, i and the variant alone."""


class Movable(Family, Protocol):
    """A family whose problems can lie in the memory of a GPU."""

    def on(self, device: torch.device) -> Movable:
        """Return the same family, whose problems compute on a device; they are drawn from the same streams."""

    def joined(self, problems: Sequence[Any]) -> Problems:
        """Return the problems of several draws of one variant side by side."""


def placed(family: Family, device: torch.device) -> Family:
    """Return a family whose problems compute on a device.

    Raises:
        SettingError: the device is a GPU, and the family computes on the processor alone.
    """
    if device.type == "cpu":
        return family
    if not (hasattr(family, "on") and hasattr(family, "joined")):
        hint = "Leave out --device, or give the family what harness.tasks.learned.problem.Movable has"
        raise SettingError(message(f"device of problems {family.name}", expected="cpu", got=str(device), hint=hint))
    moved: Family = family.on(device)
    return moved


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the processor on a device; a GPU gets it while the processor goes on."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def kind_of(layer: Layer, kinds: Sequence[str]) -> str:
    """Return the kind of a parameter, by its shape."""
    if tuple(kinds) == (ALL,):
        return ALL
    return KERNELS if layer.kernel else REST


def spans(layers: Sequence[Layer], kinds: Sequence[str]) -> dict[str, slice]:
    """Return the columns of each kind's parameters in a row of weights; kernels come first."""
    found: dict[str, slice] = {}
    place = 0
    for layer in layers:
        kind, end = kind_of(layer, kinds), place + layer.size
        before = found.get(kind, slice(place, place))
        assert before.stop == place, "parameters of one kind lie beside each other"
        found[kind] = slice(before.start, end)
        place = end
    return found
