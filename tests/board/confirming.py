"""Made-up confirmations for the tests of the rules' boards: every rule's scores by seed, as finished runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.board.rules.known import CONFIRMER, candidate
from harness.contracts import Outcome, Status, Trial
from harness.race.header import Confirmation, ConfirmationHeader, RunHeader
from harness.race.protocols import Budget
from harness.race.runs import RunRecord, RunState

Scores = Mapping[str, Sequence[float | None]]
"""By the candidate's text: the validation score of each seed, None where the child diverged."""


def outcome(score: float | None, *, test: float | None = None) -> Outcome:
    if score is None:
        return Outcome(
            status=Status.DIVERGED, score=0.1, learning_rate=None, examples=900, seconds=1.0, test=test and 0.1
        )
    return Outcome(
        status=Status.OK,
        score=score,
        learning_rate=0.01,
        examples=18_000,
        seconds=1.0,
        sweep=((0.001, 0.2), (0.01, 0.3)),
        curve=(score / 2, score - 0.05, score),
        test=test,
    )


def confirmed(
    base: RunHeader, scores: Scores, *, searched: str = "", test_gap: float | None = 0.01, **changes: object
) -> list[RunRecord]:
    """One finished run a seed.

    Args:
        base: what to change into a confirmation's header.
        scores: of every rule, equally many.
        searched: who nominated.
        test_gap: how far test lies below validation; None for no test at all.
        changes: of every record, or else of its header.
    """
    rules = [candidate(text) for text in scores]
    fields = {"state": RunState.FINISHED, "active": False, "started": 5.0, "seconds": 60.0}
    fields |= {name: changes.pop(name) for name in list(changes) if name in fields}
    pins = {pin.name: getattr(base, pin.name) for pin in dataclasses.fields(RunHeader)}
    pins |= {"searcher": CONFIRMER, "settings": {}, "budget": Budget(len(rules), len(rules))} | changes
    made = ConfirmationHeader(confirmation=Confirmation(tuple(map(str, rules)), searched), **pins)
    records = []
    for seed in range(len(next(iter(scores.values())))):
        trials = []
        for index, (rule, own) in enumerate(zip(rules, scores.values(), strict=True)):
            score = own[seed]
            test = None if test_gap is None else (0.1 if score is None else score - test_gap)
            trials.append(Trial(index, rule, outcome(score, test=test)))
        records.append(RunRecord(header=replace(made, seed=seed), trials=tuple(trials), **fields))  # type: ignore[arg-type]
    return records
