"""How candidates are scored on images: the named protocols of the three workloads (protocol §7).

[NOS] §5 does not give batch sizes; a batch is the child's 100 images unless said otherwise (**D**). Weight decay,
learning rate schedules and other help beside the optimizer are left out: optimizers are compared bare (**D**).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.contracts import NamedProtocol
from harness.limits import Positive
from harness.tasks.sweep import SWEEP
from harness.tasks.transfer.workload import WorkloadProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class WideResnetProtocol(WorkloadProtocol):
    """How a candidate is scored on a Wide ResNet (Zagoruyko and Komodakis 2016).

    Attributes:
        depth: number of convolutions, 6n + 4.
        width: how many times as many filters the network has as the thinnest, which has 16, 32 and 64.
    """

    depth: Positive
    width: Positive


CONVNET_300 = WorkloadProtocol(
    name="convnet-300",
    version=1,
    task="convnet",
    inputs="images",
    train_examples=45_000,
    validation_examples=5_000,
    batch_size=100,
    epochs=300,
    learning_rates=SWEEP,
    chance=0.1,
)
CONVNET_300_MINI = replace(CONVNET_300, name="convnet-300-mini", train_examples=10_000, epochs=30)

WRN = WideResnetProtocol(
    name="wrn",
    version=1,
    task="wrn",
    inputs="images",
    train_examples=45_000,
    validation_examples=5_000,
    batch_size=100,
    epochs=300,
    learning_rates=SWEEP,
    chance=0.1,
    depth=16,
    width=4,
)
# With 50 images a batch an epoch has 100 steps; 100 would be too few to see the weights settle (**D**).
WRN_MINI = replace(
    WRN,
    name="wrn-mini",
    train_examples=5_000,
    validation_examples=2_000,
    batch_size=50,
    epochs=10,
    depth=10,
    width=1,
)

NAMED_CONVNET_300 = NamedProtocol(
    CONVNET_300, "the child's network on all of CIFAR-10 for 300 epochs", targets=(0.6, 0.65, 0.7)
)
NAMED_CONVNET_300_MINI = NamedProtocol(
    CONVNET_300_MINI,
    "the child's network on 10,000 images for 30 epochs: about a minute a child",
    targets=(0.5, 0.55, 0.6),
)
NAMED_WRN = NamedProtocol(
    WRN, "the Wide ResNet WRN-16-4 on all of CIFAR-10 for 300 epochs, with flips and crops", targets=(0.8, 0.85, 0.9)
)
NAMED_WRN_MINI = NamedProtocol(
    WRN_MINI, "WRN-10-1 on 5,000 images for 10 epochs: about a minute a child", targets=(0.4, 0.45, 0.5)
)
