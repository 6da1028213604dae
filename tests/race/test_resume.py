"""A run that was stopped goes on by replay, and finds out a searcher that does not repeat itself."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from doubles import CountingEngine, Scripted, rules
from racing import PINNED, SPACE, Learner, dump, header, run

from harness.contracts import Outcome
from harness.errors import LedgerError, ReplayError
from harness.race.progress import Progress
from harness.race.runs import RunState
from harness.race.store import rows, writer
from harness.race.store.ledger import FILE_NAME, Ledger
from harness.space.expression import FIRST_LANGUAGE, LANGUAGE_VERSION


@pytest.mark.parametrize("stop_after", [1, 2, 5, 11])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path, stop_after):
    made = header(15)
    run(tmp_path / "whole", made)
    engine = CountingEngine(stop_after=stop_after)
    first = run(tmp_path / "parts", made, engine=engine, stop=engine.stop)
    assert (first.state, first.trained) == (RunState.STOPPED, stop_after)
    second = run(tmp_path / "parts", made)
    assert (second.state, second.trained) == (RunState.FINISHED, 15 - stop_after)
    assert second.replayed == len(first.trials)
    assert dump(tmp_path / "whole", made) == dump(tmp_path / "parts", made)


def test_a_replay_reads_each_recorded_trial_once_and_shows_how_far_it_is(tmp_path, monkeypatch):
    """What a resume takes grows with the trials and no faster, and nothing recorded is looked up or trained."""
    engine = CountingEngine(stop_after=40)
    made = header(60)
    first = run(tmp_path, made, engine=engine, stop=engine.stop)
    parsed, asked, shown = [], [], []
    real, look = rows.outcome_from, writer.evaluation_under
    monkeypatch.setattr(rows, "outcome_from", lambda cells: parsed.append(cells) or real(cells))
    monkeypatch.setattr(writer, "evaluation_under", lambda *of: asked.append(of) or look(*of))
    rest = run(tmp_path, made, watch=shown.append)
    recorded = len(first.trials)
    assert recorded <= len(parsed) <= recorded + 3, "and those that were pending"
    assert len(asked) <= rest.trained == 60 - 40
    assert [each.replayed for each in shown[: recorded + 1]] == list(range(recorded + 1))


def test_a_run_that_was_begun_before_every_run_recorded_the_language_goes_on_in_the_first(tmp_path):
    stopped(tmp_path, header(9))
    first = PINNED | {"language": FIRST_LANGUAGE}
    assert run(tmp_path, header(9, environment=first)).state is RunState.FINISHED
    stopped(tmp_path, header(9, seed=1))
    with pytest.raises(LedgerError, match=f"language: expected 1, as when the run began, got {LANGUAGE_VERSION}"):
        run(tmp_path, header(9, seed=1, environment=PINNED))


def test_a_finished_run_is_not_run_again(tmp_path):
    made = header(5)
    whole = run(tmp_path, made)
    again = run(tmp_path, made, searcher=Scripted([]))
    assert (again.trained, again.trials, again.best) == (0, whole.trials, whole.best)


def test_an_interrupt_leaves_the_run_stopped_and_resumable(tmp_path):
    class Interrupted(CountingEngine):
        def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
            if self.trained == 4:
                raise KeyboardInterrupt
            return super().next(timeout_seconds=timeout_seconds)

    made = header(9)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", made, engine=Interrupted())
    (record,) = Ledger.read(tmp_path / "parts").runs()
    assert (record.state, record.active) == (RunState.STOPPED, False)
    assert sum(trial.charged for trial in record.trials) == 4
    run(tmp_path / "parts", made)
    run(tmp_path / "whole", made)
    assert dump(tmp_path / "whole", made) == dump(tmp_path / "parts", made)


def stopped(folder, made, *, after=5):
    engine = CountingEngine(stop_after=after, slots=2)
    run(folder, made, engine=engine, stop=engine.stop)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_another_searcher_cannot_go_on_with_a_run(tmp_path, asynchronous):
    made = header(15, asynchronous=asynchronous)
    stopped(tmp_path, made)
    before = dump(tmp_path, made)
    with pytest.raises(ReplayError, match=r"^replay of run Learner-s0-fake-\w+, proposal 0: expected .* as recorded"):
        run(tmp_path, made, searcher=Learner(SPACE, seed=5))
    assert dump(tmp_path, made) == before


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_searcher_that_is_not_deterministic_is_found_out(tmp_path, asynchronous):
    made = header(15, asynchronous=asynchronous)
    stopped(tmp_path, made)
    with pytest.raises(ReplayError):
        run(tmp_path, made, searcher=Learner(SPACE, seed=0, moody=True))


@pytest.mark.parametrize("batch", [1, 2, 4, 9])
def test_another_batch_size_is_found_out(tmp_path, batch):
    proposals = rules(15)
    engine = CountingEngine(stop_after=7)
    run(tmp_path, header(15), searcher=Scripted(proposals, batch=3), engine=engine, stop=engine.stop)
    with pytest.raises(ReplayError, match="step"):
        run(tmp_path, header(15), searcher=Scripted(proposals, batch=batch))


def test_a_longer_answer_than_recorded_is_found_out(tmp_path):
    proposals = rules(15)
    engine = CountingEngine(stop_after=1)
    run(tmp_path, header(15), searcher=Scripted(proposals, batch=3), engine=engine, stop=engine.stop)
    with pytest.raises(ReplayError, match=r"proposal 0: expected 3 proposals at step 0, as recorded, got 9"):
        run(tmp_path, header(15), searcher=Scripted(proposals, batch=9))


def test_another_notion_of_equal_rules_is_found_out(tmp_path):
    proposals = rules(9)
    engine = CountingEngine(stop_after=6)
    run(tmp_path, header(9), searcher=Scripted(proposals, batch=3), engine=engine, stop=engine.stop)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("UPDATE trials SET source = 'duplicate' WHERE number = 2")
        connection.commit()
    with pytest.raises(
        ReplayError, match=r"proposal 2: expected .* to be a duplicate, as recorded, got a new function"
    ):
        run(tmp_path, header(9), searcher=Scripted(proposals, batch=3))


def test_a_run_that_stops_leaves_nothing_in_the_engine(tmp_path):
    engine = CountingEngine(stop_after=1)
    run(tmp_path, header(9), engine=engine, stop=engine.stop)
    assert engine.next(timeout_seconds=0) is None


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_searcher_that_ends_before_its_record_is_found_out(tmp_path, asynchronous):
    made = header(15, asynchronous=asynchronous)
    proposals = rules(15)
    engine = CountingEngine(stop_after=6)
    run(tmp_path, made, searcher=Scripted(proposals), engine=engine, stop=engine.stop)
    with pytest.raises(ReplayError, match="none left"):
        run(tmp_path, made, searcher=Scripted(proposals[:4]))


def test_replayed_children_do_not_count_for_the_pace(tmp_path):
    made = header(12)
    stopped(tmp_path, made, after=6)
    seen: list[Progress] = []
    engine = CountingEngine(stop_after=1)
    run(tmp_path, made, watch=seen.append, engine=engine, stop=engine.stop)
    replaying = [progress for progress in seen if progress.children <= 6]
    assert len(replaying) > 6
    assert all(progress.children_per_minute is None for progress in replaying)
    assert seen[-1].children == 7
    assert seen[-1].children_per_minute > 0
    assert seen[-1].replayed >= 6
