"""Dropout from a stream of its own, instead of torch's global generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class OwnDropout(nn.Module):
    """Set each entry to 0 with probability ``share`` in training, and scale the others so that the mean stays.

    Args:
        share: the probability.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self._generator = torch.Generator()

    def restart(self, seed: int) -> None:
        """Begin the stream of a seed."""
        self._generator.manual_seed(seed)

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop entries of the inputs, of any shape; unchanged unless in training."""
        if not self.training:
            return inputs
        # Drawn on the processor, so that all devices drop the same entries.
        kept = torch.rand(inputs.shape, generator=self._generator) >= self.share
        return inputs * kept.to(inputs.device, inputs.dtype).div_(1 - self.share)
