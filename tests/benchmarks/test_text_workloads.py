"""The workloads on text at their mini size, on the generated texts: what feeds and surrounds training, whole children.

Time is the thread's own processor time, so that a busy machine does not decide a ratio.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from figures import COUNTERS, FIGURES, RATIOS, Turns, record
from pytest_benchmark.fixture import BenchmarkFixture
from whole_child import Clock, record_whole_child

from harness.contracts import Rule
from harness.registry import STAND_INS, Kind, load
from harness.seeds import derive_seed
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.transfer.task import WorkloadTask
from harness.tasks.transfer.text.batches import Batch, shuffled
from harness.tasks.transfer.text.lm import LanguageNetwork
from harness.tasks.transfer.text.nmt import TranslationNetwork
from harness.tasks.transfer.text.protocols import LM_MINI, NMT_MINI, TextProtocol
from harness.tasks.transfer.training import Training

STEPS, ROUNDS = 20, 6
EXAMPLES = {"lm-mini": 994_000, "nmt-mini": 27_648}  # seven rates and three or two more epochs
BOTH = pytest.mark.parametrize("protocol", [LM_MINI, NMT_MINI], ids=lambda protocol: protocol.name)


def task(protocol: TextProtocol, **settings: object) -> WorkloadTask:
    """Return the task on the generated text."""
    data = load(Kind.DATA, STAND_INS[protocol.inputs])(None, lambda _: None)
    made: WorkloadTask = load(Kind.TASK, protocol.task)(protocol, data, **settings)
    return made


@BOTH
def test_examples_of_a_child(benchmark: BenchmarkFixture, protocol: TextProtocol) -> None:
    """A child that nothing ends early."""
    workload = benchmark.pedantic(lambda: task(protocol).workload)  # type: ignore[no-untyped-call]
    epochs = len(protocol.learning_rates) + protocol.epochs - 1
    name, expected = f"examples of {protocol.name}", EXAMPLES[protocol.name]
    record(benchmark, COUNTERS, {name: workload.examples * epochs}, bounds={name: (expected, expected)})


def feeding(network: LanguageNetwork | TranslationNetwork) -> Callable[[], None]:
    """Return what prepares the batches of some steps, with the masks of dropout that do not follow the layers."""
    if isinstance(network, LanguageNetwork):
        train = network._corpus.train

        def rows() -> None:
            for step in range(STEPS):
                network._inputs(train, step)
                network._targets(train, step)
                network._masks(0, step)

        return rows
    sentences = network._sentences

    def batches() -> None:
        seed = derive_seed(0, "batches", 0)
        for places in shuffled(sentences.groups, size=sentences.protocol.batch_size, seed=seed)[:STEPS]:
            Batch.of(sentences.text.train, places, sentences.device)

    return batches


@pytest.mark.measured
@BOTH
def test_feeding_takes_little_of_a_step(benchmark: BenchmarkFixture, protocol: TextProtocol) -> None:
    """One core's training waits for its loader less than a hundredth of the time."""
    with reproducible_arithmetic():
        workload = task(protocol).workload
        network = workload.start(0)
        assert isinstance(network, LanguageNetwork | TranslationNetwork)

        def training() -> None:
            losses = network.losses(0)
            for _ in range(STEPS):
                next(losses)

        turns = Turns({"feeding": feeding(network), "training": training}, clock=time.thread_time)
        benchmark.pedantic(turns, rounds=ROUNDS)
    share, name = turns.best("feeding") / turns.best("training"), f"feeding to training, {protocol.name}"
    record(benchmark, RATIOS, {name: share}, bounds={name: (None, 0.01)})
    pace = STEPS * workload.examples / workload.steps / turns.best("training")
    record(benchmark, FIGURES, {f"examples a second, {protocol.name}": pace})


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Time what trains and scores."""
    clock = Clock()
    for name in ("train_epoch", "score", "test", "figures"):
        monkeypatch.setattr(Training, name, clock.around(getattr(Training, name)))
    return clock


@pytest.mark.measured
@pytest.mark.thorough
@BOTH
def test_what_surrounds_training_takes_little(
    benchmark: BenchmarkFixture, protocol: TextProtocol, trained: Clock, tmp_path: Path
) -> None:
    """The schedule, and checkpoints after every epoch, on a child of two whole epochs."""
    short = replace(protocol, learning_rates=(1e-3,), epochs=2)
    made, spent = task(short, checkpoints=tmp_path, test=True), Clock()
    assert made.environment
    benchmark.pedantic(spent.around(lambda: made.evaluate([Rule.parse("adam")], seed=0)))  # type: ignore[no-untyped-call]
    share, name = (spent.seconds - trained.seconds) / trained.seconds, f"machinery to training, {protocol.name}"
    record(benchmark, RATIOS, {name: share}, bounds={name: (None, 0.01)})


@pytest.mark.long
@BOTH
def test_a_whole_child(benchmark: BenchmarkFixture, protocol: TextProtocol) -> None:
    """In a process of its own, which tells how much memory it took."""
    record_whole_child(benchmark, protocol)
