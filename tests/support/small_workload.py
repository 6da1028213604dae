"""A workload small enough for tests: linear regression with minibatches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.seeds import derive_seed
from harness.tasks.transfer.task import WorkloadTask
from harness.tasks.transfer.workload import WorkloadProtocol

SMALL = WorkloadProtocol(
    name="lines-mini",
    version=1,
    task="lines",
    learning_rates=(0.001, 0.1, 1e9),
    epochs=4,
    chance=0.0,
    train_examples=20,
    validation_examples=10,
    batch_size=5,
)


@dataclass(frozen=True)
class Nothing:
    """A data set in name."""

    name: str = "lines"
    fingerprint: str = "0123"


class Lines:
    """Five weights, fitted to noisy products."""

    environment: Mapping[str, str] = {"lines": "1"}
    steps, examples = 4, 20

    def start(self, seed: int) -> Fit:
        """Return the network of a seed."""
        return Fit(seed)


class Fit:
    """A weight vector in training."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(derive_seed(seed, "weights"))
        self.weight = torch.nn.Parameter(torch.randn(5, generator=generator))
        self.parameters = self.layers = [self.weight]
        self._seed = seed
        self._inputs = torch.randn(40, 5, generator=torch.Generator().manual_seed(1))
        self._targets = self._inputs.sum(1)

    def losses(self, epoch: int) -> Iterator[float]:
        """Train an epoch in the order of its seed."""
        order = torch.randperm(20, generator=torch.Generator().manual_seed(derive_seed(self._seed, "batches", epoch)))
        for batch in order.split(5):
            self.weight.grad = None
            loss = ((self._inputs[batch] @ self.weight - self._targets[batch]) ** 2).mean()
            loss.backward()
            yield loss.item()

    def _scored(self, part: slice) -> float:
        with torch.no_grad():
            return 1.0 / (1.0 + float(((self._inputs[part] @ self.weight - self._targets[part]) ** 2).mean()))

    def score(self) -> float:
        """Return the validation score."""
        return self._scored(slice(20, 30))

    def test(self) -> float:
        """Return the test score."""
        return self._scored(slice(30, 40))

    def figures(self) -> Mapping[str, float]:
        """Return the sum of the weights."""
        return {"sum": self.weight.sum().item()}

    def state(self) -> dict[str, Any]:
        """Return a copy of the weights."""
        return {"weight": self.weight.detach().clone()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore the weights."""
        self.weight.data.copy_(state["weight"])


class LinesTask(WorkloadTask):
    """The workload as a task."""

    name = "lines"
    version = 1

    def prepare(self) -> Lines:
        """Return the workload."""
        return Lines()
