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


@runtime_checkable
class Scheduled(Protocol):
    """As ``Buildable``, for optimizers whose steps depend on how far the training is."""

    def build_for(
        self, parameters: Sequence[Tensor], *, learning_rate: float, total_steps: int | None = None
    ) -> Optimizer:
        """Build and return the optimizer; equal arguments and gradients give equal steps, bit for bit.

        Args:
            parameters: as for ``Buildable.build``.
            learning_rate: the sweep's λ.
            total_steps: T, the steps of the whole training at this λ; None if it is not known.

        Raises:
            SettingError: T is needed and not known.
        """
