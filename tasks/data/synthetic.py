"""The embedded stand-in for CIFAR-10: generated, so that everything runs without a download.

It has CIFAR-10's shapes and what makes CIFAR-10 a problem for an optimizer: neighbouring pixels are alike (amplitude
falls with frequency as in photographs), channels are correlated, light and contrast vary more than anything that
matters, classes have several looks each, objects move, are covered in part, and some cannot be told apart at all. It
says nothing about CIFAR-10's pictures; how well it orders rules as CIFAR-10 does is measured in
``results/studies/fidelity``.

Every pixel is computed in integers from raw PCG64 output, so that the arrays, and with them the fingerprint, are the
same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.race.seeds import derive_seed
from tasks.data import cache
from tasks.data.images import Bytes, ImageData

NAME = "synthetic"
VERSION = 1  # rises with any change below that moves a pixel
CLASSES, LOOKS, SIZE = 10, 4, 32
TRAIN, TEST = 15_000, 10_000  # training pool and validation set of the largest protocol; test
SIDE = 256  # of a texture sheet in pixels; sheets repeat
CHUNK = 500

Integers = NDArray[np.int64]
_COSINE = np.array([round(256 * math.cos(2 * math.pi * k / SIDE)) for k in range(SIDE)], np.int32)


def load(root: Path | None, announce: Callable[[str], None]) -> ImageData:
    """Generate the stand-in, or read what an earlier start generated.

    Args:
        root: not used: there is nothing to find.
        announce: takes one line for the user.
    """
    del root
    source = f"generated, version {VERSION}"
    return cache.remembered(NAME, source, source, lambda: generate(TRAIN, TEST), announce)
