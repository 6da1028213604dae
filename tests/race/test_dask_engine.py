"""Children in worker processes: the same ledger as without, whatever dies."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import threading
import time

import numpy as np
import psutil
import pytest
from distributed import LocalCluster, Status
from racing import PINNED, SPACE, dump, fake_outcome, header, run, spec

from harness.errors import DataError, EngineError
from harness.race.engines import dask, on_worker
from harness.race.engines.dask import DaskEngine
from harness.race.engines.opening import described_at, open_engine
from harness.race.runs import RunState
from harness.race.store.ledger import Ledger

PATIENCE_SECONDS = 600.0  # it ends what hangs; no test is decided by how long something takes
MASKED = signal.pthread_sigmask(signal.SIG_BLOCK, set())
RULES = [SPACE.sample(np.random.default_rng(seed)) for seed in range(4)]


@pytest.fixture(scope="module")
def deaths(tmp_path_factory):
    """A folder where each file ``1``, ``2``, … makes one child kill its worker half-way."""
    return tmp_path_factory.mktemp("deaths")


@pytest.fixture(scope="module")
def engine(deaths):
    os.environ["FAKE_DEATHS"] = str(deaths)  # workers inherit it
    os.environ["FAKE_SECONDS"] = "0.02"
    try:
        made = open_engine(spec(), workers=2)
        yield made
    finally:
        del os.environ["FAKE_DEATHS"], os.environ["FAKE_SECONDS"]
    made.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The run, trained in this process."""
    folder = tmp_path_factory.mktemp("plain")
    run(folder, header(20))
    return dump(folder, header(20))


def collect(engine: DaskEngine, count: int, *, patience_seconds: float = PATIENCE_SECONDS) -> dict[int, float]:
    found: dict[int, float] = {}
    limit = time.monotonic() + patience_seconds
    while len(found) < count and time.monotonic() < limit:
        if delivery := engine.next(timeout_seconds=1):
            found[delivery[0]] = delivery[1].score
    return found


def test_workers_train_what_this_process_would(engine):
    assert engine.slots == 2
    tickets = {engine.submit(rule, seed=7): fake_outcome(rule.key, 7).score for rule in RULES}
    assert collect(engine, 4) == tickets


def test_two_workers_leave_the_same_ledger_as_one(engine, plain, tmp_path):
    run(tmp_path, header(20), engine=engine)
    assert dump(tmp_path, header(20)) == plain


def test_workers_killed_mid_child_change_nothing(engine, deaths, plain, tmp_path):
    for name in ("1", "2", "3"):
        (deaths / name).touch()
    run(tmp_path, header(20), engine=engine)
    assert not list(deaths.iterdir()), "all three deaths have happened"
    assert dump(tmp_path, header(20)) == plain


@pytest.fixture
def wide(engine, monkeypatch):
    """The engine, while its task likes three rules at once."""
    monkeypatch.setattr(engine, "_spec", dataclasses.replace(spec(), task="racing:WideTask", width=3))
    return engine


@pytest.fixture
def two(wide, monkeypatch):
    """That engine, told of two workers: a test before may have killed one that is not back yet."""
    monkeypatch.setattr(wide, "_threads_now", lambda: 2)
    return wide


def test_slots_are_a_stack_for_each_worker(two):
    assert two.slots == 6


def test_stacks_are_shared_out_by_seed_and_hold_no_more_than_the_task_likes(two):
    def sent(*seeds: int) -> list[int]:
        two.drop()
        for seed in seeds:
            two.submit(RULES[0], seed=seed)
        found = [len(stack) for stack in two._stacks()]
        two.drop()
        return found

    assert sent(1) == [1]
    assert sent(1, 1, 1, 1) == [2, 2], "both workers have something to do"
    assert sent(*[1] * 7) == [3, 3, 1]
    assert sent(1, 2, 1, 2, 1) == [3, 2], "children of two seeds are no stack"
    two._awaited = {1: [1], 2: [2]}
    assert sent(1, 1) == [1, 1], "what is dropped is awaited no more"
    two._awaited, two._unsent = {1: [1], 2: [2]}, {3: (RULES[0], 1), 4: (RULES[0], 1)}
    assert two._stacks() == [[3, 4]], "where no worker is free, a stack is as full as it can be"
    two.drop()


def test_stacks_on_workers_leave_the_same_ledger_as_one_child_at_a_time(wide, plain, tmp_path):
    run(tmp_path, header(20), engine=wide)
    assert dump(tmp_path, header(20)) == plain


def test_async_stacks_use_the_budget_exactly(wide, tmp_path):
    summary = run(tmp_path, header(20, asynchronous=True), engine=wide)
    assert (summary.state, summary.children, summary.trained) == (RunState.FINISHED, 20, 20)


def test_workers_killed_within_a_stack_change_nothing(wide, deaths, plain, tmp_path):
    for name in ("1", "2"):
        (deaths / name).touch()
    run(tmp_path, header(20), engine=wide)
    assert not list(deaths.iterdir()), "both deaths have happened"
    assert dump(tmp_path, header(20)) == plain


def test_a_stack_that_comes_back_twice_or_late_is_delivered_once(wide):
    tickets = {wide.submit(rule, seed=6): fake_outcome(rule.key, 6).score for rule in RULES}
    assert collect(wide, 4) == tickets
    late = pickle.dumps([fake_outcome("g", 9)] * 2)
    wide._hear((0.0, (f"child-{wide._name}-{min(tickets)}", late)))
    assert wide.next(timeout_seconds=0.2) is None
    wide.submit(RULES[0], seed=6)
    wide.submit(RULES[1], seed=6)
    wide.next(timeout_seconds=0.0)
    wide.drop()
    assert not wide.ready or wide.next(timeout_seconds=0.2) is None
    assert wide.next(timeout_seconds=0.5) is None


def test_a_child_that_came_with_another_is_there_at_once(wide):
    tickets = [wide.submit(rule, seed=5) for rule in RULES[:2]]
    wide._awaited, wide._unsent = {tickets[0]: tickets}, {}
    wide._hear((0.0, (f"child-{wide._name}-{tickets[0]}", pickle.dumps([fake_outcome(f"{n}", 5) for n in (1, 2)]))))
    assert wide.next(timeout_seconds=0.0) == (tickets[0], fake_outcome("1", 5))
    assert wide.ready
    assert wide.next(timeout_seconds=0.0) == (tickets[1], fake_outcome("2", 5))
    assert not wide.ready


def test_a_worker_is_given_a_stack_in_one_call(monkeypatch, tmp_path):
    monkeypatch.setenv("FAKE_STACKS", str(tmp_path / "stacks"))
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        wide = dataclasses.replace(spec(), task="racing:WideTask", width=3)
        engine = open_engine(wide, cluster=cluster.scheduler_address)
        tickets = {engine.submit(rule, seed=7): fake_outcome(rule.key, 7).score for rule in RULES}
        assert collect(engine, 4) == tickets
        engine.close()
    assert sorted((tmp_path / "stacks").read_text().split()) == ["1", "3"]


@pytest.fixture
def fetched(engine, monkeypatch):
    """What the engine asks the scheduler for."""
    found = []
    gather = engine._client.gather
    monkeypatch.setattr(engine._client, "gather", lambda *args, **named: found.append(args) or gather(*args, **named))
    return found


@pytest.fixture
def deaf(engine):
    """The engine, while it hears no events."""
    hear = engine._client._event_handlers[dask.OUTCOMES]
    engine._client.unsubscribe_topic(dask.OUTCOMES)
    yield engine
    engine._client.subscribe_topic(dask.OUTCOMES, hear)


def test_outcomes_come_as_events_and_are_not_fetched(engine, fetched):
    tickets = {engine.submit(rule, seed=3): fake_outcome(rule.key, 3).score for rule in RULES}
    assert collect(engine, 4) == tickets
    assert not fetched


def test_an_outcome_whose_event_is_lost_is_fetched(deaf, fetched):
    tickets = {deaf.submit(rule, seed=4): fake_outcome(rule.key, 4).score for rule in RULES}
    assert collect(deaf, 4) == tickets
    assert len(fetched) == 4


@pytest.mark.parametrize(("whose", "packed"), [("own", b"no pickle"), ("another", pickle.dumps(fake_outcome("g", 9)))])
def test_events_of_others_and_unreadable_ones_are_as_none(deaf, fetched, whose, packed):
    ticket = deaf.submit(RULES[0], seed=5)
    assert deaf.next(timeout_seconds=0.0) is None  # it is sent
    deaf._hear((0.0, (f"child-{deaf._name if whose == 'own' else whose}-{ticket}", packed)))
    assert collect(deaf, 1) == {ticket: fake_outcome(RULES[0].key, 5).score}
    assert len(fetched) == 1


def test_futures_are_let_go_one_by_one(engine):
    tickets = [engine.submit(rule, seed=8) for rule in RULES]
    collect(engine, 4)
    limit = time.monotonic() + PATIENCE_SECONDS
    while set(tickets) & engine._futures.keys() and time.monotonic() < limit:
        time.sleep(0.01)
    assert not engine._futures
    assert not engine._heard


def test_an_outcome_told_twice_is_delivered_once(engine):
    ticket = engine.submit(RULES[0], seed=6)
    assert collect(engine, 1) == {ticket: fake_outcome(RULES[0].key, 6).score}
    engine._hear((0.0, (f"child-{engine._name}-{ticket}", pickle.dumps(fake_outcome("g", 9)))))
    assert engine.next(timeout_seconds=0.2) is None


def test_children_that_are_dropped_are_never_delivered(engine):
    dropped = {engine.submit(rule, seed=1) for rule in RULES}
    engine.drop()
    kept = engine.submit(RULES[0], seed=2)
    assert collect(engine, 1) == {kept: fake_outcome(RULES[0].key, 2).score}
    assert engine.next(timeout_seconds=0.5) is None
    assert kept not in dropped


def test_async_on_workers_uses_the_budget_exactly(engine, tmp_path):
    made = header(20, asynchronous=True)
    summary = run(tmp_path, made, engine=engine)
    assert (summary.state, summary.children, summary.trained) == (RunState.FINISHED, 20, 20)
    (record,) = Ledger.read(tmp_path).runs()
    assert len({trial.rule.key for trial in record.trials}) == 20


def test_a_child_that_kills_every_worker_ends_the_run_resumably(monkeypatch, plain, tmp_path):
    monkeypatch.setitem(dask._CONFIGURATION, "distributed.scheduler.allowed-failures", 1)
    monkeypatch.setenv("FAKE_DEATHS", str(tmp_path / "deaths"))
    monkeypatch.setenv("FAKE_SECONDS", "0.5")
    (tmp_path / "deaths").mkdir()
    for name in "12":
        (tmp_path / "deaths" / name).touch()
    engine = DaskEngine.local(spec(), 1)
    with pytest.raises(
        EngineError, match=r"^child: expected workers that survive it, got 2 that died training it"
    ) as error:
        run(tmp_path, header(20), engine=engine)
    engine.close()
    assert "\n" not in str(error.value)
    monkeypatch.undo()
    assert Ledger.read(tmp_path).runs()[0].state is RunState.STOPPED
    run(tmp_path, header(20))
    assert dump(tmp_path, header(20)) == plain


def test_a_worker_that_dask_gives_up_is_replaced(engine):
    cluster = engine._cluster
    cluster.sync(cluster.scale_down, [next(iter(cluster.worker_spec))])
    assert len(cluster.workers) == 1
    limit = time.monotonic() + PATIENCE_SECONDS
    while len(engine._client.nthreads()) < 2 and time.monotonic() < limit:
        engine.next(timeout_seconds=0.1)
    assert engine.slots == 2


def test_workers_are_reached_from_this_machine_alone(engine):
    assert engine.slots == 2
    here = psutil.Process()
    listening = [
        connection.laddr.ip
        for process in [here, *here.children(recursive=True)]
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 4
    assert set(listening) == {"127.0.0.1"}


def test_any_scheduler_will_do_and_errors_come_back_as_they_were(monkeypatch):
    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 2.0)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        engine = open_engine(spec(), cluster=address)
        ticket = engine.submit(RULES[0], seed=7)
        assert collect(engine, 1) == {ticket: fake_outcome(RULES[0].key, 7).score}
        other = open_engine(dataclasses.replace(spec(), environment=(("fake", "2"),)), cluster=address)
        other.submit(RULES[0], seed=7)
        with pytest.raises(EngineError, match="worker's fake: expected 2, got 1"):
            collect(other, 1)
        other.close()
        lost = open_engine(dataclasses.replace(spec(), data="racing:no_data"), cluster=address)
        lost.submit(RULES[0], seed=7)
        with pytest.raises(DataError, match="the tests have no data"):
            collect(lost, 1)
        lost.close()
    with pytest.raises(EngineError, match=r"^cluster: expected a scheduler that stays"):
        collect(engine, 1)
    engine.close()


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (ModuleNotFoundError("No module named 'harness'"), EngineError),
        (RuntimeError("Error during deserialization of the task graph. This frequently\noccurs if"), EngineError),
        (AttributeError("Can't get attribute 'train_on_worker' on <module 'harness'>"), EngineError),
        (AttributeError("'NoneType' object has no attribute 'evaluate'"), AttributeError),
        (ZeroDivisionError("a bug of the task"), ZeroDivisionError),
    ],
)
def test_what_a_worker_cannot_read_is_one_line_and_a_bug_is_a_bug(monkeypatch, cause, expected):
    def raises(*_: object, **__: object) -> None:
        raise cause

    monkeypatch.setattr(dask, "train_on_worker", raises)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        engine = open_engine(spec(), cluster=cluster.scheduler_address)
        engine.submit(RULES[0], seed=7)
        with pytest.raises(expected) as raised:
            collect(engine, 1)
        engine.close()
    if expected is EngineError:
        assert str(raised.value).startswith("cluster: expected this package, to train with, got ")
        assert "\n" not in str(raised.value)
    else:
        assert str(raised.value) == str(cause)


def test_a_worker_says_what_scores_depend_on(monkeypatch):
    monkeypatch.setenv("FAKE_VERSION", "of the worker")
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        asked = dataclasses.replace(spec(), environment=())
        assert described_at(address, asked) == (PINNED | {"fake": "of the worker"}, 1)
        assert described_at(address, dataclasses.replace(asked, task="racing:WideTask"))[1] == 3
        with pytest.raises(DataError, match="the tests have no data"):
            described_at(address, dataclasses.replace(asked, data="racing:no_data"))


def test_workers_without_this_package_are_one_line(monkeypatch):
    monkeypatch.setattr(dask, "_PACKAGE", "no_such_package")
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        pytest.raises(EngineError, match="expected this package on every worker, got none on ") as error,
    ):
        open_engine(spec(), cluster=cluster.scheduler_address)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "127.0.0.1:99999999", "gopher://x:1", ""])
def test_an_address_where_no_scheduler_answers_is_one_line(address, monkeypatch):
    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 1.0)
    with pytest.raises(EngineError, match="expected a Dask scheduler that answers") as error:
        open_engine(spec(), cluster=address)
    assert "\n" not in str(error.value)


def test_a_scheduler_without_workers_is_one_line(monkeypatch):
    monkeypatch.setattr(dask, "_WORKER_SECONDS", 0.5)
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster,
        pytest.raises(EngineError, match="expected at least one worker, got none"),
    ):
        open_engine(spec(), cluster=cluster.scheduler_address)


def test_starting_workers_leaves_interrupts_as_they_were(engine):
    assert engine.slots >= 1
    assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == MASKED


def test_an_interrupt_waits_until_workers_are_started_whichever_thread_hears_it(monkeypatch):
    """A cluster that is half started cannot be closed, and Dask would tell of that once the program has ended."""
    ended, before = threading.Event(), signal.signal(signal.SIGINT, signal.default_int_handler)
    older = threading.Thread(target=ended.wait)
    older.start()
    whole = LocalCluster

    def starting(*given, **named):
        signal.pthread_kill(older.ident, signal.SIGINT)
        cluster = whole(*given, **named)
        started.append(cluster)
        return cluster

    started: list[LocalCluster] = []
    monkeypatch.setattr(dask, "LocalCluster", starting)
    try:
        with pytest.raises(KeyboardInterrupt):
            DaskEngine.local(spec(), 1)
        assert [cluster.status for cluster in started] == [Status.closed]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
        ended.set()
        older.join()


def test_a_worker_keeps_the_tasks_that_it_used_last(monkeypatch):
    """A cluster outlasts runs, and each task holds its data: none of them was ever let go."""
    built = []

    class Spec:
        def build(self):
            built.append(self)
            return self

    monkeypatch.setattr(on_worker, "_tasks", {})
    monkeypatch.setattr(on_worker, "train", lambda task, _rules, *, seed: [(task, seed)])
    specs = [Spec() for _ in range(on_worker.MOST_TASKS + 1)]
    for each in (*specs[:-1], specs[0], specs[-1], specs[0], specs[1]):
        assert on_worker.train_on_worker([], 3, spec=each) == [(each, 3)]
    assert built == [*specs, specs[1]], "the one that was used longest ago is built again"
