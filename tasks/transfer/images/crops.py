"""Random flips and crops of small images that are all in memory (protocol §7)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.tasks.data.images import Bytes

PADDING = 4  # black pixels around an image, as torchvision's RandomCrop(32, padding=4) has them


class Crops:
    """Images with black borders, from which windows of their own size are cut, half of them mirrored.

    Args:
        images: (examples, height, width, channels), uint8.
    """

    def __init__(self, images: Bytes) -> None:
        _, self._height, self._width, _ = images.shape
        borders = ((0, 0), (PADDING, PADDING), (PADDING, PADDING), (0, 0))
        padded = np.pad(images, borders)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (self._height, self._width), axis=(1, 2))
        self._windows = windows.transpose(0, 1, 2, 4, 5, 3)  # (examples, tops, lefts, height, width, channels)

    @staticmethod
    def draw(count: int, seed: int) -> Tensor:
        """Draw each example's top and left, 0 to 2·PADDING, and whether it is mirrored, 0 or 1: (count, 3)."""
        generator = torch.Generator().manual_seed(seed)
        places = torch.randint(2 * PADDING + 1, (count, 2), generator=generator)
        return torch.cat([places, torch.randint(2, (count, 1), generator=generator)], 1)

    def cut(self, chosen: NDArray[np.int64], drawn: NDArray[np.int64]) -> Bytes:
        """Return the windows of some examples.

        Args:
            chosen: (batch,), their places.
            drawn: (batch, 3), what was drawn for them.

        Returns:
            (batch, height, width, channels), uint8.
        """
        top, left, mirrored = drawn.T
        cut: Bytes = self._windows[chosen, top, left]
        flipped = mirrored == 1
        cut[flipped] = cut[flipped, :, ::-1]
        return cut
