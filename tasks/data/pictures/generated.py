"""The built-in stand-in for ImageNet: pictures of 96×96 pixels in ten classes, generated when they are opened.

They are like those of ``harness.tasks.data.synthetic``, three times as wide. Each has a random stream of its own, so
there can be as many as ImageNet has, and only those that a protocol uses are ever painted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from harness.tasks.data.pictures.source import Labels, PictureData
from harness.tasks.data.synthetic import CLASSES, World, paint
from harness.tasks.data.textures import Draw

NAME = "synthetic-pictures"
VERSION = 1  # rises with any change to a pixel
ROOT = 0
SIZE = 96
TRAIN, TEST = 1_281_167, 1_000  # as many as ImageNet has for training; few to test, so that a child's test is short
MOST_KEPT = 4_000  # pictures that a process paints only once: 110 MB
SAMPLES = 20  # pictures of each part in the fingerprint


class Generated:
    """The pictures of one part, with the classes in turn.

    Args:
        part: ``train`` or ``test``.
        count: how many there are.
    """

    def __init__(self, part: str, count: int) -> None:
        self.labels: Labels = (np.arange(count) % CLASSES).astype(np.uint16)
        self._part = part
        self._world: World | None = None
        self._kept: dict[int, Image.Image] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_world": None, "_kept": {}}

    def open(self, place: int) -> Image.Image:
        """Paint a picture, or return it as it was painted earlier."""
        if place in self._kept:
            return self._kept[place]
        if self._world is None:
            self._world = World.create(Draw(ROOT, "world of pictures"), SIZE)
        label = self.labels[place : place + 1].astype(np.int64)
        picture = Image.fromarray(paint(self._world, label, Draw(ROOT, f"{self._part} picture {place}"))[0])
        if len(self._kept) < MOST_KEPT:
            self._kept[place] = picture
        return picture

    def called(self, place: int) -> str:
        """Return the picture's part and number."""
        return f"{self._part} picture {place}"


def load(root: Path | None, announce: Callable[[str], None]) -> PictureData:
    """Return the stand-in; nothing is painted yet but a few samples for the fingerprint.

    Args:
        root: not used, since there is nothing to find; a line says so.
        announce: called with one line for the user.
    """
    if root is not None:
        announce(f"The stand-in for ImageNet is generated: --data-root {root} is not used")
    train, test = Generated("train", TRAIN), Generated("test", TEST)
    digest = hashlib.blake2b(repr((VERSION, TRAIN, TEST, SIZE)).encode(), digest_size=16)
    for part in (train, test):
        for place in range(SAMPLES):
            digest.update(part.open(place).tobytes())
    return PictureData(
        name=NAME,
        fingerprint=digest.hexdigest(),
        classes=tuple(f"kind {number}" for number in range(CLASSES)),
        train=train,
        test=test,
        source=f"generated, version {VERSION}",
    )
