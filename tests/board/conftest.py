"""Made-up runs: every board is a pure function of these."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.contracts import Outcome, Rule, Status, Trial
from harness.race.header import SearchHeader
from harness.race.protocols import Budget
from harness.race.runs import RunRecord, RunState
from harness.space.grammar import Space
from harness.tasks.child.protocols import QUICK

sys.path.append(str(Path(__file__).parent))  # for ``confirming``, which several tests share

HEADER = SearchHeader(
    searcher="random",
    searcher_version=1,
    settings={},
    space=Space.of(blocks=2),
    protocol=QUICK,
    data="synthetic",
    data_fingerprint="f" * 64,
    budget=Budget(4, 8),
    seed=0,
    asynchronous=False,
    environment={"torch": "2.13.0"},
    provenance={},
)
RULES = [
    Rule.parse(text)
    for text in ("g m id id mul #1 g exp id mul", "m v id exp mul #1 g id id mul", "g v sign id mul #1 m id exp mul")
]


def _trial(
    score: float, index: int = 0, *, rule: Rule = RULES[0], charged: bool = True, status: Status = Status.OK
) -> Trial:
    outcome = Outcome(status=status, score=score, learning_rate=0.01, examples=1000, seconds=1.0)
    return Trial(index, rule, outcome, charged)


@pytest.fixture
def trial() -> Callable[..., Trial]:
    """Build a trial from its score."""
    return _trial


@pytest.fixture
def rules() -> Sequence[Rule]:
    """Three rules, no two of them one function."""
    return RULES


@pytest.fixture
def run() -> Callable[..., RunRecord]:
    """Build a finished run from its scores; keywords change the record, or else its header."""

    def make(*scores: float, **changes: object) -> RunRecord:
        trials = [_trial(score, index, rule=RULES[index % 3]) for index, score in enumerate(scores)]
        record: dict[str, object] = {
            "state": RunState.FINISHED,
            "active": False,
            "started": 1.0,
            "seconds": 60.0,
            "trials": tuple(trials),
        }
        record |= {name: changes.pop(name) for name in list(changes) if name in record}
        return RunRecord(header=replace(HEADER, **changes), **record)  # type: ignore[arg-type]

    return make
