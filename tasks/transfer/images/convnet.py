"""``convnet-300``: the child's network, trained for longer and on more images ([NOS] §5, Table 1 of the first edition).

::

    outcomes = ConvnetTask(CONVNET_300_MINI, data).evaluate([Rule.parse("g")], seed=0)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.errors import ProtocolError, message
from harness.seeds import derive_seed
from harness.tasks.child import step
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.data.images import ImageData
from harness.tasks.transfer.images.choosing import as_images
from harness.tasks.transfer.task import Watch, WorkloadTask
from harness.tasks.transfer.workload import WorkloadProtocol


class ConvnetTask(WorkloadTask):
    """Train the child's network with each candidate, and score its validation accuracy.

    Images are neither mirrored nor cropped, as for the child. On a processor the steps are the child's fast ones.

    Args:
        protocol: how to score candidates; the batch size divides the number of training examples.
        data: CIFAR-10, or images like it.
        watch: called with (examples done, examples in all) after every epoch of the child in training.
        test: whether to score the test images, too.
        candidates: whether to train other candidates than rules, too.
        device: where to train.
        checkpoints: the folder in which a child is saved after every epoch; None to save nothing.

    Raises:
        ProtocolError: the data has too few images, or their side is not a multiple of 4.
    """

    name = "convnet"
    version = 1

    def __init__(
        self,
        protocol: WorkloadProtocol,
        data: ImageData,
        *,
        watch: Watch | None = None,
        test: bool = False,
        candidates: bool = False,
        device: str = "cpu",
        checkpoints: Path | None = None,
    ) -> None:
        super().__init__(
            protocol, data, watch=watch, test=test, candidates=candidates, device=device, checkpoints=checkpoints
        )
        what, size = f"train_examples of protocol {protocol.name!r}", protocol.batch_size
        if protocol.train_examples % size:
            expected, hint = f"a multiple of its batch size, {size}", "Change one of them"
            raise ProtocolError(message(what, expected=expected, got=protocol.train_examples, hint=hint))
        height, width, channels = as_images(data).train_images.shape[1:]
        if height != width or height % 4:
            expected, hint = "square ones whose side is a multiple of 4, for two poolings", "Choose another data set"
            raise ProtocolError(
                message(f"images of {data.name}", expected=expected, got=f"{width}×{height}", hint=hint)
            )
        self._choice = Choice.of(protocol, data, test=test)
        self._path = step.path_for(channels) if self.device.type == "cpu" else step.PLAIN

    def prepare(self) -> Convnets:
        """Return what all networks of a process share."""
        examples = Examples.of(self._choice, torch.float32).on(self.device)
        start = step.starter(self._path, examples, batch_size=self.protocol.batch_size)
        libraries = {name: version(name) for name in (("numba", "numpy") if self._path == step.FUSED else ())}
        tested = self._choice.test_labels is not None
        return Convnets(start, examples, self.protocol.batch_size, tested, {"step": self._path, **libraries})


@dataclass(frozen=True, slots=True)
class Convnets:
    """What all networks of a process share; a ``harness.tasks.transfer.workload.Workload``.

    Attributes:
        network: builds a network.
        pool: the examples.
        batch_size: examples in a batch.
        tested: whether there are test examples.
        environment: the path, and the libraries that its bits depend on.
    """

    network: step.Start
    pool: Examples
    batch_size: int
    tested: bool
    environment: Mapping[str, str]

    @property
    def steps(self) -> int:
        """Steps of the optimizer in an epoch."""
        return self.examples // self.batch_size

    @property
    def examples(self) -> int:
        """Images that an epoch consumes."""
        return len(self.pool.pool)

    def start(self, seed: int) -> Convnet:
        """Return a network with the initial weights of a seed."""
        return Convnet(self.network(derive_seed(seed, "weights")), self, seed=seed)


class Convnet:
    """A network in training; a ``harness.tasks.transfer.workload.Network``.

    Args:
        network: the child's network.
        shared: what all networks share.
        seed: decides the order of the examples.
    """

    def __init__(self, network: step.Network, shared: Convnets, *, seed: int) -> None:
        self._network = network
        self._shared = shared
        self._seed = seed

    @property
    def parameters(self) -> Sequence[Tensor]:
        """The network's weights."""
        return self._network.parameters

    @property
    def layers(self) -> Sequence[Tensor]:
        """The same weights by layer."""
        return self._network.layers

    def losses(self, epoch: int) -> Iterator[float]:
        """Train one epoch, in an order of its own."""
        generator = torch.Generator().manual_seed(derive_seed(self._seed, "batches", epoch))
        for batch in torch.randperm(self._shared.examples, generator=generator).split(self._shared.batch_size):
            yield self._network.loss(batch)

    def score(self) -> float:
        """Return the accuracy on the validation images."""
        return self._network.score()

    def test(self) -> float:
        """Return the accuracy on the test images; NaN if there are none."""
        return self._network.test() if self._shared.tested else math.nan

    def figures(self) -> Mapping[str, float]:
        """Return nothing beside the accuracy."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return a copy of the weights and running means."""
        return dict(self._network.state())

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state`` returned."""
        self._network.load(state)
