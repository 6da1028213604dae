"""A critic: what the beginning of a rule says of the reward of the whole."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.searchers.rl.controller import DTYPE, Controller


class Critic:
    """A linear head on the controller's state, with its own weights at every position (**D**).

    It learns what is left of a reward beside the moving average. Its weights start at 0, so the average alone counts at
    first.

    Args:
        controller: whose states it reads.
    """

    def __init__(self, controller: Controller) -> None:
        self.weights = torch.zeros(controller.positions, controller.hidden, dtype=DTYPE, requires_grad=True)
        self.bias = torch.zeros(controller.positions, dtype=DTYPE, requires_grad=True)

    @property
    def parameters(self) -> list[Tensor]:
        """Return everything that is learnt, always in the same order."""
        return [self.weights, self.bias]

    def values(self, states: Tensor) -> Tensor:
        """Return the advantage expected before each pick, shape ``(batch, positions)``.

        Args:
            states: the controller's, ``(batch, positions, hidden)``.
        """
        return (states * self.weights).sum(2) + self.bias

    def judge(self, states: Tensor, advantages: Tensor) -> tuple[Tensor, Tensor]:
        """Compare what rules earned with what was expected of them at every step.

        Args:
            states: the controller's, ``(batch, positions, hidden)``.
            advantages: rewards less the moving average, ``(batch,)``.

        Returns:
            The squared error, a scalar averaged over rules and steps (Schulman et al. 2017, eq. 9), and the advantages
            that are left, ``(batch, positions)``, constants.
        """
        left = advantages[:, None] - self.values(states)
        return left.square().mean(), left.detach()
