"""The progress of a run for a live display, and its summary at the end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from harness.contracts import Candidate, Status, Trial
from harness.race.entry import Entry, Source
from harness.race.header import RunHeader
from harness.race.protocols import Budget
from harness.race.runs import RunState

_WINDOW = 20  # deliveries of children over which the pace is averaged
_TOGETHER_SECONDS = 0.05  # children that finish within this time have trained side by side: one delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A run at one moment.

    Attributes:
        header: the run's header.
        children: children charged and completed.
        budget: what the run may use.
        proposals: proposals completed, duplicates included.
        duplicates: how many of these were duplicates, which are free.
        replayed: proposals whose outcomes were in the ledger when this process began.
        best_score: best score so far; None before the first child that is OK.
        best_rule: the rule that earned it, the earliest proposed among equals.
        children_per_minute: pace of this process over its last children; None before it has trained one.
        seconds_left: time until the children are used up at that pace; None if there is no pace yet.
    """

    header: RunHeader
    children: int
    budget: Budget
    proposals: int
    duplicates: int
    replayed: int
    best_score: float | None
    best_rule: Candidate | None
    children_per_minute: float | None
    seconds_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run as a process leaves it.

    Attributes:
        header: the run's header.
        state: finished, or stopped on request.
        trials: completed trials in the order proposed.
        children: children charged and completed.
        trained: children that this process trained.
        replayed: proposals whose outcomes were in the ledger when this process began.
        best: the best trial, the earliest among equals; None if no child was OK.
        seconds: wall time that processes have spent on it.
    """

    header: RunHeader
    state: RunState
    trials: tuple[Trial[Candidate], ...]
    children: int
    trained: int
    replayed: int
    best: Trial[Candidate] | None
    seconds: float


class Meter:
    """Counts completed proposals as they come."""

    def __init__(self, header: RunHeader) -> None:
        self._header = header
        # When each delivery came, and how many children this process had trained by then.
        self._delivered: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=_WINDOW + 1)
        self.children = 0
        self.proposals = 0
        self.replayed = 0
        self.trained = 0
        self.best: Trial[Candidate] | None = None

    def count(self, entry: Entry, *, replayed: bool = False) -> None:
        """Count one completed proposal."""
        trial = entry.trial
        self.proposals += 1
        self.children += trial.charged
        self.replayed += replayed
        if entry.source is Source.TRAINED and not replayed:
            self.trained += 1
            now, (last, before) = time.monotonic(), self._delivered[-1]
            if before and now - last < _TOGETHER_SECONDS:
                self._delivered.pop()
            self._delivered.append((now, self.trained))
        if trial.outcome.status is Status.OK and self._beats_best(trial):
            self.best = trial

    def progress(self) -> Progress:
        """Return the run's progress now."""
        pace = None
        if self.trained:
            since, before = self._delivered[0]
            pace = (self.trained - before) / max(1e-9, time.monotonic() - since)
        left = self._header.budget.children - self.children
        return Progress(
            header=self._header,
            children=self.children,
            budget=self._header.budget,
            proposals=self.proposals,
            duplicates=self.proposals - self.children,
            replayed=self.replayed,
            best_score=self.best.outcome.score if self.best else None,
            best_rule=self.best.rule if self.best else None,
            children_per_minute=None if pace is None else 60 * pace,
            seconds_left=None if pace is None else left / pace,
        )

    def summary(self, state: RunState, entries: Sequence[Entry], *, seconds: float) -> RunSummary:
        """Return the summary of the run.

        Args:
            state: finished or stopped.
            entries: its proposals in order, pending ones included.
            seconds: wall time spent on it.
        """
        return RunSummary(
            header=self._header,
            state=state,
            trials=tuple(entry.trial for entry in entries if entry.outcome is not None),
            children=self.children,
            trained=self.trained,
            replayed=self.replayed,
            best=self.best,
            seconds=seconds,
        )

    def _beats_best(self, trial: Trial[Candidate]) -> bool:
        if self.best is None:
            return True
        return (-trial.outcome.score, trial.index) < (-self.best.outcome.score, self.best.index)
