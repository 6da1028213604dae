"""The memory layout of the fast path: weights in one vector, activations channels-last with borders of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.tasks.child.convnet import ConvNet
from harness.tasks.child.cpu import kernels
from harness.tasks.child.cpu.kernels import FILTERS
from harness.tasks.child.cpu.room import Room


class Vector:
    """All parameters, or all their gradients, in one vector.

    Attributes:
        flat: (parameters,), the vector; the other attributes are views of it.
        named: the parameters by ``ConvNet``'s names, in its order of entries; the linear layer's as (classes, F, S/4,
            S/4).
        w1: (9·C·F,), taps before filters.
        w2: (9·F·F,), taps before filters.
        linear: (classes, features), with the features channels-last.
        norms: (2, 3, F): scale and shift of batch norm, and the convolution's bias, for each layer.
        bias: (classes,), the linear layer's bias.
    """

    def __init__(self, channels: int, side: int, *, classes: int, dtype: torch.dtype) -> None:
        quarter = side // 4
        # The large ones come first, so that each is aligned for vector instructions.
        shapes: list[tuple[int, ...]] = [
            (classes, quarter, quarter, FILTERS),
            (3, 3, FILTERS, FILTERS),
            (3, 3, channels, FILTERS),
        ]
        shapes += [(2, 3, FILTERS), (classes,)]
        sizes = [torch.Size(shape).numel() for shape in shapes]
        self.flat = torch.zeros(sum(sizes), dtype=dtype)
        linear, w2, w1, norms, bias = (
            part.view(shape) for part, shape in zip(self.flat.split(sizes), shapes, strict=True)
        )
        self.linear, self.bias = linear.view(classes, -1), bias
        self.w1, self.w2, self.norms = w1.view(-1).numpy(), w2.view(-1).numpy(), norms.numpy()
        self.named = {
            "conv1.weight": w1.permute(3, 2, 0, 1),
            "conv2.weight": w2.permute(3, 2, 0, 1),
            "linear.weight": linear.permute(0, 3, 1, 2),
            "linear.bias": bias,
        }
        for layer in (1, 2):
            for place, name in enumerate((f"norm{layer}.weight", f"norm{layer}.bias", f"conv{layer}.bias")):
                self.named[name] = norms[layer - 1, place]

    @property
    def layers(self) -> list[Tensor]:
        """Return views of every parameter in ``ConvNet``'s shapes; the linear layer's features are channels-last."""
        return [self.linear if name == "linear.weight" else part for name, part in self.named.items()]

    @torch.no_grad()
    def take(self, network: ConvNet) -> None:
        """Copy a network's parameters."""
        for name, parameter in network.named_parameters():
            self.named[name].copy_(parameter.view(self.named[name].shape))


def make_room(batch: int, *, side: int, channels: int, dtype: np.dtype[Any]) -> Room:
    """Allocate and return the arrays for batches of that size."""
    half, quarter = side // 2, side // 4
    wide, narrow = (-(-length // kernels.BLOCK) * kernels.BLOCK for length in (side, half))
    shapes = {
        "padded": (batch, side + 2, (wide + 2) * channels),
        "rows": (2, wide, FILTERS),
        "pooled": (batch, half + 2, narrow + 2, FILTERS),
        "codes1": (batch, half, half, FILTERS),
        "out": (batch, half, narrow, FILTERS),
        **dict.fromkeys(("kept", "features", "codes2", "slope"), (batch, quarter, quarter, FILTERS)),
        "inner": (half + 2, narrow + 2, FILTERS),
        "slope1": (half, narrow, FILTERS),
        "strip": (2 * kernels.STRIP, wide, FILTERS),
        "sums": (2, FILTERS),
    }
    special = {"codes1": np.uint8, "codes2": np.uint8, "sums": np.float64}
    return Room(**{name: np.zeros(shape, special.get(name, dtype)) for name, shape in shapes.items()})
