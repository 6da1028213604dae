"""Small networks on digits ([L2L] §3.2, protocol §8): f is the cross-entropy of a minibatch.

The network is the same for all problems of a variant; each problem has its own initial weights, drawn from N(0, SCALE²)
(**D**), biases included, and its own minibatches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from harness.contracts import Dataset
from harness.tasks.learned.lstm import CPU, Architecture
from harness.tasks.learned.problem import ALL, Layer, Schedule, Variant, sent
from harness.tasks.learned.problems.examples import (
    Examples,
    Minibatches,
    as_images,
    entropies,
    normal,
    on,
    parted,
    problem_seeds,
)

SCALE = 0.1  # standard deviation of the initial weights (**D**)
SHAPES: Mapping[str, tuple[tuple[int, ...], Callable[[Tensor], Tensor]]] = {
    "": ((20,), torch.sigmoid),
    "200-steps": ((20,), torch.sigmoid),
    "40-units": ((40,), torch.sigmoid),
    "2-layers": ((20, 20), torch.sigmoid),
    "relu": ((20,), torch.relu),
}
"""By variant: the units of the hidden layers, and their activation."""


@dataclass(frozen=True, slots=True)
class MnistProblems:
    """Some networks on digits.

    Attributes:
        examples: the digits.
        seeds: one for each problem.
        layers: weights (units, inputs) and biases (units,) of each layer in turn.
        activation: of the hidden units.
    """

    examples: Minibatches
    seeds: Sequence[int]
    layers: Sequence[Layer]
    activation: Callable[[Tensor], Tensor]

    def start(self) -> Tensor:
        """Return the initial weights, (problems, parameters)."""
        count = sum(layer.size for layer in self.layers)
        return sent(torch.stack([normal(seed, count) for seed in self.seeds]) * SCALE, self.examples.device)

    def evaluate(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return values (problems,) and gradients (problems, parameters) on the minibatches of a step."""
        images, labels = self.examples.batch(self.seeds, step)
        hidden = images.flatten(2)
        with torch.enable_grad():
            leaf = weights.detach().requires_grad_()
            parts = parted(leaf, self.layers)
            for index in range(0, len(parts), 2):
                if index:
                    hidden = self.activation(hidden)
                hidden = torch.baddbmm(parts[index + 1][:, None], hidden, parts[index].mT)
            values = entropies(hidden.mT, labels)
            (gradients,) = torch.autograd.grad(values.sum(), leaf)  # rows do not influence each other
        return values.detach(), gradients


class Mnist:
    """The family.

    Args:
        data: images of digits, or any others.

    Raises:
        DataError: it is another kind of data.
    """

    name: ClassVar[str] = "mnist"
    version: ClassVar[int] = 1
    inputs: ClassVar[str] = "digits"
    variants: ClassVar[Mapping[str, Variant]] = {
        "": Variant(summary="one hidden layer of 20 sigmoids, 100 steps"),
        "200-steps": Variant(summary="the same for 200 steps", steps=200, trains=False),
        "40-units": Variant(summary="40 units in place of 20", trains=False),
        "2-layers": Variant(summary="two hidden layers of 20 units", trains=False),
        "relu": Variant(summary="ReLU in place of sigmoids", trains=False),
    }
    kinds: ClassVar[tuple[str, ...]] = (ALL,)
    architecture: ClassVar[Architecture] = Architecture()
    # On one core, a step of a problem takes 7 ms, of which f and its gradient are 0.3 and the LSTM the rest, and the
    # meta-gradient of an unroll 130 ms: a batch takes 2.0 s, and a validation 10.7.
    schedule: ClassVar[Schedule] = Schedule(batch=2, draws=800, trial=60, coordinates=4_096, held_out=16, every=20)

    def __init__(self, data: Dataset | None, *, device: torch.device = CPU) -> None:
        self.data = data
        self._examples = on(Examples.of(as_images(data)), device)

    def on(self, device: torch.device) -> Mnist:
        """Return the same family, whose problems compute on a device."""
        return Mnist(self.data, device=device)

    def joined(self, problems: Sequence[MnistProblems]) -> MnistProblems:
        """Return the problems of several draws side by side."""
        return replace(problems[0], seeds=[seed for each in problems for seed in each.seeds])

    def draw(self, seed: int, count: int, *, variant: str = "") -> MnistProblems:
        """Draw networks; the variants of problem i begin with the same minibatches."""
        hidden, activation = SHAPES[variant]
        height, width, channels = self._examples.shape
        sizes = (height * width * channels, *hidden, self._examples.classes)
        layers = [
            layer
            for index, (inputs, units) in enumerate(pairwise(sizes), start=1)
            for layer in (Layer(f"weight{index}", (units, inputs)), Layer(f"bias{index}", (units,)))
        ]
        return MnistProblems(self._examples, problem_seeds(seed, count), tuple(layers), activation)
