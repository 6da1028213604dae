"""What arrives together is written together, and nothing that has finished is lost by it."""

from __future__ import annotations

import math

import pytest
from doubles import CountingEngine, Scripted, rules
from racing import SPACE, Learner, dump, header, run

from harness.contracts import Outcome
from harness.errors import EngineError
from harness.race import loop
from harness.race.runs import RunState
from harness.race.store.ledger import Ledger


class TogetherEngine(CountingEngine):
    """Finishes everything it holds at one moment, and remembers how much that was; may fail after so many."""

    def __init__(self, *, slots: int = 1, fail_after: int | None = None) -> None:
        super().__init__(slots=slots)
        self.held: list[int] = []
        self._fail_after = fail_after

    @property
    def ready(self) -> bool:
        return bool(self._queue)

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        self.held.append(len(self._queue))
        if self.trained == self._fail_after:
            raise EngineError("the cluster is gone")
        return super().next(timeout_seconds=timeout_seconds)


def statements(folder, made, engine, searcher) -> list[str]:
    seen: list[str] = []
    with Ledger.open(folder) as ledger:
        assert ledger._writer is not None
        ledger._writer.set_trace_callback(seen.append)
        loop.search(made, searcher, engine, ledger)
    return seen


def test_results_in_order_are_the_same_whether_they_arrive_together_or_not(tmp_path):
    made = header(20)
    run(tmp_path / "one by one", made)
    run(tmp_path / "together", made, engine=TogetherEngine())
    assert dump(tmp_path / "one by one", made) == dump(tmp_path / "together", made)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_batch_is_proposed_completed_and_flushed_once(tmp_path, monkeypatch, asynchronous):
    monkeypatch.setattr(loop, "_ASK_SECONDS", math.inf)
    made = header(8, asynchronous=asynchronous)
    engine = TogetherEngine(slots=8)
    seen = statements(tmp_path, made, engine, Scripted(rules(8), batch=8))
    assert engine.held == [8, 7, 6, 5, 4, 3, 2, 1]
    assert seen.count("COMMIT") - 2 == 3, "beside the run's own beginning and end"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_has_finished_is_kept_when_the_next_fails(tmp_path, asynchronous):
    made = header(9, asynchronous=asynchronous)
    engine = TogetherEngine(slots=9, fail_after=4)
    with pytest.raises(EngineError, match="gone"):
        run(tmp_path, made, searcher=Scripted(rules(9), batch=9), engine=engine)
    (record,) = Ledger.read(tmp_path).runs()
    assert (record.state, len(record.trials)) == (RunState.STOPPED, 4)
    searcher = Scripted(rules(9), batch=9)
    summary = run(tmp_path, made, searcher=searcher, engine=CountingEngine(slots=9))
    assert (summary.state, summary.trained, summary.replayed) == (RunState.FINISHED, 5, 4)


def test_a_slow_searcher_keeps_nobody_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_ASK_SECONDS", 0.0)
    made = header(15, asynchronous=True)
    engine = TogetherEngine(slots=5)
    before = Learner(SPACE, seed=0)
    run(tmp_path, made, searcher=before, engine=engine)
    assert max(engine.held) == 1, "each child is sent before the next is asked for"
    with Ledger.open(tmp_path) as ledger, ledger.begin(made) as handle:
        handle.finish(RunState.STOPPED)
    after = Learner(SPACE, seed=0)
    assert run(tmp_path, made, searcher=after).trained == 0
    assert after.told == before.told
