"""What boards read of transfers: outcomes by candidate, and where a funnel stopped whom."""

from __future__ import annotations

import dataclasses

from rungs import FUNNEL, SHORT, A, B, C, record

from harness.board.transfer.results import funnels, transfer_runs
from harness.race.runs import RunState


def test_a_run_has_its_outcomes_by_candidate_and_those_that_have_not_trained_are_missing() -> None:
    whole = record([A, B], [0.5, 0.25])
    part = record([A, B], [0.75], seed=1, state=RunState.RUNNING)
    first, second = transfer_runs([whole, part])
    assert {each: outcome.score for each, outcome in first.outcomes.items()} == {str(A): 0.5, str(B): 0.25}
    assert (first.finished, first.whole, list(second.outcomes), second.finished) == (True, True, [str(A)], False)
    assert funnels([first, second]) == []


def test_a_funnel_says_who_was_stopped_where() -> None:
    rungs = [record([A, B, C], [0.1, 0.3, 0.2], seed=seed, protocol=SHORT, funnel=FUNNEL) for seed in (0, 1)]
    (begun,) = funnels(transfer_runs(rungs))
    assert (begun.stopped, begun.finished, begun.rungs[1].candidates) == ({}, False, ())
    last = [record([B], [0.5], seed=seed, funnel=FUNNEL) for seed in (0, 1)]
    runs = transfer_runs([*rungs, *last])
    assert [run.whole for run in runs] == [False, False, True, True]
    (ended,) = funnels(runs)
    assert ended.stopped == {str(A): 3, str(C): 3}
    assert ended.finished
    assert [(rung.epochs, len(rung.candidates), sorted(rung.runs)) for rung in ended.rungs] == [
        (3, 3, [0, 1]),
        (9, 1, [0, 1]),
    ]
    (unfinished,) = funnels(transfer_runs([*rungs, last[0]]))
    assert not unfinished.finished


def test_funnels_of_other_workloads_and_rules_are_others() -> None:
    other = dataclasses.replace(FUNNEL, share=2)
    runs = [
        record([A, B, C], [0.1, 0.3, 0.2], protocol=SHORT, funnel=FUNNEL),
        record([A, B, C], [0.1, 0.3, 0.2], protocol=SHORT, funnel=other),
        record([A, B, C], [0.1, 0.3, 0.2], protocol=dataclasses.replace(SHORT, version=2), funnel=FUNNEL),
    ]
    assert len(funnels(transfer_runs(runs))) == 3
