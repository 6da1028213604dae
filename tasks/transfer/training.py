"""One network at one learning rate: its optimizer, its epochs, and the state from which it goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from harness.contracts import Candidate
from harness.seeds import derive_seed
from harness.tasks.optimizer.building import optimizer_for
from harness.tasks.transfer.workload import Workload, WorkloadProtocol


class Training:
    """A network in training; a ``harness.tasks.sweep.Run`` that can be saved after every epoch.

    Every learning rate starts from the same weights and sees the same batches: both depend only on ``seed``.

    Args:
        candidate: what updates the weights.
        learning_rate: λ.
        workload: starts the network.
        protocol: gives σ of the noise.
        seed: the child's seed.
        report: called after each epoch, however it ended, with how many examples it consumed and should consume.
    """

    def __init__(
        self,
        candidate: Candidate,
        learning_rate: float,
        *,
        workload: Workload,
        protocol: WorkloadProtocol,
        seed: int,
        report: Callable[[int, int], None] = lambda _, __: None,
    ) -> None:
        self.examples = 0
        self._epoch = 0
        self._report = report
        self._workload = workload
        self._network = workload.start(seed)
        self._optimizer = optimizer_for(
            candidate,
            self._network,
            learning_rate,
            seed=derive_seed(seed, "rule"),
            noise_sigma=protocol.noise_sigma,
            total_steps=workload.steps * (protocol.horizon or protocol.epochs),
        )

    def train_epoch(self) -> bool:
        """Train an epoch; return False as soon as loss or weights are not finite."""
        steps, before = 0, self.examples
        try:
            for loss in self._network.losses(self._epoch):
                steps += 1
                if not math.isfinite(loss):
                    return False
                self._optimizer.step()
            self._epoch += 1
            # Weights that are not finite after the last step would end the next epoch at its first loss.
            return all(bool(torch.isfinite(parameter).all()) for parameter in self._network.parameters)
        finally:
            self.examples += min(self._workload.examples, -(-steps * self._workload.examples // self._workload.steps))
            self._report(self.examples - before, self._workload.examples)

    def score(self) -> float:
        """Return the validation score; NaN if there is none."""
        return self._network.score()

    def test(self) -> float:
        """Return the test score; NaN if there is none."""
        return self._network.test()

    def figures(self) -> Mapping[str, float]:
        """Return the workload's other figures by name."""
        return self._network.figures()

    def state(self) -> dict[str, Any]:
        """Return all that the next epochs depend on."""
        return {
            "epoch": self._epoch,
            "examples": self.examples,
            "network": self._network.state(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` returned."""
        self._epoch, self.examples = int(state["epoch"]), int(state["examples"])
        self._network.load(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
