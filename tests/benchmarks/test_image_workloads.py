"""The workloads on images and on Rosenbrock's function: what feeds and surrounds training, whole children.

Time is the thread's own processor time, so that a busy machine does not decide a ratio.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import COUNTERS, FIGURES, RATIOS, Turns, record
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from whole_child import Clock, record_whole_child

from harness.contracts import Rule
from harness.registry import STAND_INS, Kind, load
from harness.tasks.child.memory import keep_freed_memory
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.data.pictures import imagenet
from harness.tasks.optimizer.update_rule import RuleOptimizer
from harness.tasks.transfer.functions.protocols import ROSENBROCK
from harness.tasks.transfer.images.classifier import Classifiers
from harness.tasks.transfer.images.loading import Loader
from harness.tasks.transfer.images.nasnet import NasnetTask
from harness.tasks.transfer.images.protocols import CONVNET_300_MINI, IMAGENET, IMAGENET_MINI, WRN_MINI
from harness.tasks.transfer.task import WorkloadTask
from harness.tasks.transfer.training import Training
from harness.tasks.transfer.workload import Workload, WorkloadProtocol

STEPS, ROUNDS = 5, 4
FEEDING = 0.05  # of a step, at the most
MINIS = (CONVNET_300_MINI, WRN_MINI, IMAGENET_MINI)
EXAMPLES = {"convnet-300-mini": 360_000, "wrn-mini": 80_000, "imagenet-mini": 28_000}
Named = pytest.mark.parametrize("protocol", MINIS, ids=lambda protocol: protocol.name)


@pytest.fixture(autouse=True)
def arithmetic() -> Iterator[None]:
    keep_freed_memory()
    with reproducible_arithmetic():
        yield


def task(protocol: WorkloadProtocol, **settings: object) -> WorkloadTask:
    """Return the task on generated data."""
    data = load(Kind.DATA, STAND_INS[protocol.inputs])(None, lambda _: None)
    made: WorkloadTask = load(Kind.TASK, protocol.task)(protocol, data, **settings)
    return made


@Named
def test_examples_of_a_child(benchmark: BenchmarkFixture, protocol: WorkloadProtocol) -> None:
    """A child that nothing ends early."""
    small: dict[str, Any] = {} if protocol.task == "imagenet" else {"validation_examples": 100}
    workload = benchmark.pedantic(lambda: task(replace(protocol, **small)).workload)  # type: ignore[no-untyped-call]
    epochs = len(protocol.learning_rates) + protocol.epochs - 1
    name, expected = f"examples of {protocol.name}", EXAMPLES[protocol.name]
    record(benchmark, COUNTERS, {name: workload.examples * epochs}, bounds={name: (expected, expected)})


def feeding(workload: Workload) -> Callable[[], None]:
    """Return what prepares the batches of some steps, in this thread."""
    assert isinstance(workload, Classifiers)
    source = workload.source

    def pictures() -> None:
        assert isinstance(source, Loader)
        draws = np.random.default_rng(0).random((source.examples, 5))
        for step in range(STEPS):
            source._ready(source._read(source._pool, draws, step * source._batch_size))

    def images() -> None:
        batches = iter(source.batches(0, 0))
        for _ in range(STEPS):
            next(batches)

    return pictures if isinstance(source, Loader) else images


def compared(benchmark: BenchmarkFixture, workload: Workload, name: str, *, bound: float, batch: int) -> None:
    """Record the time of feeding beside that of a step."""
    network = workload.start(0)

    def training() -> None:
        losses = network.losses(0)
        for _ in range(STEPS):
            next(losses)

    turns = Turns({"feeding": feeding(workload), "training": training}, clock=time.thread_time)
    turns()
    benchmark.pedantic(turns, rounds=ROUNDS)
    ratio = f"feeding to training, {name}"
    record(benchmark, RATIOS, {ratio: turns.best("feeding") / turns.best("training")}, bounds={ratio: (None, bound)})
    record(benchmark, FIGURES, {f"examples a second, {name}": STEPS * batch / turns.best("training")})


@pytest.mark.measured
def test_flips_and_crops_take_little_of_a_step(benchmark: BenchmarkFixture) -> None:
    compared(benchmark, task(WRN_MINI).workload, WRN_MINI.name, bound=FEEDING, batch=WRN_MINI.batch_size)


@pytest.mark.measured
def test_generated_pictures_keep_a_core_fed(benchmark: BenchmarkFixture) -> None:
    """They are painted once, and cropped and scaled anew every time, by another thread."""
    compared(benchmark, task(IMAGENET_MINI).workload, IMAGENET_MINI.name, bound=0.5, batch=IMAGENET_MINI.batch_size)


@pytest.mark.measured
@pytest.mark.thorough
def test_jpeg_files_keep_a_core_fed(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Files of ImageNet's usual 500×375 pixels, for the network of the paper's size."""
    rng, place = np.random.default_rng(0), np.linspace(0, 20, 500)
    for part in ("train", "val"):
        for name in ("first", "second"):
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(20):
                waves = 90 * np.sin(place[None, :, None] * rng.random(3) + place[:375, None, None] * rng.random(3))
                noisy = 128 + waves + rng.normal(0, 12, (375, 500, 3))
                path = tmp_path / part / name / f"{index}.jpg"
                Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    few = replace(IMAGENET, train_examples=STEPS * 4, validation_examples=4, batch_size=4)
    workload = NasnetTask(few, imagenet.load(tmp_path, lambda _: None)).workload
    compared(benchmark, workload, IMAGENET.name, bound=0.2, batch=4)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time what starts, trains and scores a network."""
    clock = Clock()
    for name in ("__init__", "train_epoch", "score", "test", "figures"):
        monkeypatch.setattr(Training, name, clock.around(getattr(Training, name)))
    return clock


@pytest.mark.measured
@pytest.mark.thorough
@Named
def test_what_surrounds_training_takes_little(
    benchmark: BenchmarkFixture, protocol: WorkloadProtocol, trained: Clock, tmp_path: Path
) -> None:
    """The schedule, and checkpoints after every epoch, on a child of two whole epochs."""
    short = replace(protocol, learning_rates=(1e-3,), epochs=2)
    made, spent = task(short, checkpoints=tmp_path, test=True), Clock()
    assert made.environment
    benchmark.pedantic(spent.around(lambda: made.evaluate([Rule.parse("adam")], seed=0)))  # type: ignore[no-untyped-call]
    share, name = (spent.seconds - trained.seconds) / trained.seconds, f"machinery to training, {protocol.name}"
    record(benchmark, RATIOS, {name: share}, bounds={name: (None, 0.01)})


@pytest.mark.measured
def test_one_vector_saves_a_rule_its_calls(benchmark: BenchmarkFixture) -> None:
    """NASNet-A has hundreds of tensors; in one vector, a rule's operations run once for all of them."""
    network = task(IMAGENET_MINI).workload.start(0)
    next(iter(network.losses(0)))
    optimizers = {
        "one vector": RuleOptimizer(network.parameters, "adam", 1e-6),
        "layers": RuleOptimizer(network.layers, "adam", 1e-6),
    }
    turns = Turns({name: each.step for name, each in optimizers.items()}, clock=time.thread_time)
    turns()
    benchmark.pedantic(turns, rounds=20)
    ratio = turns.best("layers") / turns.best("one vector")
    record(benchmark, RATIOS, {"layers to one vector": ratio}, bounds={"layers to one vector": (2, None)})


@pytest.mark.long
@pytest.mark.parametrize("protocol", [ROSENBROCK, *MINIS], ids=lambda protocol: protocol.name)
def test_a_whole_child(benchmark: BenchmarkFixture, protocol: WorkloadProtocol) -> None:
    """In a process of its own, which tells how much memory it took."""
    record_whole_child(benchmark, protocol)
