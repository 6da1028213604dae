"""The schedule of a workload's child, which is that of every child, saved after every epoch (protocol §7).

Each λ trains one epoch, and the best one trains on (``harness.tasks.sweep``). Beside that, the test examples are scored
whenever the validation score is the best so far, for Table 1 of [NOS]; they decide nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from harness.contracts import Outcome, TaskProtocol
from harness.tasks.sweep import Record, Run, train_epoch


class Resumable(Run, Protocol):
    """A run that can be tested, and saved between epochs."""

    def test(self) -> float:
        """Return the test score in [0, 1]; NaN if there is none."""

    def figures(self) -> Mapping[str, float]:
        """Return other figures of the test examples by name."""

    def state(self) -> dict[str, Any]:
        """Return all that the next epochs depend on."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` returned."""


Saved = Mapping[str, Any]


def train(
    protocol: TaskProtocol,
    start: Callable[[float], Resumable],
    *,
    test: bool = False,
    saved: Saved | None = None,
    save: Callable[[Saved], None] = lambda _: None,
) -> Outcome:
    """Sweep the learning rates, train on with the best one, and return the child's outcome.

    Args:
        protocol: gives ``learning_rates``, ``epochs`` and ``chance``; rungs are not supported.
        start: builds the run for one λ; every call must use the same initial weights and the same batches.
        test: whether to score the test examples.
        saved: what ``save`` was called with last, to go on from there to the same bits; None to begin.
        save: called after every epoch with all that the rest depends on, in tensors and plain values.

    Returns:
        The outcome, with status OK or DIVERGED; an exception from a run passes through.
    """
    child = _Child(protocol, test, began=time.perf_counter())
    if saved is not None:
        child.load(saved, start)
    for rate in protocol.learning_rates:
        if rate not in child.record.sweep:
            child.sweep(rate, start(rate))
            save(child.state())
    if child.at_best is None:  # not after every λ that is the best so far: scoring may take long
        child.examine()
    while child.best is not None and child.record.goes_on:
        child.go_on()
        save(child.state())
    return child.outcome()


@dataclass(slots=True)
class _Child:
    """A child between two epochs."""

    protocol: TaskProtocol
    test: bool
    began: float
    record: Record = None  # type: ignore[assignment] # set below
    best: Resumable | None = None
    at_best: float | None = None  # the test score at the best epoch

    def __post_init__(self) -> None:
        self.record = Record(self.protocol, tested=self.protocol.chance if self.test else None)

    def sweep(self, rate: float, run: Resumable) -> None:
        """Train one λ's first epoch, and keep its run if it is the best so far."""
        score = train_epoch(run)
        self.record.examples += run.examples
        if self.record.swept(rate, score):
            self.best = run

    def go_on(self) -> None:
        """Train the best λ another epoch."""
        assert self.best is not None, "there is a best λ, or nothing goes on"
        before, highest = self.best.examples, max(self.record.curve)
        self.record.trained(train_epoch(self.best))
        self.record.examples += self.best.examples - before
        if not self.record.finite:
            self.best = None
        elif self.record.curve[-1] > highest:
            self.examine()

    def examine(self) -> None:
        """Score the test examples at the best epoch so far."""
        if self.test and self.best is not None:
            self.at_best = _sane(self.best.test(), self.protocol.chance)

    def state(self) -> Saved:
        """Return all that the rest depends on."""
        record = self.record
        return {
            "examples": record.examples,
            "sweep": list(record.sweep.items()),
            "rate": record.rate,
            "curve": list(record.curve),
            "finite": record.finite,
            "at best": self.at_best,
            "seconds": time.perf_counter() - self.began,
            "run": None if self.best is None else self.best.state(),
        }

    def load(self, saved: Saved, start: Callable[[float], Resumable]) -> None:
        """Go on from what ``state`` returned."""
        record = self.record
        record.examples, record.rate, record.finite = saved["examples"], saved["rate"], saved["finite"]
        record.sweep, record.curve = dict(saved["sweep"]), list(saved["curve"])
        self.at_best = saved["at best"]
        self.began -= saved["seconds"]
        if saved["run"] is not None:
            self.best = start(record.rate)
            self.best.load(saved["run"])

    def outcome(self) -> Outcome:
        """Score the test examples, unless the last epoch was the best one, and return the outcome."""
        figures: tuple[tuple[str, float], ...] = ()
        if self.test and self.best is not None:
            curve = self.record.curve
            last = curve.index(max(curve)) == len(curve) - 1
            self.record.tested = self.at_best if last else _sane(self.best.test(), self.protocol.chance)
            figures = tuple(sorted(self.best.figures().items()))
        outcome = self.record.outcome(seconds=time.perf_counter() - self.began)
        at_best = self.at_best if self.best is not None else self.record.tested
        return replace(outcome, test_at_best=at_best, figures=figures)


def _sane(score: float, chance: float) -> float:
    return score if 0.0 <= score <= 1.0 else chance
