"""The examples of one protocol, chosen once and stored in the form that the network reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from harness.tasks.data.images import Bytes, ImageData
from harness.tasks.data.split import Sizes, split


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The raw examples that a protocol uses, small enough to send to a worker.

    Attributes:
        pool_images: (train_examples, height, width, channels), uint8.
        pool_labels: (train_examples,), uint8.
        validation_images: (validation_examples, height, width, channels), uint8.
        validation_labels: (validation_examples,), uint8.
        classes: how many classes the data set has.
        test_images: (test, height, width, channels), uint8: all test images; None for a search.
        test_labels: (test,), uint8; None for a search.
    """

    pool_images: Bytes
    pool_labels: Bytes
    validation_images: Bytes
    validation_labels: Bytes
    classes: int
    test_images: Bytes | None = None
    test_labels: Bytes | None = None

    @classmethod
    def of(cls, protocol: Sizes, data: ImageData, *, test: bool = False) -> Choice:
        """Choose examples by ``harness.tasks.data.split``; the test images are read only if ``test`` is set.

        Every protocol is tested on all test images (**D**): a smaller protocol trains on less, but a test on fewer
        images would only be less exact.

        Raises:
            ProtocolError: the data has too few images.
        """
        pool, validation = split(protocol, data)
        images, labels = data.train_images, data.train_labels
        classes = int(labels.max()) + 1
        chosen = cls(images[pool], labels[pool], images[validation], labels[validation], classes)
        if not test or not len(data.test_labels):
            return chosen
        return replace(chosen, test_images=np.array(data.test_images), test_labels=np.array(data.test_labels))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Normalised examples.

    Attributes:
        images: (examples, channels, height, width), stored channels-last.
        labels: (examples,), int64.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def on(self, device: torch.device) -> Part:
        """Return the same examples on a device."""
        return Part(self.images.to(device), self.labels.to(device))


def share_right(logits: Tensor, part: Part) -> float:
    """Return the share of examples whose class has the largest of the logits (examples, classes), all finite."""
    sane = torch.isfinite(logits).all(1)  # argmax treats NaN as the largest, which is not an answer
    return int(((logits.argmax(1) == part.labels) & sane).sum()) / len(part)


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """The mean of each channel, and one divided by its standard deviation; both (channels,), float32."""

    shift: Tensor
    scale: Tensor

    @classmethod
    def of(cls, images: Bytes) -> Scale:
        """Measure images (examples, height, width, channels), uint8."""
        # From histograms, so that the sums are exact whatever the order.
        channels = images.reshape(-1, images.shape[3]).T
        counts = np.stack([np.bincount(channel, minlength=256) for channel in channels])
        values = np.arange(256)
        mean = counts @ values / counts.sum(1)
        deviation = np.sqrt(counts @ values**2 / counts.sum(1) - mean**2)
        return cls(torch.from_numpy(mean).float(), torch.from_numpy(1 / np.maximum(deviation, 1.0)).float())

    def normal(self, images: Bytes) -> Tensor:
        """Normalise images; return (examples, channels, height, width), float32, stored channels-last."""
        return torch.from_numpy(images).float().sub_(self.shift).mul_(self.scale).permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What a child is trained and scored on.

    Attributes:
        pool: the training pool.
        validation: the held-out set.
        classes: how many classes there are.
        test: the test set, which a confirmation scores once; None for a search.
    """

    pool: Part
    validation: Part
    classes: int
    test: Part | None = None

    @classmethod
    def of(cls, choice: Choice, dtype: torch.dtype) -> Examples:
        """Normalise each channel by the training pool's mean and standard deviation (**D**: the pool's alone)."""
        scale = Scale.of(choice.pool_images)

        def part(images: Bytes, labels: Bytes) -> Part:
            return Part(scale.normal(images).to(dtype), torch.from_numpy(labels).long())

        return cls(
            part(choice.pool_images, choice.pool_labels),
            part(choice.validation_images, choice.validation_labels),
            choice.classes,
            None
            if choice.test_images is None or choice.test_labels is None
            else part(choice.test_images, choice.test_labels),
        )

    def on(self, device: torch.device) -> Examples:
        """Return the same examples on a device."""
        test = None if self.test is None else self.test.on(device)
        return Examples(self.pool.on(device), self.validation.on(device), self.classes, test)
