"""Minibatches of labelled images, which a problem's seed and the step decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from harness.contracts import Dataset
from harness.errors import DataError, message
from harness.seeds import derive_seed
from harness.tasks.data.images import Bytes, ImageData
from harness.tasks.learned.lstm import CPU
from harness.tasks.learned.problem import Layer, sent

BATCH = 128  # examples of a step ([L2L] §3.2)
AHEAD = 32  # steps whose examples a GPU is told at once
KEPT = 64  # times as many that stay in its memory, so that the next λ or the next validation finds them


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """The training images of a data set, or those with some labels.

    Attributes:
        images: (examples, height, width, channels), uint8.
        labels: (examples,), from 0.
        chosen: which of them are used.
        classes: how many labels there are.
    """

    images: Bytes
    labels: NDArray[np.int64]
    chosen: NDArray[np.int64]
    classes: int

    @classmethod
    def of(cls, data: ImageData, labels: range | None = None) -> Examples:
        """Return the training images of a data set.

        Args:
            data: where they are.
            labels: those that are used; they are then counted from 0. None for all.

        Raises:
            DataError: the data set has no images with these labels.
        """
        every = data.train_labels.astype(np.int64)
        used = range(int(every.max()) + 1) if labels is None else labels
        chosen = np.flatnonzero((every >= used.start) & (every < used.stop))
        if len(np.unique(every[chosen])) < len(used):
            expected = f"images with the labels {used.start} to {used.stop - 1}"
            got, hint = f"{int(every.max()) + 1} classes", "Choose another data set, or another variant"
            raise DataError(message(f"data {data.name!r}", expected=expected, got=got, hint=hint))
        return cls(data.train_images, every - used.start, chosen, len(used))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    def batch(self, seeds: Sequence[int], step: int) -> tuple[Tensor, Tensor]:
        """Return the examples that some problems see at a step, drawn with replacement.

        Args:
            seeds: one for each problem.
            step: from 0.

        Returns:
            Images (problems, BATCH, height, width, channels) in [0, 1], float32, and labels (problems, BATCH).
        """
        places = self.chosen[self.drawn(seeds, step).numpy()]
        return torch.from_numpy(self.images[places]).float().div_(255), torch.from_numpy(self.labels[places])

    def drawn(self, seeds: Sequence[int], step: int) -> Tensor:
        """Return which of the chosen examples some problems see at a step, (problems, BATCH)."""
        return torch.stack([_below(len(self.chosen), derive_seed(seed, "minibatch", step)) for seed in seeds])

    @property
    def device(self) -> torch.device:
        """Where minibatches lie: in the processor's memory."""
        return CPU


def _below(bound: int, seed: int) -> Tensor:
    return torch.randint(bound, (BATCH,), generator=torch.Generator().manual_seed(seed))


class Minibatches(Protocol):
    """Where problems get their examples from: ``Examples``, or those that a GPU holds."""

    @property
    def device(self) -> torch.device:
        """Where minibatches lie."""

    @property
    def classes(self) -> int:
        """How many labels there are."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""

    def batch(self, seeds: Sequence[int], step: int) -> tuple[Tensor, Tensor]:
        """Return the images and labels that some problems see at a step, as ``Examples.batch`` does."""


class Resident:
    """Examples that lie in a GPU's memory, as bytes; a step of all problems gathers its minibatches there.

    Args:
        examples: where they are in the processor's memory; their streams decide the minibatches.
        device: the GPU.
    """

    def __init__(self, examples: Examples, device: torch.device) -> None:
        self.device, self.classes, self.shape = device, examples.classes, examples.shape
        self._examples = examples
        self._images = torch.from_numpy(examples.images[examples.chosen]).to(device)
        self._labels = torch.from_numpy(examples.labels[examples.chosen]).to(device)
        self._ahead = lru_cache(maxsize=KEPT)(self._drawn)

    def batch(self, seeds: Sequence[int], step: int) -> tuple[Tensor, Tensor]:
        """Return the examples that some problems see at a step, as ``Examples.batch`` does."""
        places = self._ahead(tuple(seeds), step // AHEAD)[step % AHEAD]
        return self._images[places].float().div_(255), self._labels[places]

    def _drawn(self, seeds: tuple[int, ...], block: int) -> Tensor:
        """Return which examples some problems see at some steps, (AHEAD, problems, BATCH)."""
        steps = range(block * AHEAD, (block + 1) * AHEAD)
        return sent(torch.stack([self._examples.drawn(seeds, step) for step in steps]), self.device)


def as_images(data: Dataset | None, *, least: int = 1) -> ImageData:
    """Return a data set as images in memory.

    Args:
        data: the data set.
        least: pixels that an image must have in height and width.

    Raises:
        DataError: it is another kind of data, or has smaller images or none.
    """
    if isinstance(data, ImageData):
        height, width = data.train_images.shape[1:3]
        if len(data.train_images) and min(height, width) >= least:
            return data
        got = f"{len(data.train_images):,} of {height}×{width}"
    else:
        got = "none" if data is None else type(data).__name__
    what = "data of problems" if data is None else f"data {data.name!r}"
    expected, hint = f"images of at least {least}×{least} pixels", "Choose another data set with --data"
    raise DataError(message(what, expected=expected, got=got, hint=hint))


def on(examples: Examples, device: torch.device) -> Minibatches:
    """Return where problems on a device get their examples from."""
    return examples if device.type == "cpu" else Resident(examples, device)


def normal(seed: int, count: int) -> Tensor:
    """Return the numbers N(0, 1) that a problem's initial weights are made of."""
    return torch.randn(count, generator=torch.Generator().manual_seed(derive_seed(seed, "weights")))


def entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of each problem's minibatch, (problems,).

    Args:
        logits: (problems, classes, examples).
        labels: (problems, examples).
    """
    if logits.is_cuda:  # torch has a repeatable loss there for rows alone
        rows = logits.transpose(1, 2).flatten(0, 1)
        values = functional.cross_entropy(rows, labels.flatten(), reduction="none").view(labels.shape)
    else:
        values = functional.cross_entropy(logits, labels, reduction="none")
    return values.mean(1)


def problem_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Return the seeds of so many problems, each of which decides a problem's weights and minibatches."""
    return tuple(derive_seed(seed, "problem", index) for index in range(count))


def parted(rows: Tensor, layers: Sequence[Layer]) -> list[Tensor]:
    """Return each layer's parameters, in its shape, from rows of weights (..., parameters)."""
    sizes = [math.prod(layer.shape) for layer in layers]
    parts = rows.split(sizes, -1)
    return [part.unflatten(-1, layer.shape) for part, layer in zip(parts, layers, strict=True)]
