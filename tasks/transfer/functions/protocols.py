"""How candidates are scored on Rosenbrock's function: the named protocol (protocol §7; [NOS] §5, Figure 6)."""

from __future__ import annotations

from dataclasses import dataclass

from harness.contracts import Metric, NamedProtocol
from harness.tasks.transfer.workload import WorkloadProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionProtocol(WorkloadProtocol):
    """How a candidate is scored on a function; ``train_examples`` are steps, and an epoch is what the curve shows.

    Attributes:
        epsilons: ε that candidates that use it are tried with.
        start: where every training starts.
    """

    epsilons: tuple[float, ...]
    start: tuple[float, ...]


ROSENBROCK = FunctionProtocol(
    name="rosenbrock",
    version=1,
    task="rosenbrock",
    metric=Metric("f", score="1 / (1 + x)"),
    train_examples=100,
    validation_examples=0,
    batch_size=1,
    epochs=40,
    learning_rates=(1e-4, 1e-3, 1e-2, 1e-1),  # **D**: [NOS] says four on a log scale
    chance=0.0,
    epsilons=(1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8),
    start=(-1.5, 2.0),  # **D**
)

# The start scores 0.074, f = 12.5. Half-way along the valley f is about 1, and near its end 0.1 and 0.01.
NAMED_ROSENBROCK = NamedProtocol(
    ROSENBROCK,
    "Rosenbrock's function for 4,000 steps: seconds a candidate, and no data",
    targets=(0.5, 1 / 1.1, 1 / 1.01),
)
