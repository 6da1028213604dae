"""The initial weights of pytorchcv's networks, drawn from a generator of our own.

pytorchcv draws them from torch's global generator while it builds. Here a network is built without memory, and then
given the same distributions: He's uniform ones for convolutions (He et al. 2015), PyTorch's defaults for all else.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn


def started(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Build a network and give it the initial weights of a seed, the same on every machine.

    Args:
        build: builds the network; it may draw from a generator, since nothing is drawn on the meta device.
        seed: decides the weights.

    Raises:
        TypeError: the network has a layer whose initial weights are not known here.
    """
    with torch.device("meta"):
        network = build()
    network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
        elif any(True for _ in layer.parameters(recurse=False)):
            raise TypeError(f"no initial weights for a layer of type {type(layer).__name__}")
    return network
