"""The child's network with the second convolution's products, four fifths of its arithmetic, in bfloat16.

The second convolution's inputs, weights and incoming gradients are rounded to bfloat16; sums are kept in float32 inside
a product and rounded once (**D**). Everything else is as in ``cpu.network``, in float32: the weights and their steps,
the first convolution, batch norm, the linear layer. oneDNN multiplies, with the processor's AMX tiles if it has them.
Without bfloat16 instructions, oneDNN converts back and forth, which is slower than float32.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harness.tasks.child.cpu import kernels
from harness.tasks.child.cpu.kernels import FILTERS
from harness.tasks.child.cpu.network import FusedNetwork, PatchMoments
from harness.tasks.child.cpu.room import Array
from harness.tasks.child.examples import Examples


class ReducedNetwork(FusedNetwork):
    """``FusedNetwork`` with the second convolution's products in bfloat16.

    Args:
        examples: what to train and score on, in float32.
        moments: the patch moments of the pool's images.
        batch_size: size of every batch.
        seed: decides the initial weights.

    Attributes:
        products: the dtype of the products' factors.
    """

    products = torch.bfloat16

    def __init__(self, examples: Examples, moments: PatchMoments, *, batch_size: int, seed: int) -> None:
        super().__init__(examples, moments, batch_size=batch_size, seed=seed)
        room, half = self._room, self._side // 2
        self._routed, self._slopes1 = np.zeros_like(room.out), np.zeros_like(room.out)
        self._pooled = torch.from_numpy(room.pooled)[:, 1 : half + 1, 1 : half + 1]
        self._out, self._out_slope, self._pooled_slope = (
            torch.from_numpy(part)[:, :, :half] for part in (room.out, self._routed, self._slopes1)
        )
        self._inputs = torch.empty((batch_size, half, half, FILTERS), dtype=self.products)

    def _weights2(self) -> Tensor:
        weights: Tensor = self.weights.named["conv2.weight"].to(self.products)
        return weights.contiguous(memory_format=torch.channels_last)

    def _convolve(self, weights1: Array, shift1: Array) -> None:
        kernels.convolve_first(self._room, self._channels, weights1, self._unit, shift1)
        self._inputs.copy_(self._pooled)
        out = torch.conv2d(self._inputs.permute(0, 3, 1, 2), self._weights2(), padding=1)
        self._out.copy_(out.permute(0, 2, 3, 1))
        kernels.add_images(self._room)

    def _convolve_back(self, factors: Array) -> None:
        kernels.route(self._room, factors, self._routed)
        slope = self._out_slope.to(self.products).permute(0, 3, 1, 2)
        inputs, weights = self._inputs.permute(0, 3, 1, 2), self._weights2()
        pooled_slope, weights_slope, _ = torch.ops.aten.convolution_backward(
            slope, inputs, weights, None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1, (True, True, False)
        )
        self.slopes.named["conv2.weight"].copy_(weights_slope)
        self._pooled_slope.copy_(pooled_slope.permute(0, 2, 3, 1))
        kernels.backward_first(self._room, self._channels, self._slopes1, self.slopes.w1)
