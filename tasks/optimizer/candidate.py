"""What a task needs from candidates that are not rules: that they build a torch optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.optim import Optimizer


@runtime_checkable
class Buildable(Protocol):
    """A ``harness.candidates.NamedOptimizer`` whose family is installed; it is sent to workers by pickle."""

    def build(self, parameters: Sequence[Tensor], *, learning_rate: float) -> Optimizer:
        """Build and return the optimizer; equal arguments and gradients give equal steps, bit for bit.

        Args:
            parameters: the parameters, each in the shape that it has in its layer, with its gradient in ``grad``.
            learning_rate: the sweep's λ.
        """
