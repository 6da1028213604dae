from __future__ import annotations

import dataclasses
import json
import multiprocessing
import sqlite3

import pytest
from racing import PROTOCOL, SPACE, Learner, completed, dump, entry, header, poll, run

from harness.contracts import Outcome, Status
from harness.errors import LedgerError
from harness.race.runs import RunState
from harness.race.store import ledger
from harness.race.store.ledger import Ledger
from harness.race.store.rows import LATER_COLUMNS
from harness.race.store.writer import RunWriter


def test_a_flush_waits_for_the_disk_and_the_commits_before_it_do_not(tmp_path, monkeypatch):
    monkeypatch.undo()
    normal, full = (1,), (2,)

    def setting(store):
        return store._writer.execute("PRAGMA synchronous").fetchone()

    with Ledger.open(tmp_path) as store, store.begin(header(5)) as writer:
        assert store._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        pending = entry(0)
        writer.propose([pending])
        assert setting(store) == normal
        writer.complete([completed(pending)])
        assert setting(store) == normal
        writer.flush()
        assert setting(store) == full
        writer.finish(RunState.STOPPED)
        assert setting(store) == full


@pytest.mark.parametrize("asynchronous", [False, True])
def test_every_trial_is_flushed_before_the_searcher_hears_of_it(tmp_path, monkeypatch, asynchronous):
    safe, written, heard = set(), set(), []
    complete, flush = RunWriter.complete, RunWriter.flush

    class Listener(Learner):
        def tell(self, trials):
            heard.extend(trial.index in safe for trial in trials if trial.charged)
            super().tell(trials)

    def noted(handle, entries):
        complete(handle, entries)
        written.update(entry.index for entry in entries)

    def flushed(handle):
        flush(handle)
        safe.update(written)

    monkeypatch.setattr(RunWriter, "complete", noted)
    monkeypatch.setattr(RunWriter, "flush", flushed)
    made = header(12, asynchronous=asynchronous)
    run(tmp_path, made, searcher=Listener(SPACE, seed=made.seed))
    assert heard == [True] * 12


def test_a_run_is_read_back_as_it_was_written(tmp_path):
    made = header(5, settings={"rate": 0.1, "name": "x", "deep": True})
    with Ledger.open(tmp_path) as store, store.begin(made) as writer:
        first, second = entry(0), entry(1)
        writer.propose([first, second])
        writer.complete([completed(first)])
        (record,) = Ledger.read(tmp_path).runs()
        assert (record.header, record.state, record.active) == (made, RunState.RUNNING, True)
        assert record.trials == (completed(first).trial,), "the pending one is not there yet"
        writer.finish(RunState.FINISHED)
    (record,) = Ledger.read(tmp_path).runs()
    assert (record.state, record.active) == (RunState.FINISHED, False)
    assert record.seconds > 0


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(status=Status.OK, score=0.1 + 0.2, learning_rate=1e-5, examples=2**40, seconds=1 / 3),
        Outcome(status=Status.OK, score=1.0, learning_rate=10.0, examples=0, seconds=5e-324, curve=(0.1, 1 / 3)),
        Outcome(status=Status.OK, score=0, learning_rate=1, examples=0, seconds=0, sweep=((1e-5, 1 / 7), (10.0, 0.1))),
        Outcome(status=Status.ERROR, score=0.1, learning_rate=None, examples=0, seconds=0.0, message='no "λ"\n\x00;'),
    ],
    ids=["floats", "subnormal", "whole numbers", "message"],
)
def test_outcomes_are_kept_to_the_last_bit(tmp_path, outcome):
    with Ledger.open(tmp_path) as store, store.begin(header(5)) as writer:
        pending = entry(0)
        writer.propose([pending])
        writer.complete([dataclasses.replace(pending, told=1, outcome=outcome)])
        assert Ledger.read(tmp_path).runs()[0].trials[0].outcome == outcome


def test_a_completed_trial_keeps_its_outcome(tmp_path):
    with Ledger.open(tmp_path) as store, store.begin(header(5)) as writer:
        pending = entry(0)
        writer.propose([pending])
        writer.complete([completed(pending)])
        writer.complete([completed(pending, score=0.99, status=Status.OK)])
        assert store.runs()[0].trials == (completed(pending).trial,)


def test_proposals_and_outcomes_are_written_whole_or_not_at_all(tmp_path):
    with Ledger.open(tmp_path) as store, store.begin(header(5)) as writer:
        pending = entry(0)
        writer.propose([pending])
        with pytest.raises(LedgerError):
            writer.propose([entry(1), entry(0)])
    with Ledger.open(tmp_path) as store, store.begin(header(5)) as writer:
        assert writer.recorded == (pending,)


def test_dump_leaves_out_times_and_provenance_only(tmp_path):
    made = header(5)
    for folder, seconds in (("a", 1.0), ("b", 2.0)):
        with Ledger.open(tmp_path / folder) as store:
            changed = dataclasses.replace(made, provenance={"harness": folder})
            with store.begin(changed) as writer:
                pending = entry(0)
                writer.propose([pending])
                writer.complete([completed(pending, seconds=seconds)])
    assert dump(tmp_path / "a", made) == dump(tmp_path / "b", made)
    run_line, trial = map(json.loads, dump(tmp_path / "a", made).splitlines())
    pins = {field.name for field in dataclasses.fields(made)} - {"provenance", "confirmation", "table"}
    assert run_line["header"].keys() == pins
    fields = {field.name for field in dataclasses.fields(Outcome)} - {"seconds", *LATER_COLUMNS}
    assert trial.keys() == fields | {"number", "rule", "key", "source", "asked", "told"}


def test_dump_of_an_unknown_run_is_refused(tmp_path):
    Ledger.open(tmp_path).close()
    with pytest.raises(LedgerError, match="harness runs"):
        Ledger.read(tmp_path).dump("0" * 16)


def test_an_evaluation_is_found_under_its_conditions_alone(tmp_path):
    made = header(5)
    with Ledger.open(tmp_path) as store, store.begin(made) as writer:
        pending = entry(0)
        writer.propose([pending])
        writer.complete([completed(pending)])
        assert store.evaluation(made, pending.key) == completed(pending).outcome
        assert store.evaluation(made, entry(1).key) is None
        others = [
            {"seed": 1},
            {"data_fingerprint": "other"},
            {"environment": {"fake": "2"}},
            {"protocol": dataclasses.replace(PROTOCOL, epochs=3)},
        ]
        for changes in others:
            assert store.evaluation(dataclasses.replace(made, **changes), pending.key) is None
        assert store.evaluation(dataclasses.replace(made, searcher="other:One"), pending.key) is not None


def test_one_process_at_a_time_works_on_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "_LOCK_PATIENCE_SECONDS", 0.05)
    with Ledger.open(tmp_path) as first, Ledger.open(tmp_path) as second:
        with first.begin(header(5)):
            with pytest.raises(LedgerError, match=r"^run Learner-s0-fake-\w+: expected no other process, got another"):
                second.begin(header(5))
            second.begin(header(5, seed=1)).close()
        second.begin(header(5)).close()


def test_asking_who_is_active_keeps_nobody_from_beginning(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "_LOCK_PATIENCE_SECONDS", 600.0)  # on a busy machine one may hold the lock for long
    made = header(5)
    run(tmp_path, made)
    with Ledger.open(tmp_path) as store, store.begin(made) as writer:
        writer.finish(RunState.RUNNING)
    context = multiprocessing.get_context("spawn")
    begun, done = context.Barrier(3), context.Event()
    pollers = [context.Process(daemon=True, target=poll, args=(tmp_path, made.identity, begun, done)) for _ in range(2)]
    for poller in pollers:
        poller.start()
    begun.wait(timeout=600)
    with Ledger.open(tmp_path) as store:
        for _ in range(200):
            store.begin(made).close()
    done.set()
    for poller in pollers:
        poller.join()
        assert poller.exitcode == 0


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (
            {"arithmetic": "ab12"},
            {"arithmetic": "cd34"},
            r"arithmetic: expected ab12, as when the run began, got cd34\. .* MKL_CBWR or .*: restore the earlier",
        ),
        ({"arithmetic": "ab12", "torch": "1"}, {"arithmetic": "cd34", "torch": "2"}, "torch: expected 1, .* got 2"),
        (
            {},
            {"arithmetic": "cd34"},
            r"arithmetic: expected none, as when the run began, got cd34\. Older versions .*: start the run again",
        ),
    ],
    ids=["another", "a name tells more", "unrecorded"],
)
def test_a_run_goes_on_only_where_its_children_are_rounded_alike(tmp_path, before, now, said):
    made = header(5, environment={"fake": "1", **before})
    with Ledger.open(tmp_path) as store:
        store.begin(made).close()
        with pytest.raises(LedgerError, match=rf"^run Learner-s0-fake-\w+, {said}"):
            store.begin(dataclasses.replace(made, environment={"fake": "1", **now}))
        store.begin(made).close()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"environment": {"fake": "2"}}, "fake: expected 1, as when the run began, got 2"),
        ({"environment": {"fake": "1", "torch": "2.13.0"}}, "torch: expected none, .* got 2.13.0"),
        ({"environment": {}}, "fake: expected 1, .* got none"),
        ({"searcher_version": 2}, "searcher version: expected 1, .* got 2"),
    ],
)
def test_a_run_goes_on_only_under_the_conditions_it_was_begun_with(tmp_path, changes, named):
    made = header(5)
    with Ledger.open(tmp_path) as store:
        store.begin(made).close()
        changed = dataclasses.replace(made, **changes)
        assert changed.identity == made.identity
        with pytest.raises(LedgerError, match=rf"^run Learner-s0-fake-\w+, {named}\. Go back to that, or start"):
            store.begin(changed)
        store.begin(made).close()


def test_reading_where_there_is_no_store_is_refused(tmp_path):
    assert not Ledger.exists(tmp_path)
    with pytest.raises(LedgerError, match=r"expected a ledger, got none\. Name the folder with --results"):
        Ledger.read(tmp_path)


def test_runs_are_listed_in_the_order_begun(tmp_path):
    with Ledger.open(tmp_path) as store:
        for seed in (3, 1, 2):
            store.begin(header(5, seed=seed)).close()
        assert [record.header.seed for record in store.runs()] == [3, 1, 2]


def test_a_gap_among_the_proposals_is_damage(tmp_path):
    made = header(5)
    with Ledger.open(tmp_path) as store:
        with store.begin(made) as writer:
            writer.propose([entry(0), entry(1)])
        with sqlite3.connect(store.path) as other:
            other.execute("DELETE FROM trials WHERE number = 0")
        with pytest.raises(LedgerError, match="all proposals without gaps"):
            store.begin(made)


def test_the_header_that_a_run_was_begun_with_stays(tmp_path):
    made = header(5)
    with Ledger.open(tmp_path) as store:
        store.begin(made).close()
        with store.begin(dataclasses.replace(made, provenance={"harness": "later"})) as writer:
            assert writer.header.provenance == {"harness": "test"}


def test_headers_are_read_once_however_often_a_board_polls(tmp_path):
    with Ledger.open(tmp_path) as store:
        store.begin(header(5)).close()
        first, second = store.runs()[0], store.runs()[0]
    assert first.header is second.header


def test_results_are_the_trials_without_their_details(tmp_path):
    made = header(12)
    run(tmp_path, made)
    reader = Ledger.read(tmp_path)
    (whole,), (brief,) = reader.runs(), reader.results()
    for field in dataclasses.fields(brief.results):
        assert list(getattr(brief.results, field.name)) == list(getattr(whole.results, field.name)), field.name
    assert len(brief.results) == len(whole.trials) >= 12
    assert brief.results.charged_scores == [trial.outcome.score for trial in whole.trials if trial.charged]
    assert (brief.header, brief.standing, brief.started) == (whole.header, whole.standing, whole.started)


def test_a_run_without_completed_trials_has_empty_results(tmp_path):
    with Ledger.open(tmp_path) as store, store.begin(header(5)) as writer:
        writer.propose([entry(0)])
        (found,) = store.results()
    assert len(found.results) == 0
    assert found.results.charged_scores == []


@pytest.mark.parametrize("broken", ["score = 'high'", "status = 'lost'", "source = 'bought'", "rule = x'00'"])
def test_a_result_that_no_run_wrote_is_one_clear_line(tmp_path, broken):
    run(tmp_path, header(3))
    with sqlite3.connect(tmp_path / ledger.FILE_NAME) as connection:
        connection.execute(f"UPDATE trials SET {broken} WHERE number = 1")
    with pytest.raises(LedgerError, match=r"result in the ledger: expected what a run wrote, got .* restore a copy"):
        Ledger.read(tmp_path).results()


def test_what_a_child_could_go_on_from_is_deleted_only_once_its_outcome_is_on_the_disk(tmp_path, monkeypatch):
    """Checkpoints are. They went after the commit, and the disk was waited for only when all of a batch had trained."""
    monkeypatch.undo()
    done = []
    flush = RunWriter.flush

    def flushed(handle):
        flush(handle)
        done.append("flushed")

    monkeypatch.setattr(RunWriter, "flush", flushed)
    run(tmp_path, header(4), recorded=lambda entries: done.append(len(entries)))
    assert sum(each for each in done if each != "flushed") >= 4
    assert all(done[place - 1] == "flushed" for place, each in enumerate(done) if each != "flushed")
