"""``wrn``: a Wide ResNet on CIFAR-10, with random flips and crops ([NOS] §5; Zagoruyko and Komodakis 2016).

::

    outcomes = WideResnetTask(WRN_MINI, data).evaluate([Rule.parse("g")], seed=0)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.errors import ProtocolError, message
from harness.seeds import derive_seed
from harness.tasks.child.examples import Choice, Scale
from harness.tasks.data.images import Bytes, ImageData
from harness.tasks.transfer.images import library
from harness.tasks.transfer.images.choosing import as_images
from harness.tasks.transfer.images.classifier import Batch, Classifiers
from harness.tasks.transfer.images.crops import Crops
from harness.tasks.transfer.images.protocols import WideResnetProtocol
from harness.tasks.transfer.task import Watch, WorkloadTask

SIDE = 32  # of the images: the network pools 8×8 fields at its end
SCORING_BATCH = 250  # the activations of more images do not fit the cache


class WideResnetTask(WorkloadTask):
    """Train a Wide ResNet with each candidate, and score its validation accuracy.

    The network is pytorchcv's, with pre-activation and no dropout. Training images are normalised by the pool's mean
    and deviation, mirrored half of the time, and cropped from a border of 4 black pixels. Weights do not decay (**D**):
    the optimizers are compared bare.

    Args:
        protocol: how to score candidates.
        data: CIFAR-10, or images like it.
        watch: called with (examples done, examples in all) after every epoch of the child in training.
        test: whether to score the test images, too.
        candidates: whether to train other candidates than rules, too.
        device: where to train.
        checkpoints: the folder in which a child is saved after every epoch; None to save nothing.

    Raises:
        ProtocolError: the data has too few images or images of another size, or there is no such network.
        RegistryError: pytorchcv is not installed.
    """

    name = "wrn"
    version = 1

    def __init__(
        self,
        protocol: WideResnetProtocol,
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
        library.check(self.name)
        if protocol.depth < 10 or (protocol.depth - 4) % 6:
            hint, what = "Change it where the protocol is defined", f"depth of protocol {protocol.name!r}"
            raise ProtocolError(message(what, expected="10, 16, 22 or so on", got=protocol.depth, hint=hint))
        height, width, _ = as_images(data).train_images.shape[1:]
        if (height, width) != (SIDE, SIDE):
            hint, got = "Choose another data set", f"{width}×{height}"
            raise ProtocolError(message(f"images of {data.name}", expected=f"{SIDE}×{SIDE} pixels", got=got, hint=hint))
        self._depth, self._width = protocol.depth, protocol.width
        self._choice = Choice.of(protocol, data, test=test)

    def prepare(self) -> Classifiers:
        """Return what all networks of a process share."""
        channels, classes = self._choice.pool_images.shape[3], self._choice.classes

        def build() -> nn.Module:
            from pytorchcv.models.wrn_cifar import get_wrn_cifar  # of the extra `transfer`

            network: nn.Module = get_wrn_cifar(classes, self._depth, self._width, in_channels=channels)
            return network

        source = Cropped(self._choice, self.protocol.batch_size, self.device)
        return Classifiers(source, build, self.device, {library.NAME: library.version()})


class Cropped:
    """Images in memory, mirrored and cropped at random for training; a ``classifier.Source``.

    Args:
        choice: the images.
        batch_size: images in a batch of training.
        device: where the network trains.
    """

    def __init__(self, choice: Choice, batch_size: int, device: torch.device) -> None:
        self.examples = len(choice.pool_labels)
        self.steps = -(-self.examples // batch_size)
        self._batch_size, self._device = batch_size, device
        self._scale = Scale.of(choice.pool_images)
        self._crops, self._labels = Crops(choice.pool_images), torch.from_numpy(choice.pool_labels).long()
        self._choice = choice

    def batches(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's images in a random order, each mirrored and cropped at random."""
        generator = torch.Generator().manual_seed(derive_seed(seed, "batches", epoch))
        order = torch.randperm(self.examples, generator=generator)
        drawn = Crops.draw(self.examples, derive_seed(seed, "crops", epoch))
        for chosen, places in zip(order.split(self._batch_size), drawn.split(self._batch_size), strict=True):
            images = self._crops.cut(chosen.numpy(), places.numpy())
            yield self._ready(images, self._labels.index_select(0, chosen))

    def validation(self) -> Iterator[Batch]:
        """Yield the held-out images, unchanged."""
        return self._unchanged(self._choice.validation_images, self._choice.validation_labels)

    def test(self) -> Iterator[Batch]:
        """Yield the test images, unchanged."""
        images, labels = self._choice.test_images, self._choice.test_labels
        return iter(()) if images is None or labels is None else self._unchanged(images, labels)

    def _unchanged(self, images: Bytes, labels: Bytes) -> Iterator[Batch]:
        for begin in range(0, len(labels), SCORING_BATCH):
            part = slice(begin, begin + SCORING_BATCH)
            yield self._ready(images[part], torch.from_numpy(labels[part]).long())

    def _ready(self, images: Bytes, labels: Tensor) -> Batch:
        return self._scale.normal(images).to(self._device), labels.to(self._device)
