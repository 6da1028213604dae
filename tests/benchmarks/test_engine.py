"""What a search costs beside training: the loop, the store, the display, the searcher, and the way to the workers.

``pytest tests/benchmarks/test_engine.py --benchmark-enable`` measures, on a quiet machine, and holds the bounds; as
ordinary tests these race a few children that take no time. How often a batch that arrives together waits for the disk
does not depend on the machine, and is held always.

Not counted anywhere here is what a command does once: imports, reading data, compiling the child's step.
"""

from __future__ import annotations

import dataclasses
import io
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import pytest
from distributed import Client
from pytest_benchmark.fixture import BenchmarkFixture

sys.path.append(str(Path(__file__).parent))

from figures import COUNTERS, FIGURES, RATIOS, Turns, record
from processes import pool, train_here
from sleeping import SleepingTask, spec, threads

from harness.contracts import ChildProtocol, Outcome, Rule, Searcher, Task, Trial
from harness.library.live import Live
from harness.race.engines.engine import Engine, TaskSpec
from harness.race.engines.inline import InlineEngine
from harness.race.engines.opening import open_engine
from harness.race.header import RunHeader, SearchHeader
from harness.race.loop import search
from harness.race.protocols import Budget
from harness.race.runs import RunState
from harness.race.store.ledger import Ledger
from harness.registry import Kind, load
from harness.space.grammar import Space
from harness.tasks.child.protocols import QUICK
from harness.tasks.toy.protocols import TOY_QUADRATIC

SPACE = Space.of(blocks=2)
HALF = dataclasses.replace(QUICK, name="half", train_examples=QUICK.train_examples // 2)  # of three seconds or so
PLAIN = Rule.parse("m")
BATCH = 64  # what random search asks for
OVERHEAD_MILLISECONDS = 60.0  # a child
OVERHEAD_SHARE = 0.02  # of a quick run
TWO_WORKERS = 1.85  # times the children of one,
PLAIN_SHARE = 0.95  # or of what two plain processes do, where the machine has not two whole cores to give
ASYNC_SHARE, ORDERED_SHARE = 0.95, 0.90  # of what 64 sleeping threads could finish at best
COMMITS_A_BATCH = 3  # proposed, completed, flushed


class Terminal(io.StringIO):
    """Takes what the display draws."""

    def isatty(self) -> bool:
        return True


class TimedTask:
    """A task, and the seconds spent in it."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.seconds = 0.0

    @property
    def environment(self) -> Mapping[str, str]:
        return self._task.environment

    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        began = time.perf_counter()
        try:
            return self._task.evaluate(rules, seed=seed)
        finally:
            self.seconds += time.perf_counter() - began


class CountedSearcher:
    """A searcher, and how many batches it was told."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher
        self.batch = searcher.batch
        self.batches = 0

    def ask(self, count: int) -> Sequence[Rule]:
        return self._searcher.ask(count)

    def tell(self, trials: Sequence[Trial]) -> None:
        self.batches += 1
        self._searcher.tell(trials)


class DistinctSearcher:
    """Random search that keeps repetitions to itself, so that every batch fills every thread."""

    batch = BATCH

    def __init__(self) -> None:
        self._searcher: Searcher = load(Kind.SEARCHER, "random")(SPACE, seed=0)
        self._keys: set[str] = set()
        self.asked = 0

    def ask(self, count: int) -> Sequence[Rule]:
        self.asked += 1
        fresh: list[Rule] = []
        while len(fresh) < count:
            for rule in self._searcher.ask(count - len(fresh)):
                if rule.key not in self._keys:
                    self._keys.add(rule.key)
                    fresh.append(rule)
        return fresh

    def tell(self, trials: Sequence[Trial]) -> None:
        self._searcher.tell(trials)


class TogetherEngine(InlineEngine):
    """Finishes all children of a batch at one moment."""

    @property
    def ready(self) -> bool:
        return bool(self._queue)


def header(searcher: str, task: TaskSpec, children: int, *, asynchronous: bool = False) -> RunHeader:
    return SearchHeader(
        searcher=searcher,
        searcher_version=1,
        settings={},
        space=SPACE,
        protocol=task.protocol,
        data="none",
        data_fingerprint="none",
        budget=Budget.of(children),
        seed=0,
        asynchronous=asynchronous,
        environment={},
        provenance={},
    )


def raced(
    made: RunHeader,
    engine: Engine,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    searcher: Searcher | None = None,
) -> float:
    """Wall seconds of a whole run with a fresh searcher, a store on the disk, and a display on a terminal."""
    if searcher is None:
        searcher = load(Kind.SEARCHER, made.searcher)(SPACE, seed=made.seed)
    with Ledger.open(folder) as ledger, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", Terminal())
        with Live(quiet=False, runs=[made]) as live:
            began = time.perf_counter()
            summary = search(made, searcher, engine, ledger, watch=live.watch)
            seconds = time.perf_counter() - began
    assert summary.state is RunState.FINISHED
    assert summary.trained == made.budget.children
    return seconds


@pytest.mark.parametrize("searcher", ["random", "rl"])
def test_what_a_run_costs_beside_its_children(
    benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, searcher: str
) -> None:
    children = 10 if benchmark.disabled else 100
    task, made = TimedTask(SleepingTask(spec(0).protocol, None)), header(searcher, spec(0), children)
    seconds = benchmark.pedantic(raced, args=(made, InlineEngine(task), tmp_path, monkeypatch))
    if benchmark.disabled:
        return
    name = "milliseconds a child, beside training"
    each = 1000 * (seconds - task.seconds) / children
    record(benchmark, FIGURES, {name: each}, bounds={name: [None, OVERHEAD_MILLISECONDS]})


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_what_a_quick_run_costs_beside_its_children(
    benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children, protocol = (4, TOY_QUADRATIC) if benchmark.disabled else (3, QUICK)
    child = spec_of(benchmark)
    task = TimedTask(child.build())
    task.evaluate([PLAIN], seed=1)  # compiles
    task.seconds = 0.0
    made = header("rl", child, children)
    assert made.protocol is protocol
    seconds = benchmark.pedantic(raced, args=(made, InlineEngine(task), tmp_path, monkeypatch))
    if benchmark.disabled:
        return
    name = "share of a quick run that is not training"
    share = (seconds - task.seconds) / seconds
    record(benchmark, FIGURES, {"seconds a child": seconds / children})
    record(benchmark, RATIOS, {name: share}, bounds={name: [None, OVERHEAD_SHARE]})


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_two_workers_to_one(benchmark: BenchmarkFixture) -> None:
    """The same child over and over: on both engines and in two plain processes in turn, after each has trained one."""
    child, turns = (spec(1), 1) if benchmark.disabled else (spec_of(benchmark, HALF), 3)
    one, two = InlineEngine(child.build()), open_engine(child, workers=2)
    try:
        with pool(child, 2) as processes:

            def bare(children: int = 4) -> list[float]:
                return list(processes.map(train_here, [PLAIN] * children, [0] * children))

            in_turn = Turns({"one": lambda: timed(one, 2), "two": lambda: timed(two, 4), "bare": bare})
            timed(one, 1), timed(two, 2)
            assert len(set(bare(2))) == 1  # now all have trained
            benchmark.pedantic(in_turn, rounds=turns)  # type: ignore[no-untyped-call]
    finally:
        two.close()
    alone, together, apart = (min(in_turn.seconds(name)) for name in ("one", "two", "bare"))
    if benchmark.disabled:
        return
    name, plain = "children of two workers to those of one", 2 * alone / apart
    record(benchmark, FIGURES, {"seconds a child, one worker": alone / 2})
    ratios = {name: 2 * alone / together, "children of two plain processes to those of one": plain}
    record(benchmark, RATIOS, ratios, bounds={name: [min(TWO_WORKERS, PLAIN_SHARE * plain), None]})


def spec_of(benchmark: BenchmarkFixture, protocol: ChildProtocol = QUICK) -> TaskSpec:
    """The child on the stand-in; where nothing is measured, one of milliseconds."""
    if benchmark.disabled:
        return TaskSpec(task=TOY_QUADRATIC.task, protocol=TOY_QUADRATIC)
    return TaskSpec(task=protocol.task, protocol=protocol, data="synthetic")


def timed(engine: Engine, children: int) -> float:
    """Wall seconds that so many children of one rule take."""
    began = time.perf_counter()
    waiting = {engine.submit(PLAIN, seed=0) for _ in range(children)}
    while waiting:
        if delivery := engine.next(timeout_seconds=1.0):
            waiting.remove(delivery[0])
    return time.perf_counter() - began


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "in order"])
def test_sleeping_threads_are_kept_busy(
    benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    """The whole loop with a cluster by address, from the first ask to the end of the run."""
    slots, sleep, batches = (4, 10, 2) if benchmark.disabled else (BATCH, 1000, 30)
    task = spec(sleep)
    made = header("random", task, slots * batches, asynchronous=asynchronous)
    with threads(slots) as address:
        engine = open_engine(task, cluster=address)
        try:
            assert engine.slots == slots
            timed(engine, slots)  # every thread has the task
            searcher = DistinctSearcher()
            seconds = benchmark.pedantic(raced, args=(made, engine, tmp_path, monkeypatch, searcher))
        finally:
            engine.close()
        bare = median(bare_batch(address, slots, sleep / 1000) for _ in range(1 if benchmark.disabled else 5))
    assert seconds >= batches * sleep / 1000
    if benchmark.disabled:
        return
    assert asynchronous or searcher.asked == batches  # every batch was a full one
    share, least = batches * sleep / 1000 / seconds, ASYNC_SHARE if asynchronous else ORDERED_SHARE
    name = f"share of {slots} sleeping threads, {'async' if asynchronous else 'in order'}"
    ratios = {name: share}
    if not asynchronous:
        ratios[f"share of {slots} sleeping threads, Dask alone"] = sleep / 1000 / bare
    record(benchmark, FIGURES, {"children a second": made.budget.children / seconds})
    record(benchmark, RATIOS, ratios, bounds={name: [least, None]})


def bare_batch(address: str, slots: int, sleep_seconds: float) -> float:
    """Wall seconds in which Dask itself, with nothing of ours, does a batch of sleeps."""
    with Client(address, set_as_default=False) as client:
        began = time.perf_counter()
        client.gather(client.map(time.sleep, [sleep_seconds] * slots, pure=False))
        return time.perf_counter() - began


def test_a_batch_that_arrives_together_waits_for_the_disk_once(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    statements: list[str] = []
    made = header("random", spec(0), 2 * BATCH)
    engine = TogetherEngine(SleepingTask(made.protocol, None))
    searcher = CountedSearcher(load(Kind.SEARCHER, "random")(SPACE, seed=0))
    with Ledger.open(tmp_path) as ledger:
        assert ledger._writer is not None
        ledger._writer.set_trace_callback(statements.append)
        summary = benchmark.pedantic(search, args=(made, searcher, engine, ledger))
    assert summary.trained == 2 * BATCH
    name = "commits a batch that arrives together"
    commits = (statements.count("COMMIT") - 2) / searcher.batches  # without the run's own beginning and end
    record(benchmark, COUNTERS, {name: commits}, bounds={name: [None, COMMITS_A_BATCH]})
