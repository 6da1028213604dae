"""``synthetic-art``: the built-in stand-in, with generated pictures and a network of random filters.

Content shows objects on backgrounds, like ``harness.tasks.data.synthetic``; styles are textures. The network is a chain
of three convolutions whose filters are drawn at random: the Gram matrices of random filters describe textures about as
well as those of trained ones (Ustyuzhaninov et al. 2016), and anybody can draw them again, so that no file has to ship.

Every pixel and weight follows in whole numbers from raw PCG64 output, and so is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from harness.tasks.data.art.source import (
    AVERAGE_POOL,
    CHAIN,
    CONVOLUTION,
    RELU,
    Array,
    ArtData,
    Description,
    Layer,
    Network,
    Picture,
)
from harness.tasks.data.images import Bytes
from harness.tasks.data.synthetic import CLASSES, World, paint
from harness.tasks.data.textures import COSINE, SIDE, Draw, Integers, scaled, waves

NAME = "synthetic-art"
VERSION = 1  # rises with any change to a pixel or a weight
ROOT = 0
CONTENT, STYLES = 16, 3
SIZE = 96  # height and width of a picture of content; a style's are SIDE
WIDTHS = (3, 24, 32, 48)  # channels of the picture, and after each convolution
SPREAD = 1_000  # standard deviation of the whole numbers that become weights


def load(root: Path | None, announce: Callable[[str], None]) -> ArtData:
    """Generate and return the stand-in.

    Args:
        root: not used, since there is nothing to find; a line says so.
        announce: called with one line for the user.
    """
    if root is not None:
        announce(f"The stand-in for neural art is generated: --data-root {root} is not used")
    world = World.create(Draw(ROOT, "world of art"), SIZE)
    painted = paint(world, np.arange(CONTENT) % CLASSES, Draw(ROOT, "content"))
    return ArtData.of(
        NAME,
        content=[Picture(f"content {number}", pixels) for number, pixels in enumerate(painted)],
        style=[Picture(f"style {number}", _style(Draw(ROOT, f"style {number}"))) for number in range(STYLES)],
        network=random_network(),
        source=f"generated, version {VERSION}",
    )


def random_network() -> Network:
    """Draw and return the network."""
    draw = Draw(ROOT, "network")
    layers: list[Layer] = []
    arrays: dict[str, Array] = {}
    for number, (inputs, outputs) in enumerate(pairwise(WIDTHS), 1):
        name = f"convolution{number}"
        if layers:
            layers.append(Layer(kind=AVERAGE_POOL, size=2, stride=2))
        layers += [Layer(kind=CONVOLUTION, name=name, padding=1), Layer(kind=RELU, name=f"relu{number}")]
        filters = draw.bell(SPREAD, outputs, inputs, 3, 3)
        scale = np.float32(np.sqrt(2 / (9 * inputs)) / SPREAD)  # He et al. 2015: values keep their size
        arrays |= {f"{name}.w": filters.astype(np.float32) * scale, f"{name}.b": np.zeros(outputs, np.float32)}
    description = Description(layers=tuple(layers), scale=1 / 64, content="relu2", style=("relu1", "relu2", "relu3"))
    return Network(CHAIN, description, arrays)


def _style(draw: Draw) -> Bytes:
    """Paint a texture: strokes of two colours and directions on a ground, in patches, (SIDE, SIDE, 3)."""
    ground = 128 + draw.bell(40, 3)
    patches = waves(draw.bell(2, 6), draw.bell(2, 6), draw.below(SIDE, 6), np.ones(6, np.int64)) > 0
    first, second = (_strokes(draw) for _ in range(2))
    sheet = np.where(patches[..., None], first, second)
    pixels: Bytes = (ground + sheet).clip(0, 255).astype(np.uint8)
    return pixels


def _strokes(draw: Draw) -> Integers:
    """A sheet (SIDE, SIDE, 3) of strokes with hard edges, around one orientation and 6 to 14 pixels wide."""
    count = 12
    (angle,), (cycles,) = draw.below(SIDE, 1), 9 + draw.below(12, 1)
    across = cycles * COSINE[angle] // 256 + draw.bell(3, count)
    down = cycles * COSINE[(angle + 3 * SIDE // 4) % SIDE] // 256 + draw.bell(3, count)
    edges = scaled(waves(across, down, draw.below(SIDE, count), np.ones(count, np.int64)), 128).clip(-64, 64)
    colour = (60 + draw.below(60, 3)) * (2 * draw.below(2, 3) - 1)
    sheet: Integers = edges[..., None] * colour // 64
    return sheet
