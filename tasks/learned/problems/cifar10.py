"""Small convolutional networks on images ([L2L] §3.3, protocol §8): f is the cross-entropy of a minibatch.

Three convolutions with max pooling, then 32 units, then the classes. Batch norm with the minibatch's statistics comes
before each ReLU. These are ours (**D**): 16 channels, kernels of 3×3, weights that begin as N(0, 1/inputs), and as many
outputs as labels. Each problem has its own initial weights and minibatches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from harness.contracts import Dataset
from harness.tasks.learned.lstm import CPU, Architecture
from harness.tasks.learned.problem import KERNELS, REST, Layer, Schedule, Variant, sent
from harness.tasks.learned.problems import side_by_side
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

CONVOLUTIONS, CHANNELS, SIDE, UNITS = 3, 16, 3, 32  # how many; of each; of its kernels; of the layer after them
LABELS: Mapping[str, range | None] = {
    "": None,
    "5-labels": range(5),
    "2-labels": range(2),
    "held-out-5": range(5, 10),
    "held-out-8": range(2, 10),
}
"""By variant: the labels of its images; None for all."""


@dataclass(frozen=True, slots=True)
class Cifar10Problems:
    """Some networks on images.

    Attributes:
        examples: the images.
        seeds: one for each problem.
        layers: kernels; then scale and shift of the batch norm after each convolution; then weights, scale and shift of
            the layer of 32 units; then weights and biases of the last.
    """

    examples: Minibatches
    seeds: Sequence[int]
    layers: Sequence[Layer]

    def start(self) -> Tensor:
        """Return the initial weights, (problems, parameters): scales are 1, shifts and biases 0."""
        rows = torch.stack([normal(seed, sum(layer.size for layer in self.layers)) for seed in self.seeds])
        for layer, part in zip(self.layers, parted(rows, self.layers), strict=True):
            if len(layer.shape) > 1:
                part /= math.sqrt(math.prod(layer.shape[1:]))
            else:
                part.fill_(1.0 if layer.name.startswith("scale") else 0.0)
        return sent(rows, self.examples.device)

    def evaluate(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return values (problems,) and gradients (problems, parameters) on the minibatches of a step.

        On a processor one problem after another: with vmap, convolutions become grouped ones, which took three to five
        times as long. On a GPU all at once.
        """
        if self.examples.device.type != "cpu":
            return self.evaluate_at_once(weights, step)
        values, gradients = weights.new_empty(len(weights)), torch.empty_like(weights)
        for index, seed in enumerate(self.seeds):
            images, labels = self.examples.batch([seed], step)
            with torch.enable_grad():
                leaf = weights[index].detach().requires_grad_()
                value = functional.cross_entropy(self._logits(leaf, images[0]), labels[0])
                (gradients[index],) = torch.autograd.grad(value, leaf)
            values[index] = value.detach()
        return values, gradients

    def evaluate_at_once(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return what ``evaluate`` does, but for rounding, with few large operations."""
        images, labels = self.examples.batch(self.seeds, step)
        with torch.enable_grad():
            leaf = weights.detach().requires_grad_()
            values = entropies(self._all_logits(leaf, images), labels)
            (gradients,) = torch.autograd.grad(values.sum(), leaf)  # rows do not influence each other
        return values.detach(), gradients

    def _all_logits(self, rows: Tensor, images: Tensor) -> Tensor:
        """Return the outputs of all problems' networks, (problems, classes, examples)."""
        parts = parted(rows, self.layers)
        norms, (weight, scale, shift), (last, bias) = parts[CONVOLUTIONS:-5], parts[-5:-2], parts[-2:]
        hidden = images.permute(0, 4, 1, 2, 3)
        for index, kernel in enumerate(parts[:CONVOLUTIONS]):
            hidden = side_by_side.convolved(hidden, kernel)
            hidden = side_by_side.normed(hidden, norms[2 * index], norms[2 * index + 1])
            hidden = side_by_side.pooled(hidden).relu()
        features = hidden.permute(0, 1, 3, 4, 2).flatten(1, 3)  # (problems, features, examples)
        hidden = side_by_side.normed(weight @ features, scale, shift).relu()
        return torch.baddbmm(bias[..., None], last, hidden)

    def _logits(self, row: Tensor, images: Tensor) -> Tensor:
        """Return the outputs of one problem's network, (examples, classes)."""
        parts = parted(row, self.layers)
        norms, (weight, scale, shift), (last, bias) = parts[CONVOLUTIONS:-5], parts[-5:-2], parts[-2:]
        hidden = images.permute(0, 3, 1, 2)  # stored channels-last, which convolutions read fastest
        for index, kernel in enumerate(parts[:CONVOLUTIONS]):
            hidden = functional.conv2d(hidden, kernel, padding=SIDE // 2)
            hidden = _normed(hidden, norms[2 * index], norms[2 * index + 1])
            hidden = functional.max_pool2d(hidden, 2).relu()  # pooled first: the same, with fewer entries to compute
        hidden = _normed(functional.linear(hidden.flatten(1), weight), scale, shift).relu()
        return functional.linear(hidden, last, bias)


def _normed(hidden: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return functional.batch_norm(hidden, None, None, scale, shift, training=True)


class Cifar10:
    """The family.

    Args:
        data: images of CIFAR-10, or any others of at least 8×8 pixels.

    Raises:
        DataError: it is another kind of data.
    """

    name: ClassVar[str] = "cifar10"
    version: ClassVar[int] = 1
    inputs: ClassVar[str] = "images"
    variants: ClassVar[Mapping[str, Variant]] = {
        "": Variant(summary="all labels, 100 steps"),
        "5-labels": Variant(summary="images with the labels 0 to 4", trains=False),
        "2-labels": Variant(summary="images with the labels 0 and 1", trains=False),
        "held-out-5": Variant(summary="images with the labels 5 to 9, to train for 5-labels on others"),
        "held-out-8": Variant(summary="images with the labels 2 to 9, to train for 2-labels on others"),
    }
    kinds: ClassVar[tuple[str, ...]] = (KERNELS, REST)
    architecture: ClassVar[Architecture] = Architecture()
    # On one core, a step of a problem takes 23 ms, of which f and its gradient are 16 and the LSTM the rest, and the
    # meta-gradients of an unroll 145 ms: a batch takes 3.0 s, and a validation 18.
    schedule: ClassVar[Schedule] = Schedule(batch=1, draws=600, trial=40, coordinates=2_048, held_out=8, every=20)

    def __init__(self, data: Dataset | None, *, device: torch.device = CPU) -> None:
        self.data, self._device = data, device
        self._images = as_images(data, least=2**CONVOLUTIONS)
        self._examples: dict[str, Minibatches] = {}  # by variant

    def on(self, device: torch.device) -> Cifar10:
        """Return the same family, whose problems compute on a device."""
        return Cifar10(self.data, device=device)

    def joined(self, problems: Sequence[Cifar10Problems]) -> Cifar10Problems:
        """Return the problems of several draws side by side."""
        return replace(problems[0], seeds=[seed for each in problems for seed in each.seeds])

    def draw(self, seed: int, count: int, *, variant: str = "") -> Cifar10Problems:
        """Draw networks.

        Raises:
            DataError: the data set has no images with the variant's labels.
        """
        if variant not in self._examples:
            self._examples[variant] = on(Examples.of(self._images, LABELS[variant]), self._device)
        examples = self._examples[variant]
        return Cifar10Problems(examples, problem_seeds(seed, count), _layers(examples))


def _layers(examples: Minibatches) -> tuple[Layer, ...]:
    height, width, channels = examples.shape
    inputs = [channels, *[CHANNELS] * (CONVOLUTIONS - 1)]
    features = CHANNELS * (height // 2**CONVOLUTIONS) * (width // 2**CONVOLUTIONS)
    kernels = [Layer(f"kernel{index}", (CHANNELS, count, SIDE, SIDE)) for index, count in enumerate(inputs, start=1)]
    norms = [
        Layer(f"{what}{index}", (CHANNELS,)) for index in range(1, CONVOLUTIONS + 1) for what in ("scale", "shift")
    ]
    hidden = [Layer("weight4", (UNITS, features)), Layer("scale4", (UNITS,)), Layer("shift4", (UNITS,))]
    return (*kernels, *norms, *hidden, Layer("weight5", (examples.classes, UNITS)), Layer("bias5", (examples.classes,)))
