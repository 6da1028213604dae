"""A module's parameters in one vector, and their gradients in another.

A rule treats all entries alike, so it needs one call for each operation instead of one for each of a network's hundreds
of tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def in_one_vector(module: nn.Module) -> Tensor:
    """Move a module's parameters into one vector, whose ``grad`` holds all their gradients, and return it.

    Parameters and gradients of the module become views of the two vectors, with convolutions channels-last, which is
    faster on a CPU. Clear the gradients with ``vector.grad.zero_()``: a parameter whose ``grad`` is set to None leaves
    the vector.

    Args:
        module: a module whose parameters have one dtype and device.

    Returns:
        (parameters,).
    """
    parameters = list(module.parameters())
    first = parameters[0]
    vector = torch.empty(sum(each.numel() for each in parameters), dtype=first.dtype, device=first.device)
    vector.grad = torch.zeros_like(vector)
    sizes = [each.numel() for each in parameters]
    for parameter, own, slope in zip(parameters, vector.split(sizes), vector.grad.split(sizes), strict=True):
        view = _shaped(own, parameter.shape).copy_(parameter)
        parameter.data = view
        parameter.grad = _shaped(slope, parameter.shape)
    return vector


def _shaped(part: Tensor, shape: torch.Size) -> Tensor:
    """Return a view of a part of the vector in a parameter's shape, channels-last for a convolution."""
    if len(shape) != 4:
        return part.view(shape)
    out, channels, height, width = shape
    return part.view(out, height, width, channels).permute(0, 3, 1, 2)
