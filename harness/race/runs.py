"""The record of an active or ended run: its header, its state, and what its children earned."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.contracts import Candidate, Status, Trial
from harness.errors import HarnessError
from harness.race.header import RunHeader


class RunState(StrEnum):
    """The state of a run. A killed process leaves ``running``; the lock shows whether one still works on it."""

    RUNNING = "running"
    STOPPED = "stopped"  # cleanly, before its budget was used up; the same command resumes it
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Results:
    """A run's completed proposals in columns, as boards need them: fast to read, without the details of a trial.

    Attributes:
        numbers: their places among the run's proposals, from 0.
        rules: their token strings, or the records of other candidates.
        keys: the keys of their functions.
        charged: whether they used up one child of the budget.
        statuses: how their children ended.
        scores: what they earned.
        learning_rates: the λ that was chosen; None if none was.
        messages: the error message of a child that failed; empty for others.
    """

    numbers: Sequence[int] = ()
    rules: Sequence[str] = ()
    keys: Sequence[str] = ()
    charged: Sequence[bool] = ()
    statuses: Sequence[Status] = ()
    scores: Sequence[float] = ()
    learning_rates: Sequence[float | None] = ()
    messages: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def of(cls, trials: Sequence[Trial[Candidate]], keys: Sequence[str] = ()) -> Results:
        """Return the results of trials.

        Args:
            trials: completed trials.
            keys: keys of their rules, as recorded. Empty to compute them; a rule that this version of the language
                cannot read then counts as a function of its own.
        """
        return cls(
            numbers=[trial.index for trial in trials],
            rules=[str(trial.rule) for trial in trials],
            keys=keys or [_key(trial.rule) for trial in trials],
            charged=[trial.charged for trial in trials],
            statuses=[trial.outcome.status for trial in trials],
            scores=[trial.outcome.score for trial in trials],
            learning_rates=[trial.outcome.learning_rate for trial in trials],
            messages=[trial.outcome.message for trial in trials],
        )

    @property
    def best(self) -> int | None:
        """The place of the best child that is OK, the earliest among equals; None if no child is OK."""
        sound = (place for place, status in enumerate(self.statuses) if status is Status.OK and self.charged[place])
        return max(sound, key=self.scores.__getitem__, default=None)

    @property
    def charged_scores(self) -> list[float]:
        """What the charged children earned, in the order proposed."""
        return list(itertools.compress(self.scores, self.charged))

    @property
    def charged_statuses(self) -> list[Status]:
        """How the charged children ended, in the order proposed."""
        return list(itertools.compress(self.statuses, self.charged))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run in the store.

    Attributes:
        header: its header.
        state: its state.
        active: whether a process is working on it now.
        started: when it first began, in seconds since the epoch.
        seconds: wall time its processes have spent on it.
    """

    header: RunHeader
    state: RunState
    active: bool
    started: float
    seconds: float

    @property
    def standing(self) -> str:
        """Its state in a word for people: finished, running, stopped, or interrupted if its process died."""
        if self.state is RunState.FINISHED:
            return "finished"
        if self.active:
            return "running"
        return "stopped" if self.state is RunState.STOPPED else "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResults(Run):
    """A run as boards read it.

    Attributes:
        results: results of completed proposals in the order proposed; an unfinished run can have gaps.
    """

    results: Results

    @classmethod
    def of(cls, record: Judged) -> RunResults:
        """Return a run without the details of its trials."""
        if isinstance(record, RunResults):
            return record
        return cls(
            header=record.header,
            state=record.state,
            active=record.active,
            started=record.started,
            seconds=record.seconds,
            results=record.results,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord(Run):
    """A run with the full record of its children.

    Attributes:
        trials: completed trials in the order proposed; an unfinished run can have gaps.
        keys: keys of their rules, as recorded, which may be those of another version of the language. Empty to compute
            them.
    """

    trials: tuple[Trial[Candidate], ...]
    keys: tuple[str, ...] = ()

    @property
    def results(self) -> Results:
        """The trials as boards read them."""
        return Results.of(self.trials, self.keys)


Judged = RunRecord | RunResults
"""The kinds of record that a board can be made from."""


def _key(rule: Candidate) -> str:
    try:
        return rule.key
    except HarnessError:
        return str(rule)
