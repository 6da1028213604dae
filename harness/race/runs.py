"""What is known of a run that is under way or over: its header, its state, and what its children earned."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.contracts import Candidate, Status, Trial
from harness.errors import HarnessError
from harness.race.header import RunHeader


class RunState(StrEnum):
    """Where a run stands. A killed process leaves ``running``; the lock tells whether anyone still is."""

    RUNNING = "running"
    STOPPED = "stopped"  # cleanly, before its budget was used up; the same command goes on
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Results:
    """What a board knows of a run's completed proposals, in columns: fast to read, without the details of a trial.

    Attributes:
        numbers: their places among the run's proposals, from 0.
        rules: their token strings, or the records of other candidates.
        keys: their functions.
        charged: whether they used up one child of the budget.
        statuses: how their children ended.
        scores: what they earned.
        learning_rates: the λ that was chosen; None where none was.
        messages: what was said of a child that failed, empty of others.
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
        """The results of trials.

        Args:
            trials: completed ones.
            keys: of their rules, as recorded. Empty to have them computed: a rule that this version of the language
                cannot read is a function of its own then.
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
        """The place of the best child that is OK, the earliest of equals; None where none is."""
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
    """A run as the store holds it.

    Attributes:
        header: what pins it.
        state: where it stands.
        active: whether a process is working on it now.
        started: seconds since the epoch, when it was first begun.
        seconds: wall time its processes have spent on it.
    """

    header: RunHeader
    state: RunState
    active: bool
    started: float
    seconds: float

    @property
    def standing(self) -> str:
        """One word for people: finished, running, stopped, or interrupted when its process died."""
        if self.state is RunState.FINISHED:
            return "finished"
        if self.active:
            return "running"
        return "stopped" if self.state is RunState.STOPPED else "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResults(Run):
    """A run as the boards read it.

    Attributes:
        results: of completed proposals in the order proposed; gaps can occur in an unfinished run.
    """

    results: Results

    @classmethod
    def of(cls, record: Judged) -> RunResults:
        """A run without the details of its trials."""
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
    """A run with all that its children left.

    Attributes:
        trials: completed trials in the order proposed; gaps can occur in an unfinished run.
        keys: of their rules, as recorded: another version of the language may have others. Empty to compute them.
    """

    trials: tuple[Trial[Candidate], ...]
    keys: tuple[str, ...] = ()

    @property
    def results(self) -> Results:
        """The trials as the boards read them."""
        return Results.of(self.trials, self.keys)


Judged = RunRecord | RunResults
"""What a board can be made from."""


def _key(rule: Candidate) -> str:
    try:
        return rule.key
    except HarnessError:
        return str(rule)
