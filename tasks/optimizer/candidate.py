"""What a task that trains other candidates than rules needs of them: that they build a torch optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.optim import Optimizer


@runtime_checkable
class Buildable(Protocol):
    """A ``harness.candidates.NamedOptimizer`` of a family that is at hand; it travels to workers by pickle."""

    def build(self, parameters: Sequence[Tensor], *, learning_rate: float) -> Optimizer:
        """Build the optimizer: equal arguments and gradients, equal steps, bit for bit.

        Args:
            parameters: each in the shape that it has in its layer, with its gradient where ``grad`` says.
            learning_rate: λ of the sweep.
        """
