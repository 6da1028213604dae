"""Convolutional networks of many problems at once, for a GPU: each problem has its own images and its own kernels.

Tensors are (problems, channels, examples, height, width), so that the columns of a problem's images are one matrix and
all convolutions of a layer are one batched product. The alternative, a grouped convolution, is a constant away.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

GROUPED = False  # whether a layer's convolutions are one grouped convolution, in place of a batched product


def convolved(images: Tensor, kernels: Tensor) -> Tensor:
    """Return each problem's images convolved with its kernels, padded so that they keep their size.

    Args:
        images: (problems, channels, examples, height, width).
        kernels: (problems, outputs, channels, side, side), where side is odd.

    Returns:
        (problems, outputs, examples, height, width).
    """
    problems, channels, examples, height, width = images.shape
    side = kernels.shape[-1]
    margin = side // 2
    if GROUPED:
        grouped = images.permute(2, 0, 1, 3, 4).flatten(1, 2)
        found = functional.conv2d(grouped, kernels.flatten(0, 1), padding=margin, groups=problems)
        return found.view(examples, problems, -1, height, width).permute(1, 2, 0, 3, 4)
    padded = functional.pad(images, (margin, margin, margin, margin))
    windows = padded.unfold(3, side, 1).unfold(4, side, 1)  # (…, height, width, side, side)
    columns = windows.permute(0, 1, 5, 6, 2, 3, 4).reshape(problems, channels * side * side, -1)
    return (kernels.flatten(2) @ columns).view(problems, -1, examples, height, width)


def normed(hidden: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return the batch norm of each problem's channels, with the statistics of its examples.

    Args:
        hidden: (problems, channels, examples, …).
        scale: (problems, channels).
        shift: (problems, channels).
    """
    rows = hidden.reshape(1, scale.numel(), -1)
    return functional.batch_norm(rows, None, None, scale.flatten(), shift.flatten(), training=True).view(hidden.shape)


def pooled(hidden: Tensor) -> Tensor:
    """Return the largest of every 2×2 pixels, (problems, channels, examples, height // 2, width // 2)."""
    found = functional.max_pool2d(hidden.flatten(0, 1), 2)
    return found.view(*hidden.shape[:2], *found.shape[1:])
