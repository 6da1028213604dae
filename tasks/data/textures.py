"""Integer textures for the generated stand-in, without any rounding and so the same on every machine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.seeds import derive_seed

SIDE = 256  # pixels of a texture sheet, which then repeats; a power of two
Integers = NDArray[np.int64]
Shorts = NDArray[np.int16]
COSINE = np.array([round(256 * math.cos(2 * math.pi * k / SIDE)) for k in range(SIDE)], np.int64)


class Draw:
    """Random integers from raw PCG64 output, which NumPy never changes.

    Args:
        root: the root seed.
        stream: the stream's name.
    """

    def __init__(self, root: int, stream: str) -> None:
        self._bits = np.random.PCG64(derive_seed(root, stream))

    def below(self, bound: int, *shape: int) -> Integers:
        """Draw uniform integers in [0, bound); ``bound`` is below 2**32."""
        raw = np.asarray(self._bits.random_raw(math.prod(shape)), np.uint64).reshape(shape)
        return (((raw >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32)).astype(np.int64)

    def bell(self, spread: int, *shape: int) -> Integers:
        """Draw bell-shaped integers around 0, with a standard deviation near ``spread``: sums of three uniform ones."""
        total: Integers = (self.below(2 * spread + 1, 3, *shape) - spread).sum(axis=0)
        return total


def waves(across: Integers, down: Integers, phase: Integers, strength: Integers) -> Integers:
    """Add up plane waves on a sheet.

    Args:
        across: (waves,) cycles per sheet from left to right.
        down: (waves,) cycles per sheet from top to bottom.
        phase: (waves,) in [0, SIDE).
        strength: (waves,) amplitudes.

    Returns:
        (SIDE, SIDE).
    """
    place = np.arange(SIDE)
    sheet = np.zeros((SIDE, SIDE), np.int64)
    for a, d, p, s in zip(across, down, phase, strength, strict=True):
        sheet += (s * COSINE)[(a * place[None, :] + d * place[:, None] + p) & (SIDE - 1)]
    return sheet


def scaled(sheet: Integers, deviation: int) -> Integers:
    """Return a sheet centred on 0, scaled to a standard deviation."""
    return sheet * deviation // max(1, math.isqrt(int((sheet**2).mean(dtype=np.int64))))


def windows(sheets: Integers, limit: int, size: int) -> Shorts:
    """Return views of every window of every sheet; sheets repeat at their edges.

    Args:
        sheets: (sheets, channels, SIDE, SIDE).
        limit: values are clipped to ±limit.
        size: height and width of a window.

    Returns:
        (sheets, SIDE, SIDE, channels, size, size), by the window's top and left.
    """
    padded = np.pad(sheets.clip(-limit, limit).astype(np.int16), ((0, 0), (0, 0), (0, size), (0, size)), mode="wrap")
    every = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))
    return every[:, :, :SIDE, :SIDE].transpose(0, 2, 3, 1, 4, 5)
