"""The stand-in for MNIST: digits drawn with a pen, in white on black, so that everything runs without a download.

It has MNIST's shapes, with fewer images. Each picture bends its digit's strokes, slants, stretches and moves them, and
chooses its pen. So pixels far from the strokes are always black, neighbouring pixels are alike, and some digits look
like others, as in MNIST. All is computed in integers from raw PCG64 output, so that arrays and fingerprint are the same
on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.tasks.data import cache
from harness.tasks.data.images import Bytes, ImageData
from harness.tasks.data.textures import Draw, Integers

NAME = "synthetic-digits"
VERSION = 1  # rises with any change to a pixel
ROOT = 0
TRAIN, TEST = 10_000, 2_000
CLASSES, SIZE = 10, 28
CHUNK = 500  # images generated at once
UNIT = 8  # of a pixel's side; places are integers in units of 1/8 pixel

BEND, SHIFT, STRETCH, SLANT = 9, 9, 9, 20  # spread of each point and of the whole, in units; per cent; per cent
LEAST_PEN, MOST_PEN = 7, 17  # radius, in units
LEAST_INK = 160  # the brightest pixel's least brightness

# Places that the pen passes, across and down, in pixels; within a digit it may be lifted.
STROKES: tuple[tuple[tuple[tuple[int, int], ...], ...], ...] = (
    (((14, 4), (18, 7), (19, 14), (17, 20), (13, 23), (9, 19), (9, 11), (11, 6), (14, 4)),),
    (((12, 7), (15, 4), (14, 23)),),
    (((9, 8), (13, 4), (18, 7), (17, 12), (9, 22), (20, 22)),),
    (((9, 5), (15, 4), (18, 8), (13, 13), (18, 17), (15, 22), (8, 22)),),
    (((11, 4), (8, 15), (20, 15)), ((17, 8), (16, 23))),
    (((19, 4), (11, 4), (10, 12), (16, 12), (18, 17), (15, 22), (9, 22)),),
    (((16, 4), (11, 11), (9, 18), (13, 23), (18, 19), (15, 14), (10, 17)),),
    (((8, 5), (19, 5), (15, 14), (12, 23)),),
    (((14, 13), (10, 8), (14, 4), (18, 8), (14, 13), (9, 18), (14, 23), (18, 18), (14, 13)),),
    (((18, 9), (13, 13), (9, 9), (13, 4), (18, 7), (17, 15), (14, 23)),),
)
POINTS = max(sum(map(len, strokes)) for strokes in STROKES)


def load(root: Path | None, announce: Callable[[str], None]) -> ImageData:
    """Generate and return the stand-in, or read what was generated earlier.

    Args:
        root: not used, since there is nothing to find; a line says so.
        announce: called with one line for the user.
    """
    if root is not None:
        announce(f"The stand-in for MNIST is generated: --data-root {root} is not used")
    source = f"generated, version {VERSION}"
    return cache.remembered(NAME, source, source, lambda: generate(TRAIN, TEST), announce)


def generate(train: int, test: int) -> ImageData:
    """Generate so many images, with the classes in turn; in whole chunks, fewer images are the beginning of more.

    Args:
        train: number of training images.
        test: number of test images, drawn separately.
    """
    parts = []
    for part, count in (("train", train), ("test", test)):
        labels = (np.arange(count) % CLASSES).astype(np.uint8)
        draw, images = Draw(ROOT, f"digits, {part}"), np.empty((count, SIZE, SIZE, 1), np.uint8)
        for start in range(0, count, CHUNK):
            images[start : start + CHUNK, ..., 0] = paint(labels[start : start + CHUNK].astype(np.int64), draw)
        parts.append((images, labels))
    return ImageData.of(NAME, train=parts[0], test=parts[1], source=f"generated, version {VERSION}")


def paint(labels: Integers, draw: Draw) -> Bytes:
    """Draw a picture for each label, (labels, SIZE, SIZE)."""
    count = len(labels)
    points, joined = _skeletons()
    middle = SIZE * UNIT // 2
    place = points[labels] - middle + draw.bell(BEND, count, POINTS, 2)  # (labels, POINTS, 2), across and down
    place = place * (100 + draw.bell(STRETCH, count, 1, 2)) // 100
    place[..., 0] -= place[..., 1] * (10 + draw.bell(SLANT, count, 1)) // 100
    place += middle + draw.bell(SHIFT, count, 1, 2)
    pen = LEAST_PEN + draw.below(MOST_PEN - LEAST_PEN + 1, count)
    ink = LEAST_INK + draw.below(256 - LEAST_INK, count)
    nearest = _nearest(place.astype(np.int32), joined[labels])
    # Within the pen's radius it is white; half a pixel further it is black.
    rim = ((pen + UNIT // 2) ** 2)[:, None, None]
    cover = ((rim - nearest) * 256 // (rim - (pen**2)[:, None, None])).clip(0, 256)
    return (cover * ink[:, None, None] >> 8).clip(0, 255).astype(np.uint8)


def _skeletons() -> tuple[Integers, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Return each digit's points (CLASSES, POINTS, 2) in units, and whether each is joined to the next one."""
    points, joined = np.zeros((CLASSES, POINTS, 2), np.int64), np.zeros((CLASSES, POINTS - 1), bool)
    for digit, strokes in enumerate(STROKES):
        start = 0
        for stroke in strokes:
            points[digit, start : start + len(stroke)] = np.array(stroke) * UNIT
            joined[digit, start : start + len(stroke) - 1] = True
            start += len(stroke)
    return points, joined


def _nearest(
    place: np.ndarray[tuple[int, ...], np.dtype[np.int32]], joined: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> Integers:
    """Return each pixel's squared distance from the nearest stroke in square units, (pictures, SIZE, SIZE).

    Args:
        place: (pictures, POINTS, 2).
        joined: (pictures, POINTS - 1), whether a stroke leads from a point to the next.
    """
    pixel = np.arange(SIZE, dtype=np.int32) * UNIT + UNIT // 2
    nearest = np.full((len(place), SIZE, SIZE), 2**20, np.int32)
    for index in range(POINTS - 1):
        first, along = place[:, index], place[:, index + 1] - place[:, index]
        across = (pixel - first[:, :1])[:, None, :]  # from the first point, (pictures, 1, SIZE)
        down = (pixel - first[:, 1:])[:, :, None]
        toward = along[:, :, None, None]
        length = np.maximum((along**2).sum(1), 1)[:, None, None]
        share = ((across * toward[:, 0] + down * toward[:, 1]) * 256 // length).clip(0, 256)
        distance = (across - (share * toward[:, 0] >> 8)) ** 2 + (down - (share * toward[:, 1] >> 8)) ** 2
        distance[~joined[:, index]] = 2**20
        np.minimum(nearest, distance, out=nearest)
    return nearest.astype(np.int64)
