"""The schedule of every child: one epoch for each learning rate, then the best one trains on (protocol §2).

A task says how to start a child at one λ and how the child trains an epoch. This module decides which epochs are
trained, when a child is stopped, and what the ``Outcome`` says::

    outcome = sweep_then_train(protocol, lambda learning_rate: Child(rule, learning_rate, seed=seed))

If many children can train side by side, a task starts all cells (rule, λ) at once, and the same schedule decides which
of them continue::

    outcomes = sweep_together(protocol, len(rules), lambda cells: Stack(...))
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from harness.contracts import ChildProtocol, Outcome, Status, TaskProtocol

SWEEP = tuple(10.0**exponent for exponent in range(-5, 2))  # λ = 10^i, i = −5 … 1 [NOS §4.2]


class Run(Protocol):
    """One child at one learning rate, ready to train."""

    @property
    def examples(self) -> int:
        """Training examples consumed so far."""

    def train_epoch(self) -> bool:
        """Train one epoch; return False as soon as the loss is not finite, after which the run is not called again."""

    def score(self) -> float:
        """Return the validation score in [0, 1] after the epochs trained so far."""


@runtime_checkable
class PartialRun(Run, Protocol):
    """A run that can stop within an epoch; ``train_epoch`` then trains the rest of it."""

    def train_until(self, share: float) -> float:
        """Train up to a share of the epoch's batches; return their mean loss, not finite as soon as one is not."""


Started = TypeVar("Started", bound=Run)


def sweep_then_train(
    protocol: TaskProtocol, start: Callable[[float], Started], *, test: Callable[[Started], float] | None = None
) -> Outcome:
    """Sweep the learning rates, train on with the best one, and return the child's outcome.

    Each λ trains one epoch. The best score among those that stayed finite wins, the smaller λ on a tie (**D**), and its
    run trains the remaining epochs; its first epoch is not trained twice. At most two runs are alive at a time, and a
    losing run is released before the next starts. If the protocol has rungs, all runs are alive, and some are dropped
    early (``_halve``).

    A λ that diverges scores chance and cannot win, even over a finite λ that scores worse than chance (**D**). When the
    winner diverges later, the child is DIVERGED at chance with that λ, and chance ends its curve.

    Args:
        protocol: gives ``learning_rates``, ``epochs`` and ``chance``, and the savings ``rungs`` and ``stops_below``.
        start: builds the run for one λ, a ``PartialRun`` if the protocol has rungs. Every call must use the same
            initial weights and the same batches.
        test: scores the winner on the test examples, once, after its last epoch; a diverged child gets chance. None
            leaves the outcome without a test score.

    Returns:
        The outcome, with status OK or DIVERGED. An exception from ``start`` or a run passes through: the task decides
        what is an ERROR.
    """
    began = time.perf_counter()
    record = Record(protocol, tested=None if test is None else protocol.chance)
    best: Started | None = None
    entrants: Iterable[tuple[float, Started]] = ((rate, start(rate)) for rate in protocol.learning_rates)
    if protocol.rungs:
        entrants, diverged, record.examples = _halve(protocol, start)
        record.diverge(diverged)
    for rate, run in entrants:
        score = train_epoch(run)
        record.examples += run.examples
        if record.swept(rate, score):
            best = run
        del run
    if best is not None:
        record.examples -= best.examples  # counted again, with the later epochs, once it ends
        while record.goes_on:
            record.trained(train_epoch(best))
        record.examples += best.examples
        if test is not None and record.finite:
            record.tested = test(best)
    return record.outcome(seconds=time.perf_counter() - began)


class Stack(Protocol):
    """Cells that train side by side; the result of one does not depend on the others."""

    @property
    def examples(self) -> Sequence[int]:
        """Training examples that each cell has consumed."""

    def train_until(self, share: float) -> Sequence[float]:
        """Train up to a share of an epoch's batches; return each cell's mean loss, not finite as soon as one is not."""

    def score(self) -> Sequence[float]:
        """Return each cell's validation score; any value for a diverged cell."""

    def test(self) -> Sequence[float]:
        """Return each cell's test score; only for a task that has test examples."""

    def only(self, places: Sequence[int]) -> None:
        """Keep only these cells, at least one, in this order."""


def sweep_together(
    protocol: TaskProtocol, rules: int, start: Callable[[Sequence[tuple[int, float]]], Stack], *, test: bool = False
) -> list[Outcome]:
    """Apply the same schedule to many rules, with all their λs side by side.

    Args:
        protocol: as for ``sweep_then_train``.
        rules: how many rules, at least one.
        start: builds the cells, each given as the place of a rule and a λ.
        test: whether to score the winners on the test examples.

    Returns:
        An outcome for each rule; each gets an equal share of the seconds (**D**).
    """
    began = time.perf_counter()
    records = [Record(protocol, tested=protocol.chance if test else None) for _ in range(rules)]
    cells = [(rule, rate) for rule in range(rules) for rate in _from_the_ends(protocol.learning_rates)]
    stack = start(cells)

    def keep(places: Sequence[int]) -> None:
        nonlocal cells
        kept = set(places)
        for place, examples in enumerate(stack.examples):
            if place not in kept:
                records[cells[place][0]].examples += examples
        if kept and len(kept) < len(cells):
            stack.only(places)
        cells = [cells[place] for place in places]

    for share in protocol.rungs:
        losses = stack.train_until(share)
        better: list[int] = []
        for rule, record in enumerate(records):
            own = [place for place, cell in enumerate(cells) if cell[0] == rule]
            record.diverge([cells[place][1] for place in own if not math.isfinite(losses[place])])
            better += [own[each] for each in _better_half([losses[place] for place in own])]
        keep(better)
    winners: dict[int, int] = {}
    for place, ((rule, rate), score) in enumerate(zip(cells, _epochs(stack) if cells else [], strict=True)):
        if records[rule].swept(rate, score):
            winners[rule] = place
    keep(sorted(winners.values()))
    while cells:
        ended = {place for place, (rule, _) in enumerate(cells) if not records[rule].goes_on}
        if not ended:
            for (rule, _), score in zip(cells, _epochs(stack), strict=True):
                records[rule].trained(score)
            continue
        if test and any(records[cells[place][0]].finite for place in ended):
            for place, score in enumerate(stack.test()):
                if place in ended and records[cells[place][0]].finite:
                    records[cells[place][0]].tested = score
        keep([place for place in range(len(cells)) if place not in ended])
    seconds = (time.perf_counter() - began) / rules
    return [record.outcome(seconds=seconds) for record in records]


@dataclass(slots=True)
class Record:
    """The results of one child so far."""

    protocol: TaskProtocol
    tested: float | None
    examples: int = 0
    sweep: dict[float, float] = field(default_factory=dict)
    rate: float = math.inf
    curve: list[float] = field(default_factory=list)
    finite: bool = True

    def diverge(self, rates: Iterable[float]) -> None:
        """Record that these λs diverged before the sweep's epoch ended."""
        self.sweep.update(dict.fromkeys(rates, self.protocol.chance))

    def swept(self, rate: float, score: float | None) -> bool:
        """Record a λ's score after the sweep's epoch, None if it diverged; return whether it is the best so far."""
        self.sweep[rate] = self.protocol.chance if score is None else score
        if score is None or (self.curve and (-score, rate) >= (-self.curve[0], self.rate)):
            return False
        self.curve, self.rate = [score], rate
        return True

    @property
    def goes_on(self) -> bool:
        """Whether the best λ trains another epoch."""
        worth = self.finite and self.curve[0] >= self.protocol.stops_below
        return worth and len(self.curve) < self.protocol.epochs

    def trained(self, score: float | None) -> None:
        """Record the best λ's score after another epoch, None if it diverged."""
        self.curve.append(self.protocol.chance if score is None else score)
        self.finite = score is not None

    def outcome(self, *, seconds: float) -> Outcome:
        """Return the child's outcome."""
        return Outcome(
            status=Status.OK if self.curve and self.finite else Status.DIVERGED,
            score=self.curve[-1] if self.curve else self.protocol.chance,
            learning_rate=self.rate if self.curve else None,
            examples=self.examples,
            seconds=seconds,
            sweep=tuple((rate, self.sweep[rate]) for rate in self.protocol.learning_rates if rate in self.sweep),
            curve=tuple(self.curve),
            test=self.tested,
        )


def epochs_of(protocol: TaskProtocol) -> float:
    """Return how many epochs a child trains if it neither diverges nor stops."""
    alive, before, epochs = len(protocol.learning_rates), 0.0, 0.0
    for share in protocol.rungs:
        epochs += alive * (share - before)
        alive, before = math.ceil(alive / 2), share
    return epochs + alive * (1.0 - before) + protocol.epochs - 1


def steps_of(protocol: ChildProtocol) -> int:
    """Return T, the steps of a child at the best λ, which decays span; the sweep's epoch is the first part (**D**)."""
    return protocol.epochs * (protocol.train_examples // protocol.batch_size)


def _halve(
    protocol: TaskProtocol, start: Callable[[float], Started]
) -> tuple[list[tuple[float, Started]], list[float], int]:
    """Train all λs side by side, and drop the worse half at each rung (successive halving, Jamieson, Talwalkar 2016).

    The worse half has the higher mean training losses since the last rung (**D**). Losses cost nothing, while a score
    costs a third of an epoch; a loss that is not finite is the worst. The ends of the sweep come first, so among equals
    they are dropped.

    Returns:
        The λs that are left with their runs, the ends first; those that diverged; and the examples that all others
        consumed.
    """
    alive = [(rate, start(rate)) for rate in _from_the_ends(protocol.learning_rates)]
    diverged: list[float] = []
    examples = 0
    for share in protocol.rungs:
        losses = [_train_until(run, share) for _, run in alive]
        diverged += [rate for (rate, _), loss in zip(alive, losses, strict=True) if not math.isfinite(loss)]
        kept = _better_half(losses)
        examples += sum(run.examples for place, (_, run) in enumerate(alive) if place not in kept)
        alive = [alive[place] for place in kept]
    return alive, diverged, examples


def _from_the_ends(rates: Sequence[float]) -> list[float]:
    """Return the λs, the ends of the sweep first."""
    return sorted(rates, key=lambda rate: -abs(2 * rates.index(rate) - len(rates) + 1))


def _better_half(losses: Sequence[float]) -> list[int]:
    """Return the places of the smaller half of the losses, in order; the later among equals, only finite ones."""
    finite = [place for place, loss in enumerate(losses) if math.isfinite(loss)]
    return sorted(sorted(finite, key=lambda place: (losses[place], -place))[: math.ceil(len(losses) / 2)])


def _train_until(run: Run, share: float) -> float:
    assert isinstance(run, PartialRun), "a task without such runs rejects protocols with rungs"
    return run.train_until(share)


def train_epoch(run: Run) -> float | None:
    """Train one epoch, and return its score; None if the loss or the score is not finite."""
    if not run.train_epoch():
        return None
    score = run.score()
    return score if math.isfinite(score) else None


def _epochs(stack: Stack) -> list[float | None]:
    """Train all cells to the end of an epoch, and return their scores; None as for ``_epoch``."""
    losses = stack.train_until(1.0)
    scores = stack.score()
    return [
        score if math.isfinite(loss) and math.isfinite(score) else None
        for loss, score in zip(losses, scores, strict=True)
    ]
