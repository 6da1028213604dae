"""The schedule every child follows: one epoch for each learning rate, then the best goes on (protocol §2).

A task says how to start a child at one λ and how that child trains an epoch; this module decides which epochs are
trained, when a child is given up, and what the ``Outcome`` says::

    outcome = sweep_then_train(protocol, lambda learning_rate: Child(rule, learning_rate, seed=seed))
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from harness.contracts import ChildProtocol, Outcome, Status


class Run(Protocol):
    """One child at one learning rate, ready to train."""

    @property
    def examples(self) -> int:
        """Training examples consumed so far."""

    def train_epoch(self) -> bool:
        """Train one epoch; False as soon as the loss is not finite, and the run is then never called again."""

    def score(self) -> float:
        """Validation score in [0, 1] after the epochs trained so far."""


def sweep_then_train(protocol: ChildProtocol, start: Callable[[float], Run]) -> Outcome:
    """Sweep the learning rates, train on with the best one, and report what the child earned.

    Each λ trains one epoch. The best score among those that stayed finite wins, the smaller λ on a tie (**D**), and its
    run goes on for the remaining epochs: its first is not trained twice. At most two runs are alive at a time, and one
    that has lost is released before the next starts.

    A λ that diverges scores chance and cannot win, even over a finite λ that scores worse than chance (**D**). When the
    winner diverges later, the child is DIVERGED at chance with that λ, and chance ends its curve.

    Args:
        protocol: gives ``learning_rates``, ``epochs`` and ``chance``.
        start: builds the run for one λ. Every call must return the same weights facing the same batches.

    Returns:
        The outcome; its status is OK or DIVERGED. An exception of ``start`` or of a run passes through: the task
        decides what is an ERROR.
    """
    began = time.perf_counter()
    examples = 0
    sweep: list[tuple[float, float]] = []
    best: Run | None = None
    best_score, best_rate = protocol.chance, math.inf
    for rate in protocol.learning_rates:
        run = start(rate)
        score = _epoch(run)
        examples += run.examples
        sweep.append((rate, protocol.chance if score is None else score))
        if score is not None and (best is None or (-score, rate) < (-best_score, best_rate)):
            best, best_score, best_rate = run, score, rate
        del run

    def outcome(status: Status, curve: list[float]) -> Outcome:
        return Outcome(
            status=status,
            score=curve[-1] if curve else protocol.chance,
            learning_rate=best_rate if curve else None,
            examples=examples,
            seconds=time.perf_counter() - began,
            sweep=tuple(sweep),
            curve=tuple(curve),
        )

    if best is None:
        return outcome(Status.DIVERGED, [])
    examples -= best.examples  # counted again, with the epochs that follow, once it ends
    curve = [best_score]
    status = Status.OK
    for _ in range(protocol.epochs - 1):
        later = _epoch(best)
        curve.append(protocol.chance if later is None else later)
        if later is None:
            status = Status.DIVERGED
            break
    examples += best.examples
    return outcome(status, curve)


def _epoch(run: Run) -> float | None:
    """Train one epoch and score it; None if the loss, or the score itself, is not finite."""
    if not run.train_epoch():
        return None
    score = run.score()
    return score if math.isfinite(score) else None
