"""``imagenet``: NASNet-A on ImageNet ([NOS] §5; Zoph et al. 2018).

::

    outcomes = NasnetTask(IMAGENET_MINI, data).evaluate([Rule.parse("g")], seed=0)
"""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from harness.errors import ProtocolError, message
from harness.tasks.data.pictures.source import Labels, PictureData
from harness.tasks.data.split import split
from harness.tasks.transfer.images import library
from harness.tasks.transfer.images.classifier import Classifiers
from harness.tasks.transfer.images.dropout import OwnDropout
from harness.tasks.transfer.images.loading import Loader, Part
from harness.tasks.transfer.images.protocols import NasnetProtocol
from harness.tasks.transfer.task import Watch, WorkloadTask

SHRINKS = 32  # how many times smaller the last cell's side is than a picture's
CHUNK = 96  # filters of the last cell are a multiple: 24 parts of a multiple of 4
MOST_THREADS = 8  # that prepare pictures for a GPU


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """The labels of the classes that count.

    Attributes:
        name: the data set's name.
        train_labels: their labels.
    """

    name: str
    train_labels: Labels


class NasnetTask(WorkloadTask):
    """Train NASNet-A with each candidate, and score its accuracy on pictures held out of ``train``.

    The network is pytorchcv's, without the auxiliary classifier and drop path of its first training (**D**); its
    dropout before the last layer is kept. Weights do not decay, as on the other workloads.

    Args:
        protocol: how to score candidates.
        data: ImageNet, or pictures like it.
        watch: called with (examples done, examples in all) after every epoch of the child in training.
        test: whether to score the test pictures, too.
        candidates: whether to train other candidates than rules, too.
        device: where to train.
        checkpoints: the folder in which a child is saved after every epoch; None to save nothing.

    Raises:
        ProtocolError: the data has too few pictures, or there is no such network.
        RegistryError: pytorchcv is not installed.
    """

    name = "imagenet"
    version = 1

    def __init__(
        self,
        protocol: NasnetProtocol,
        data: PictureData,
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
        if not isinstance(data, PictureData):
            hint, got = "Choose another data set with --data", type(data).__name__
            raise ProtocolError(message(f"data {data.name!r}", expected="pictures", got=got, hint=hint))
        what, hint = f"of protocol {protocol.name!r}", "Change it where the protocol is defined"
        if protocol.filters % CHUNK:
            raise ProtocolError(
                message(f"filters {what}", expected=f"a multiple of {CHUNK}", got=protocol.filters, hint=hint)
            )
        if not 0 < protocol.least_area <= 1:
            expected = "a share above 0, at most 1"
            raise ProtocolError(message(f"least_area {what}", expected=expected, got=protocol.least_area, hint=hint))
        if protocol.side % SHRINKS:
            expected = f"a multiple of {SHRINKS} pixels"
            raise ProtocolError(message(f"side {what}", expected=expected, got=protocol.side, hint=hint))
        self._numbers = protocol
        self._data = data
        self._classes = min(protocol.classes, len(data.classes))
        self._parts = self._chosen()
        if not test:
            self._parts = (*self._parts[:2], None)

    def _chosen(self) -> tuple[Part, Part, Part | None]:
        """Choose the pictures to train on, to validate on and to test on, all of the first classes.

        Raises:
            ProtocolError: there are too few.
        """
        train, test = self._data.train, self._data.test
        known = np.flatnonzero(train.labels < self._classes)
        pool, held_out = split(self._numbers, Known(self._data.name, train.labels[known]))
        tested = np.flatnonzero(test.labels < self._classes)
        return Part(train, known[pool]), Part(train, known[held_out]), Part(test, tested)

    def prepare(self) -> Classifiers:
        """Return what all networks of a process share."""
        protocol, classes = self._numbers, self._classes

        def build() -> nn.Module:
            from pytorchcv.models.nasnet import get_nasnet  # of the extra `transfer`

            network = get_nasnet(
                repeat=protocol.cells,
                penultimate_filters=protocol.filters,
                init_block_channels=protocol.stem,
                final_pool_size=protocol.side // SHRINKS,
                extra_padding=True,
                skip_reduction_layer_input=False,
                in_size=(protocol.side, protocol.side),
                num_classes=classes,
            )
            network.output.dropout = OwnDropout(network.output.dropout.p)
            built: nn.Module = network
            return built

        source = Loader(
            *self._parts,
            side=protocol.side,
            batch_size=protocol.batch_size,
            least_area=protocol.least_area,
            device=self.device,
            threads=1 if self.device.type == "cpu" else min(MOST_THREADS, os.cpu_count() or 1),
        )
        versions = {library.NAME: library.version(), "pillow": importlib.metadata.version("pillow")}
        return Classifiers(source, build, self.device, {**versions, "classes": str(classes)})
