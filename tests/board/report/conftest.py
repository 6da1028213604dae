"""One report for all of these tests: five searchers' runs with failures, confirmed rules, and names that attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from confirming import confirmed
from transferring import WORDS, rising, transferred

from harness.board.report.document import Report, report
from harness.board.report.page import render
from harness.contracts import Block, Origin, Outcome, Rule, Status, Trial
from harness.race.runs import RunRecord, RunState

ATTACK = "<img/src=x/onerror=document.title='taken'>"
CLOSING = "</script><script>document.title='taken'</script>"
HOSTILE = Rule((Block(ATTACK, CLOSING, "id", "id", "mul"),))


@pytest.fixture
def records(run, trial, rules) -> Sequence[RunRecord]:
    """Two searchers on six seeds, one with a hostile name on one; one stopped run; a confirmation; a transfer."""
    better = [run(0.2, 0.4, 0.5 + seed / 100, seed=seed, searcher="gp") for seed in range(6)]
    worse = [run(0.1, 0.2, 0.3 + seed / 100, seed=seed) for seed in range(6)]
    error = Outcome(
        status=Status.ERROR, score=0.1, learning_rate=None, examples=0, seconds=0.0, message=f"broke {CLOSING}"
    )
    strange = run(
        trials=(trial(0.45, rule=HOSTILE), Trial(1, rules[1], error), trial(0.1, 2, status=Status.DIVERGED)),
        searcher=ATTACK,
        provenance={"commit": CLOSING, "processor": ATTACK},
    )
    stopped = run(0.9, seed=7, searcher="gp", state=RunState.STOPPED)
    searched = better[0].header.comparable
    scores = {str(rules[0]): (0.5, 0.52, 0.51), "g": (0.4, 0.41, 0.42), "m": (0.45, 0.44, None)}
    moved = {"adam": rising([0.4, 0.5, 0.6]), "g": rising([0.5, 0.6, 0.7]), "m * exp(v)": rising([0.2, 0.2, 0.3])}
    transfers = transferred(moved, data=ATTACK, provenance={"commit": CLOSING}) + transferred(moved, WORDS)
    return [*better, *worse, strange, stopped, *confirmed(better[0].header, scores, searched=searched), *transfers]


@pytest.fixture
def made(records, rules) -> Report:
    """The report, with an origin for every sighting of the first rule by ``gp``."""
    header = next(each.header for each in records if each.header.searcher == "gp")
    origin = Origin(how="bred: crossed", parents=(rules[1], HOSTILE), log_probability=-2.5)
    return report(records, lineage={(header.identity, 0): origin})


@pytest.fixture
def page(made) -> str:
    """The report as HTML."""
    return render(made)


@pytest.fixture
def renamed(records):
    """The records with another name for one searcher."""
    return lambda old, new: [
        replace(each, header=replace(each.header, searcher=new)) if each.header.searcher == old else each
        for each in records
    ]
