"""The seam between a workload and its training: a network with its data, and what all networks of a process share.

::

    network = workload.start(seed)
    for loss in network.losses(epoch=0):  # the gradients are set now
        optimizer.step()
    network.score()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from harness.contracts import TaskProtocol
from harness.limits import Count, Positive

if TYPE_CHECKING:  # protocols are read without torch
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadProtocol(TaskProtocol):
    """How a candidate is scored on a workload (protocol §7): the numbers that all workloads have.

    Attributes:
        train_examples: training examples an epoch, of the kind that the workload counts, such as images or tokens.
        validation_examples: size of the held-out set.
        batch_size: examples a step.
        noise_sigma: standard deviation of the ``noise`` operand (**D**).
        horizon: how many epochs a decay takes from 1 to its end; 0 for as many as are trained.
    """

    train_examples: Count
    validation_examples: Count
    batch_size: Positive
    noise_sigma: float = 0.01
    horizon: Count = 0


class Network(Protocol):
    """A network in training, with the examples that it trains and is scored on."""

    @property
    def parameters(self) -> Sequence[Tensor]:
        """The tensors to optimize, as a rule sees them; it treats all entries alike."""

    @property
    def layers(self) -> Sequence[Tensor]:
        """The same memory by layer: each parameter in its layer's shape, with its gradient in ``grad``."""

    def losses(self, epoch: int) -> Iterator[float]:
        """Train one epoch: for each step, set the gradients and yield the loss; the caller then takes the step.

        The caller stops at a loss that is not finite, whose gradients need not be set. All randomness of an epoch
        follows from the network's seed and ``epoch``.

        Args:
            epoch: the epoch, from 0.
        """

    def score(self) -> float:
        """Return the validation score in [0, 1]; NaN if there is none."""

    def test(self) -> float:
        """Return the score on the test examples, in [0, 1]; NaN if there is none."""

    def figures(self) -> Mapping[str, float]:
        """Return other figures of the test examples by name, such as BLEU; asked for once, after the last epoch."""

    def state(self) -> dict[str, Any]:
        """Return what training has changed, in tensors and plain values: weights, running means."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state`` returned, in a network that the same seed started."""


class Workload(Protocol):
    """What all networks of a process share: the examples in the form that networks read."""

    @property
    def steps(self) -> int:
        """Steps of the optimizer in an epoch."""

    @property
    def examples(self) -> int:
        """Training examples that an epoch consumes."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What else a score depends on, such as versions of libraries besides torch."""

    def start(self, seed: int) -> Network:
        """Return a network with the initial weights of a seed."""
