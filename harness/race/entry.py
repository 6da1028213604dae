"""One proposal of a run: what was proposed, what its outcome is, and where the outcome comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.contracts import Candidate, Outcome, Trial
from harness.limits import Count


class Source(StrEnum):
    """Where a proposal's outcome comes from."""

    TRAINED = "trained"  # a child of this run, charged
    SHARED = "shared"  # found in the store, trained by another run with the same seed; charged all the same
    DUPLICATE = "duplicate"  # the same function as an earlier proposal of this run: free


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One proposal of a run.

    Attributes:
        index: its place among the run's proposals, from 0.
        rule: what was proposed: of a search a rule, of a confirmation any candidate.
        key: the rule's canonical form, or the candidate's key.
        source: where its outcome comes from.
        asked: the logical step at which it was asked for. Every ask and every tell of a run is one step, from 0.
        told: the step at which its outcome is told; None while it is pending.
        outcome: what it earned; None while it is pending.
    """

    index: Count
    rule: Candidate
    key: str
    source: Source
    asked: Count
    told: Count | None = None
    outcome: Outcome | None = None

    @property
    def charged(self) -> bool:
        """Whether it uses up one child of the budget."""
        return self.source is not Source.DUPLICATE

    @property
    def trial(self) -> Trial[Candidate]:
        """What the searcher is told. Only for a completed entry."""
        assert self.outcome is not None, "a pending entry has nothing to tell"
        return Trial(self.index, self.rule, self.outcome, self.charged)
