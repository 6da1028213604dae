"""The torch optimizer of a candidate, for one network at one learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor
from torch.optim import Optimizer

from harness.contracts import Candidate, Rule
from harness.errors import SettingError, message
from harness.tasks.optimizer.candidate import Buildable, Scheduled
from harness.tasks.optimizer.update_rule import RuleOptimizer


class Weighted(Protocol):
    """What is optimized: a network by its weights."""

    @property
    def parameters(self) -> Sequence[Tensor]:
        """The tensors as a rule sees them, which treats all entries alike."""

    @property
    def layers(self) -> Sequence[Tensor]:
        """The same memory by layer: each parameter in its layer's shape, with its gradient in ``grad``."""


def optimizer_for(
    candidate: Candidate,
    network: Weighted,
    learning_rate: float,
    *,
    seed: int,
    noise_sigma: float,
    total_steps: int | None = None,
) -> Optimizer:
    """Build and return the optimizer of a network's weights.

    Args:
        candidate: a rule, or a candidate that builds another optimizer.
        network: what is optimized.
        learning_rate: λ.
        seed: root seed of a rule's random streams.
        noise_sigma: standard deviation of the ``noise`` operand.
        total_steps: T, the steps of the whole training at this λ; None if nothing depends on it.

    Raises:
        SettingError: the candidate is not a rule and does not build an optimizer, or it depends on T, which is None.
    """
    if isinstance(candidate, Rule):
        return RuleOptimizer(
            network.parameters,
            candidate,
            learning_rate,
            seed=seed,
            noise_sigma=noise_sigma,
            total_steps=total_steps,
        )
    if isinstance(candidate, Scheduled):
        return candidate.build_for(network.layers, learning_rate=learning_rate, total_steps=total_steps)
    if isinstance(candidate, Buildable):
        return candidate.build(network.layers, learning_rate=learning_rate)
    hint = "Read it by its family, which knows how to build it"
    raise SettingError(message(f"candidate {candidate}", expected="one that can be built", got="a record", hint=hint))
