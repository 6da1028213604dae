"""The built-in stand-in for CIFAR-10, which is generated so that everything runs without a download.

It has CIFAR-10's shapes and the properties that make CIFAR-10 hard for an optimizer: neighbouring pixels are similar
(amplitude falls with frequency as in photographs), channels are correlated, light and contrast vary more than anything
that matters, each class has several looks, objects move and are partly covered, and some pictures show the wrong
object. Its pictures do not look like CIFAR-10's; ``results/studies/fidelity`` measures how far it ranks rules as
CIFAR-10 does.

Every pixel is computed in integers from raw PCG64 output, so that the arrays, and with them the fingerprint, are the
same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.tasks.data import cache
from harness.tasks.data.images import Bytes, ImageData
from harness.tasks.data.textures import COSINE, SIDE, Draw, Integers, Shorts, scaled, waves, windows

NAME = "synthetic"
VERSION = 1  # rises with any change to a pixel
ROOT = 0
TRAIN, TEST = 15_000, 10_000  # of `paper`, the largest protocol of searches, training and validation together; test
LARGE, LARGE_TRAIN = "synthetic-50k", 50_000  # the same with as many training images as CIFAR-10 has
CLASSES, SIZE, LOOKS, BACKGROUNDS = 10, 32, 4, 8
CHUNK = 500  # images generated at once

# In per cent of the images:
WRONG, AT_HOME, COVERED = 4, 50, 40  # shows a random class; has a background that its class prefers; partly covered
# Standard deviations in steps of brightness, before contrast:
LUMINANCE, CHROMA, STRIPES = 40, 12, 30  # of backgrounds; of an object's own texture
CLASS_COLOUR, LOOK_COLOUR, OWN_COLOUR = 30, 15, 22  # of an object's colour, by class, by look, by image
LIGHT, TINT = 22, 5  # of the whole image


def load(root: Path | None, announce: Callable[[str], None]) -> ImageData:
    """Generate and return the stand-in, or read what was generated earlier.

    Args:
        root: not used, since there is nothing to find; a line says so.
        announce: called with one line for the user.
    """
    return _loaded(NAME, TRAIN, root, announce)


def load_large(root: Path | None, announce: Callable[[str], None]) -> ImageData:
    """Return the stand-in with 50,000 training images, of which the first 15,000 are those of ``load``.

    Args:
        root: not used, since there is nothing to find; a line says so.
        announce: called with one line for the user.
    """
    return _loaded(LARGE, LARGE_TRAIN, root, announce)


def _loaded(name: str, train: int, root: Path | None, announce: Callable[[str], None]) -> ImageData:
    if root is not None:
        announce(f"The stand-in for CIFAR-10 is generated: --data-root {root} is not used")
    source = f"generated, version {VERSION}"
    return cache.remembered(name, source, source, lambda: generate(train, TEST, name=name), announce)


def generate(train: int, test: int, *, name: str = NAME) -> ImageData:
    """Generate so many images, with the classes in turn; in whole chunks, fewer images are the beginning of more.

    Args:
        train: number of training images, including validation.
        test: number of test images, of the same world but drawn separately.
        name: the data set's name.
    """
    world = World.create(Draw(ROOT, "world"))
    parts = []
    for part, count in (("train", train), ("test", test)):
        labels = (np.arange(count) % CLASSES).astype(np.uint8)
        draw, images = Draw(ROOT, part), np.empty((count, SIZE, SIZE, 3), np.uint8)
        for start in range(0, count, CHUNK):
            images[start : start + CHUNK] = paint(world, labels[start : start + CHUNK].astype(np.int64), draw)
        parts.append((images, labels))
    return ImageData.of(name, train=parts[0], test=parts[1], source=f"generated, version {VERSION}")


@dataclass(frozen=True, slots=True)
class World:
    """What the classes look like.

    Attributes:
        backgrounds: windows of the background sheets, (BACKGROUNDS, SIDE, SIDE, 3, size, size).
        stripes: windows of the objects' textures, (CLASSES * LOOKS, SIDE, SIDE, 3, size, size).
        colours: (CLASSES, LOOKS, 3).
        half_axes: (CLASSES, LOOKS, 2) of the elliptic objects in pixels, across and down.
        homes: (CLASSES, 2) preferred backgrounds.
        size: height and width of a picture.
    """

    backgrounds: Shorts
    stripes: Shorts
    colours: Integers
    half_axes: Integers
    homes: Integers
    size: int

    @classmethod
    def create(cls, draw: Draw, size: int = SIZE) -> World:
        """Draw and return a world.

        Args:
            draw: the world's own stream.
            size: height and width of its pictures, a multiple of SIZE; objects grow with it, textures do not.
        """
        backgrounds = np.stack([_background(draw, kind) for kind in range(BACKGROUNDS)])
        stripes = np.stack([_stripes(draw) for _ in range(CLASSES * LOOKS)])
        return cls(
            backgrounds=windows(backgrounds, 160, size),
            stripes=windows(stripes, 100, size),
            colours=draw.bell(CLASS_COLOUR, CLASSES, 1, 3) + draw.bell(LOOK_COLOUR, CLASSES, LOOKS, 3),
            half_axes=(6 + draw.below(9, CLASSES, LOOKS, 2)) * (size // SIZE),
            homes=draw.below(BACKGROUNDS, CLASSES, 2),
            size=size,
        )


def _background(draw: Draw, kind: int) -> Integers:
    """A sheet (3, SIDE, SIDE) with equal power in every octave, as photographs have; half smoother, half rougher."""
    count, axes = 96, []
    for deviation in (LUMINANCE, CHROMA, CHROMA // 2):
        octave = draw.below(6, count)
        weak = octave >= 5 - kind % 4 if kind < BACKGROUNDS // 2 else octave < kind % 4
        base = 1 << octave
        along, aside = base + draw.below(64, count) * base // 64, draw.below(64, count) * base // 32 - base
        turned = draw.below(2, count) == 1
        across, down = np.where(turned, aside, along), np.where(turned, along, aside)
        sheet = waves(across, down, draw.below(SIDE, count), np.where(weak, 1, 3))
        axes.append(scaled(sheet, deviation))
    light, warm, green = axes
    return np.stack([light + warm + green, light - 2 * green, light - warm + green])


def _stripes(draw: Draw) -> Integers:
    """A sheet (3, SIDE, SIDE) of waves around one orientation and one width of 4 to 13 pixels, in one colour."""
    count = 12
    (angle,), (cycles,) = draw.below(SIDE, 1), 20 + draw.below(44, 1)
    across = cycles * COSINE[angle] // 256 + draw.bell(4, count)
    down = cycles * COSINE[(angle + 3 * SIDE // 4) % SIDE] // 256 + draw.bell(4, count)
    sheet = scaled(waves(across, down, draw.below(SIDE, count), np.ones(count, np.int64)), STRIPES)
    return sheet * (64 + draw.bell(24, 3))[:, None, None] // 64


def paint(world: World, labels: Integers, draw: Draw) -> Bytes:
    """Paint a picture for each label: an ellipse on a background, with its own light and contrast.

    Values stay within ±360 until contrast scales them by at most 63, so int16 holds them all.
    """
    count = len(labels)
    shown = np.where(draw.below(100, count) < WRONG, draw.below(CLASSES, count), labels)
    look = draw.below(LOOKS, count)
    home = world.homes[shown, draw.below(2, count)]
    kind = np.where(draw.below(100, count) < AT_HOME, home, draw.below(BACKGROUNDS, count))

    def cut(sheets: Shorts, which: Integers) -> Shorts:
        pieces: Shorts = sheets[which, draw.below(SIDE, count), draw.below(SIDE, count)]
        return pieces

    behind = cut(world.backgrounds, kind)
    colour = (world.colours[shown, look] + draw.bell(OWN_COLOUR, count, 3)).clip(-150, 150)
    dirt = cut(world.backgrounds, draw.below(BACKGROUNDS, count)) * np.int16(40) >> 6
    thing = cut(world.stripes, shown * LOOKS + look) + dirt + colour.astype(np.int16)[:, :, None, None]
    cover = _ellipses(world.half_axes[shown, look], draw, world.size)[:, None]  # (count, 1, size, size), 0 … 64
    picture = (behind * (64 - cover) + thing * cover) >> 6
    contrast = (24 + draw.below(40, count)).astype(np.int16)
    light = (120 + draw.bell(LIGHT, count, 1) + draw.bell(TINT, count, 3)).astype(np.int16)
    picture = (picture * contrast[:, None, None, None] >> 5) + light[:, :, None, None]
    return picture.clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


def _ellipses(half_axes: Integers, draw: Draw, size: int) -> Shorts:
    """Return how much of each pixel the object hides, (count, size, size) in 64ths: soft ellipses, some with holes."""
    count, scale = len(half_axes), size // SIZE
    place = np.arange(size)
    halves = half_axes * (48 + draw.below(40, count, 1)) // 64
    centres = size // 2 + draw.bell(3 * scale, count, 2)
    # Distances from the centre in units of the half axes, times 32; 1024 is the square at the rim.
    offsets = (2 * place + 1 - 2 * centres[:, :, None]) * 16 // halves[:, :, None]
    squares = offsets * offsets
    solid = ((1400 - squares[:, 0, None, :] - squares[:, 1, :, None]) // 12).clip(0, 64)
    corner, extent = draw.below(size, count, 2, 1), 6 * scale + draw.below(12 * scale, count, 2, 1)
    inside = (place >= corner) & (place < corner + extent)
    hole = inside[:, 0, None, :] & inside[:, 1, :, None] & (draw.below(100, count, 1, 1) < COVERED)
    return np.where(hole, 0, solid).astype(np.int16)
