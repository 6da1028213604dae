"""Told as they finish: every slot busy, and a history that replays."""

from __future__ import annotations

import pytest
from doubles import CountingEngine, LastFirstEngine, Scripted, rules
from racing import SPACE, Learner, header, run, swapped

from harness.race.runs import RunState
from harness.race.store.ledger import Ledger


def test_async_fills_every_slot_and_tells_as_results_come(tmp_path):
    searcher = Scripted(rules(9))
    made = header(9, asynchronous=True)
    summary = run(tmp_path, made, searcher=searcher, engine=LastFirstEngine(slots=3))
    told = [trial.index for (trial,) in searcher.told]
    assert sorted(told) == list(range(9))
    assert told[0] == 2, "with three in flight, the last of them finishes first"
    assert summary.state is RunState.FINISHED
    assert set(searcher.asked) == {1}


@pytest.mark.parametrize("stop_after", [1, 4, 7, 12])
@pytest.mark.parametrize("slots", [1, 2, 5])
def test_async_history_replays_whatever_the_slots(tmp_path, stop_after, slots):
    made = header(15, asynchronous=True)
    engine = LastFirstEngine(slots=3, stop_after=stop_after)
    before = Learner(SPACE, seed=0)
    run(tmp_path, made, searcher=before, engine=engine, stop=engine.stop)
    after = Learner(SPACE, seed=0)
    summary = run(tmp_path, made, searcher=after, engine=CountingEngine(slots=slots))
    assert (summary.state, summary.children) == (RunState.FINISHED, 15)
    assert after.told[: len(before.told)] == before.told
    assert summary.trained + stop_after == 15
    # A third searcher, led through the finished record, must agree with every step of it.
    with Ledger.open(tmp_path) as ledger, ledger.begin(made) as handle:
        handle.finish(RunState.STOPPED)
    third = Learner(SPACE, seed=0)
    assert run(tmp_path, made, searcher=third, engine=CountingEngine(slots=1)).trained == 0
    assert third.told == after.told


def test_async_records_that_the_searcher_had_nothing_left(tmp_path):
    made = header(9, asynchronous=True)
    proposals = rules(4)
    engine = CountingEngine(slots=6, stop_after=2)
    run(tmp_path, made, searcher=Scripted(proposals), engine=engine, stop=engine.stop)
    searcher = Scripted(proposals)
    summary = run(tmp_path, made, searcher=searcher)
    assert (summary.state, summary.children) == (RunState.FINISHED, 4)
    assert searcher.asked == [1] * 5, "after an empty answer nothing is asked for again"


def test_async_duplicates_of_a_child_in_flight_wait_for_it(tmp_path):
    a, b = rules(2)
    searcher = Scripted([a, swapped(a), b])
    summary = run(tmp_path, header(2, asynchronous=True), searcher=searcher, engine=CountingEngine(slots=2))
    assert [trial.charged for trial in summary.trials] == [True, False, True]
    assert [trial.index for (trial,) in searcher.told] == [0, 1, 2]
