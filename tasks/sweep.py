"""The schedule every child follows: one epoch for each learning rate, then the best goes on (protocol §2).

A task says how to start a child at one λ and how that child trains an epoch; this module decides which epochs are
trained, when a child is given up, and what the ``Outcome`` says::

    outcome = sweep_then_train(protocol, lambda learning_rate: Child(rule, learning_rate, seed=seed))
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar, runtime_checkable

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


@runtime_checkable
class PartialRun(Run, Protocol):
    """A run that can stop within an epoch; ``train_epoch`` then trains the rest of it."""

    def train_until(self, share: float) -> float:
        """Train on to that share of the epoch's batches; their mean loss, not finite as soon as one is not."""


Started = TypeVar("Started", bound=Run)


def sweep_then_train(
    protocol: ChildProtocol, start: Callable[[float], Started], *, test: Callable[[Started], float] | None = None
) -> Outcome:
    """Sweep the learning rates, train on with the best one, and report what the child earned.

    Each λ trains one epoch. The best score among those that stayed finite wins, the smaller λ on a tie (**D**), and its
    run goes on for the remaining epochs: its first is not trained twice. At most two runs are alive at a time, and one
    that has lost is released before the next starts; unless the protocol has rungs, which keep all alive
    to drop some early (``_halve``).

    A λ that diverges scores chance and cannot win, even over a finite λ that scores worse than chance (**D**). When the
    winner diverges later, the child is DIVERGED at chance with that λ, and chance ends its curve.

    Args:
        protocol: gives ``learning_rates``, ``epochs`` and ``chance``, and the savings ``rungs`` and ``stops_below``.
        start: builds the run for one λ, a ``PartialRun`` if the protocol has rungs. Every call must return the same
            weights facing the same batches.
        test: scores the winner on the test examples, once, after its last epoch; chance stands for a child that
            diverged. None leaves the outcome without a test score.

    Returns:
        The outcome; its status is OK or DIVERGED. An exception of ``start`` or of a run passes through: the task
        decides what is an ERROR.
    """
    began = time.perf_counter()
    examples = 0
    sweep: dict[float, float] = {}
    best: Started | None = None
    best_score, best_rate = protocol.chance, math.inf
    tested = None if test is None else protocol.chance
    entrants: Iterable[tuple[float, Started]] = ((rate, start(rate)) for rate in protocol.learning_rates)
    if protocol.rungs:
        entrants, diverged, examples = _halve(protocol, start)
        sweep = dict.fromkeys(diverged, protocol.chance)
    for rate, run in entrants:
        score = _epoch(run)
        examples += run.examples
        sweep[rate] = protocol.chance if score is None else score
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
            sweep=tuple((rate, sweep[rate]) for rate in protocol.learning_rates if rate in sweep),
            curve=tuple(curve),
            test=tested,
        )

    if best is None:
        return outcome(Status.DIVERGED, [])
    curve = [best_score]
    examples -= best.examples  # counted again, with the epochs that follow, once it ends
    status = Status.OK
    for _ in range(0 if best_score < protocol.stops_below else protocol.epochs - 1):
        later = _epoch(best)
        curve.append(protocol.chance if later is None else later)
        if later is None:
            status = Status.DIVERGED
            break
    examples += best.examples
    if test is not None and status is Status.OK:
        tested = test(best)
    return outcome(status, curve)


def epochs_of(protocol: ChildProtocol) -> float:
    """How many epochs a child trains that neither diverges nor stops."""
    alive, before, epochs = len(protocol.learning_rates), 0.0, 0.0
    for share in protocol.rungs:
        epochs += alive * (share - before)
        alive, before = math.ceil(alive / 2), share
    return epochs + alive * (1.0 - before) + protocol.epochs - 1


def _halve(
    protocol: ChildProtocol, start: Callable[[float], Started]
) -> tuple[list[tuple[float, Started]], list[float], int]:
    """Train all λs side by side, and drop the worse half at each rung (successive halving, Jamieson, Talwalkar 2016).

    Worse is a higher mean training loss since the last rung (**D**), which costs nothing, where a score costs a third
    of an epoch; one that is not finite is the worst. The ends of the sweep come first: among equals they are dropped.

    Returns:
        The λs left with their runs, the ends first; those that diverged; and the examples that all others consumed.
    """
    rates = protocol.learning_rates
    from_the_ends = sorted(rates, key=lambda rate: -abs(2 * rates.index(rate) - len(rates) + 1))
    alive = [(rate, start(rate)) for rate in from_the_ends]
    diverged: list[float] = []
    examples = 0
    for share in protocol.rungs:
        losses = [_train_until(run, share) for _, run in alive]
        finite = [place for place, loss in enumerate(losses) if math.isfinite(loss)]
        diverged += [rate for (rate, _), loss in zip(alive, losses, strict=True) if not math.isfinite(loss)]
        best_first = sorted(finite, key=lambda place: (losses[place], -place))
        kept = sorted(best_first[: math.ceil(len(alive) / 2)])
        examples += sum(run.examples for place, (_, run) in enumerate(alive) if place not in kept)
        alive = [alive[place] for place in kept]
    return alive, diverged, examples


def _train_until(run: Run, share: float) -> float:
    assert isinstance(run, PartialRun), "a task without such runs refuses protocols with rungs"
    return run.train_until(share)


def _epoch(run: Run) -> float | None:
    """Train one epoch and score it; None if the loss, or the score itself, is not finite."""
    if not run.train_epoch():
        return None
    score = run.score()
    return score if math.isfinite(score) else None
