"""How candidates are scored on images: the named protocols of the three workloads (protocol §7).

[NOS] §5 does not give batch sizes; a batch is the child's 100 images unless said otherwise (**D**). Weight decay,
learning rate schedules and other help beside the optimizer are left out: optimizers are compared bare (**D**).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.contracts import ACCURACY, NamedProtocol
from harness.limits import Label, Positive
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NasnetProtocol(WorkloadProtocol):
    """How a candidate is scored on NASNet-A (Zoph et al. 2018).

    Attributes:
        classes: how many classes there are, at most: of more, the first in alphabetical order are taken.
        side: height and width of what the network sees, in pixels.
        cells: normal cells in each of the three stages.
        filters: filters before the last layer.
        stem: filters of the first convolution.
        least_area: the least share of a picture that is seen in training.
    """

    inputs: Label = "pictures"
    classes: Positive
    side: Positive
    cells: Positive
    filters: Positive
    stem: Positive
    least_area: float


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

# NASNet-A 4@1056. Fifty pictures of each class are held out of ``train``, as many as ``val`` has (**D**). [NOS] gives
# neither a batch size nor a number of epochs (**D**).
IMAGENET = NasnetProtocol(
    name="imagenet",
    version=1,
    task="imagenet",
    metric=ACCURACY,
    train_examples=1_231_167,
    validation_examples=50_000,
    batch_size=128,
    epochs=100,
    learning_rates=SWEEP,
    chance=0.001,
    classes=1_000,
    side=224,
    cells=4,
    filters=1_056,
    stem=32,
    least_area=0.08,
)
# One normal cell in a stage and an eleventh of the filters. Crops show at least half of a picture, because there are
# too few epochs to learn from small parts (**D**).
IMAGENET_MINI = replace(
    IMAGENET,
    name="imagenet-mini",
    train_examples=2_000,
    validation_examples=500,
    batch_size=50,
    epochs=8,
    chance=0.1,
    classes=10,
    side=64,
    cells=1,
    filters=96,
    stem=16,
    least_area=0.5,
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
NAMED_IMAGENET = NamedProtocol(IMAGENET, "NASNet-A 4@1056 on ImageNet, in folders of pictures", targets=(0.5, 0.6, 0.7))
NAMED_IMAGENET_MINI = NamedProtocol(
    IMAGENET_MINI,
    "a small NASNet-A on pictures of 64×64 pixels in ten classes: about a minute a child",
    targets=(0.3, 0.4, 0.5),
)
