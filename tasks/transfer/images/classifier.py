"""A network of pytorchcv that is trained to classify images, and what all such networks of a process share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness.seeds import derive_seed
from harness.tasks.transfer.images.starting import started
from harness.tasks.transfer.images.vector import in_one_vector

Batch = tuple[Tensor, Tensor]
"""Normalised images (batch, channels, height, width), stored channels-last, and their labels (batch,), int64."""


class Source(Protocol):
    """Where images come from, in batches; an epoch's images, their order and their changes depend on a seed alone."""

    @property
    def steps(self) -> int:
        """Batches in an epoch."""

    @property
    def examples(self) -> int:
        """Images in an epoch."""

    def batches(self, seed: int, epoch: int) -> Iterable[Batch]:
        """Return the batches of an epoch."""

    def validation(self) -> Iterable[Batch]:
        """Return the held-out images."""

    def test(self) -> Iterable[Batch]:
        """Return the test images; none if there are none."""


@runtime_checkable
class Restarting(Protocol):
    """A layer that draws, such as dropout, from a stream of its own."""

    def restart(self, seed: int) -> None:
        """Begin the stream of a seed."""


@dataclass(frozen=True, slots=True)
class Classifiers:
    """What all networks of a process share; a ``harness.tasks.transfer.workload.Workload``.

    Attributes:
        source: where images come from.
        build: builds a network, whose initial weights do not matter.
        device: where it trains.
        environment: versions of the libraries that scores depend on.
    """

    source: Source
    build: Callable[[], nn.Module]
    device: torch.device
    environment: Mapping[str, str]

    @property
    def steps(self) -> int:
        """Steps of the optimizer in an epoch."""
        return self.source.steps

    @property
    def examples(self) -> int:
        """Images that an epoch consumes."""
        return self.source.examples

    def start(self, seed: int) -> Classifier:
        """Return a network with the initial weights of a seed."""
        module = started(self.build, derive_seed(seed, "weights")).to(self.device)
        return Classifier(module, self.source, seed=seed)


class Classifier:
    """A network in training; a ``harness.tasks.transfer.workload.Network``.

    Args:
        module: maps images (batch, channels, height, width) to logits (batch, classes).
        source: where images come from.
        seed: decides what each epoch draws.
    """

    def __init__(self, module: nn.Module, source: Source, *, seed: int) -> None:
        self.module = module
        self._source = source
        self._seed = seed
        self._vector = in_one_vector(module)

    @property
    def parameters(self) -> Sequence[Tensor]:
        """One vector of all weights."""
        return [self._vector]

    @property
    def layers(self) -> Sequence[Tensor]:
        """The module's own parameters."""
        return list(self.module.parameters())

    def losses(self, epoch: int) -> Iterator[float]:
        """Train one epoch: for each batch, compute the gradients and yield the loss."""
        self.module.train()
        for place, layer in enumerate(each for each in self.module.modules() if isinstance(each, Restarting)):
            layer.restart(derive_seed(self._seed, "layer", place, epoch))
        assert self._vector.grad is not None, "the vector always has its gradients"
        for images, labels in self._source.batches(self._seed, epoch):
            loss = cross_entropy(self.module(images), labels)
            found = loss.item()
            if math.isfinite(found):
                self._vector.grad.zero_()
                loss.backward()
            yield found

    def score(self) -> float:
        """Return the accuracy on the held-out images; batch norm uses its running means."""
        return self._accuracy(self._source.validation())

    def test(self) -> float:
        """Return the accuracy on the test images; NaN if there are none."""
        return self._accuracy(self._source.test())

    def figures(self) -> Mapping[str, float]:
        """Return nothing beside the accuracy."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return a copy of the weights and running means."""
        return {"weights": self._vector.clone()} | {name: each.clone() for name, each in self.module.named_buffers()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state`` returned."""
        self._vector.copy_(state["weights"])
        for name, each in self.module.named_buffers():
            each.copy_(state[name])

    def _accuracy(self, batches: Iterable[Batch]) -> float:
        right = count = 0
        self.module.eval()
        with torch.inference_mode():
            for images, labels in batches:
                logits = self.module(images)
                sane = torch.isfinite(logits).all(1)  # argmax treats NaN as the largest, which is not an answer
                right += int(((logits.argmax(1) == labels) & sane).sum())
                count += len(labels)
        return right / count if count else math.nan
