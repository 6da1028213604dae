"""What problems of neural art are made of: pictures of content and style, and a frozen network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from harness.limits import Label, Length, Line, Range
from harness.tasks.data.images import Bytes, fingerprint_of

Array = NDArray[np.float32]
CHAIN, SQUEEZENET = "chain", "squeezenet1_0"
Value = Annotated[float, Range(-1_000, 1_000)]
SHORT_SIDE = 256  # pixels of a kept picture's shorter side, at most
CONVOLUTION: Final = "convolution"
RELU: Final = "relu"
AVERAGE_POOL: Final = "average-pool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a chain.

    Attributes:
        kind: what it computes. A convolution has the arrays ``NAME.w`` (out, in, size, size) and ``NAME.b`` (out,).
        name: what ``Description.content`` and ``style`` call its output; a convolution's arrays have it, too.
        size: side of a pooling's windows, in positions.
        stride: positions from one window to the next.
        padding: zeros on each side, of a convolution.
    """

    kind: Literal["convolution", "relu", "max-pool", "average-pool"]
    name: Annotated[str, Line(100, least=0)] = ""
    size: Annotated[int, Range(1, 16)] = 2
    stride: Annotated[int, Range(1, 16)] = 1
    padding: Annotated[int, Range(0, 16)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a network computes with its arrays.

    Attributes:
        layers: of a chain, from the picture on; empty for ``SQUEEZENET``, whose layers are torchvision's.
        colours: the order of the three input channels.
        mean: what is subtracted from their values of 0 to 255, in that order.
        scale: what they are multiplied by then.
        content: name of the layer whose outputs are a picture's content.
        style: names of the layers whose Gram matrices are a picture's style.
    """

    layers: tuple[Layer, ...] = ()
    colours: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[Value, Value, Value] = (128.0, 128.0, 128.0)
    scale: Annotated[float, Range(1e-6, 1e6)] = 1.0
    content: Label
    style: Annotated[tuple[Label, ...], Length(1)]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A frozen network.

    Attributes:
        layout: ``CHAIN`` or ``SQUEEZENET``.
        description: what it computes.
        arrays: its weights by name.
    """

    layout: str
    description: Description
    arrays: Mapping[str, Array] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture with its name: (height, width, 3), uint8, red first."""

    name: str
    pixels: Bytes = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ArtData:
    """Pictures and a network, with a fingerprint of both.

    Attributes:
        name: the registry name by which it was loaded.
        fingerprint: equal fingerprints mean equal pixels, in the same order, and an equal network.
        content: at least two pictures, by name; the last one is held out for comparisons.
        style: at least two pictures, by name; optimizers are trained on the first.
        network: what content and style are measured with.
        source: where it came from, for people.
    """

    name: str
    fingerprint: str
    content: Sequence[Picture]
    style: Sequence[Picture]
    network: Network
    source: str

    @classmethod
    def of(
        cls, name: str, *, content: Sequence[Picture], style: Sequence[Picture], network: Network, source: str
    ) -> Self:
        """Return the data set with its fingerprint."""
        names = sorted(network.arrays)
        described = repr((len(content), len(style), network.layout, network.description, names))
        fingerprint = fingerprint_of(
            np.frombuffer(described.encode(), np.uint8),
            *(each.pixels for each in (*content, *style)),
            *(np.ascontiguousarray(network.arrays[each]).astype("<f4").view(np.uint8) for each in names),
        )
        return cls(name=name, fingerprint=fingerprint, content=content, style=style, network=network, source=source)
