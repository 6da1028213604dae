"""What both workloads on text share: a module's weights as a network's parameters, and the gradient of a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Generator, Tensor
from torch.nn import Module
from torch.nn.utils import clip_grad_norm_

from harness.seeds import derive_seed
from harness.tasks.transfer.text.protocols import TextProtocol

Built = TypeVar("Built", bound=Module)


class TrainedModule(Generic[Built]):
    """A module in training: the part of a ``harness.tasks.transfer.workload.Network`` that no data decides.

    Args:
        build: returns the layers; it is called where tensors have no memory, since torch would fill them by its global
            generator.
        protocol: gives the spread of the weights and the largest norm of a gradient.
        seed: the child's seed.
        device: where to train.
    """

    def __init__(self, build: Callable[[], Built], protocol: TextProtocol, *, seed: int, device: torch.device) -> None:
        with torch.device("meta"):
            module = build()
        module.to_empty(device="cpu")
        generator = Generator().manual_seed(derive_seed(seed, "weights"))
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.uniform_(-protocol.spread, protocol.spread, generator=generator)
        self.model = module.to(device)
        self._clip = protocol.clip
        self.parameters: Sequence[Tensor] = list(self.model.parameters())

    @property
    def layers(self) -> Sequence[Tensor]:
        """The modules' own parameters."""
        return self.parameters

    def descend(self, loss: Tensor) -> float:
        """Set the gradients of a loss, scaled down if too large, and return it; set none if it is not finite."""
        value = loss.item()
        if math.isfinite(value):
            self.model.zero_grad()
            loss.backward()
            clip_grad_norm_(self.parameters, self._clip)
        return value

    def state(self) -> dict[str, Any]:
        """Return a copy of the weights."""
        return {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore the weights."""
        self.model.load_state_dict(state)


def from_nats(total: float, words: int) -> float:
    """Return the score of words that cost so many nats together: 1/perplexity, NaN if there is none."""
    return min(1.0, math.exp(-total / words)) if math.isfinite(total) else math.nan
