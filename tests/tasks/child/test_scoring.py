from __future__ import annotations

import dataclasses
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.contracts import Block, ChildProtocol, Outcome, Rule, Status, Task
from harness.errors import EngineError, ProtocolError
from harness.race.protocols import child_seed
from harness.tasks.child import scoring
from harness.tasks.child.protocols import PAPER
from harness.tasks.child.scoring import ChildTask
from harness.tasks.child.training import Child
from harness.tasks.data import cifar10
from harness.tasks.data.images import ImageData
from harness.tasks.data.split import split

RULES = tuple(Rule.parse(text) for text in ("g", "m", "drop(adam, 0.3)", "g + noise"))
REAL_ROOT = os.environ.get(cifar10.ROOT_VARIABLE)


@pytest.fixture(scope="module")
def task(protocol: ChildProtocol, data: ImageData) -> ChildTask:
    return ChildTask(protocol, data)


@pytest.fixture(scope="module")
def outcomes(task: ChildTask) -> list[Outcome]:
    return list(task.evaluate(RULES, seed=3))


def timeless(outcome: Outcome) -> Outcome:
    return dataclasses.replace(outcome, seconds=0.0)


def test_a_child_is_swept_then_trained_and_no_epoch_is_trained_twice(
    outcomes: list[Outcome], protocol: ChildProtocol
) -> None:
    for outcome in outcomes:
        assert outcome.status is Status.OK
        assert [rate for rate, _ in outcome.sweep] == list(protocol.learning_rates)
        sweep = dict(outcome.sweep)
        assert outcome.learning_rate is not None
        assert sweep[outcome.learning_rate] == max(sweep.values()) == outcome.curve[0]
        assert len(outcome.curve) == protocol.epochs
        assert outcome.score == outcome.curve[-1]
        assert outcome.examples == (3 + 2) * protocol.train_examples
        assert outcome.seconds > 0
    assert max(outcome.score for outcome in outcomes) > 0.4


def test_the_same_child_has_the_same_outcome_bit_for_bit(
    task: ChildTask, outcomes: list[Outcome], protocol: ChildProtocol, data: ImageData
) -> None:
    # Another order, another number of threads, another task, a task that has travelled.
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for other in (task, ChildTask(protocol, data), pickle.loads(pickle.dumps(task))):
            again = other.evaluate(RULES[::-1], seed=3)[::-1]
            assert list(map(timeless, again)) == list(map(timeless, outcomes))
    finally:
        torch.set_num_threads(threads)


def test_another_seed_is_another_child(task: ChildTask, outcomes: list[Outcome]) -> None:
    other = task.evaluate(RULES, seed=4)
    assert all(a.sweep != b.sweep for a, b in zip(other, outcomes, strict=True))


def test_the_global_generator_is_left_alone(task: ChildTask) -> None:
    before = torch.random.get_rng_state()
    task.evaluate(RULES[-1:], seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_rule_that_diverges_everywhere_scores_chance(protocol: ChildProtocol, data: ImageData) -> None:
    wild = dataclasses.replace(protocol, learning_rates=(1e37, 1e38))
    (outcome,) = ChildTask(wild, data).evaluate([Rule.parse("g")], seed=0)
    assert outcome.status is Status.DIVERGED
    assert (outcome.score, outcome.learning_rate, outcome.curve) == (0.1, None, ())
    assert outcome.sweep == ((1e37, 0.1), (1e38, 0.1))
    assert outcome.examples < 2 * protocol.train_examples


def test_a_learning_rate_that_diverges_does_not_hurt_the_others(protocol: ChildProtocol, data: ImageData) -> None:
    mixed = dataclasses.replace(protocol, learning_rates=(1e-2, 1e38))
    (outcome,) = ChildTask(mixed, data).evaluate([Rule.parse("g")], seed=0)
    assert outcome.status is Status.OK
    assert outcome.learning_rate == 1e-2
    assert outcome.sweep[1] == (1e38, 0.1)


def test_whatever_training_raises_is_an_outcome(task: ChildTask, monkeypatch: pytest.MonkeyPatch) -> None:
    def mismatched(_: object) -> bool:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Child, "train_epoch", mismatched)
    (outcome,) = task.evaluate(RULES[:1], seed=0)
    assert outcome.status is Status.ERROR
    assert (outcome.score, outcome.learning_rate) == (0.1, None)
    assert outcome.message == "RuntimeError: shapes do not match"


def test_an_error_is_charged_the_examples_it_took_and_has_chance_for_a_test_score(
    protocol: ChildProtocol, data: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, epochs = Child.train_epoch, []

    def breaks_later(child: Child) -> bool:
        if len(epochs) == 2:
            raise RuntimeError("shapes do not match")
        epochs.append(child)
        return honest(child)

    monkeypatch.setattr(Child, "train_epoch", breaks_later)
    (outcome,) = ChildTask(protocol, data, test=True).evaluate(RULES[:1], seed=0)
    assert outcome.status is Status.ERROR
    assert (outcome.examples, outcome.test) == (2 * protocol.train_examples, protocol.chance)


@pytest.mark.parametrize("place", ["training", "preparing"])
@pytest.mark.parametrize(
    "failure",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with TORCH_USE_CUDA_DSA"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_a_failure_of_the_machine_is_no_outcome(
    protocol: ChildProtocol, data: ImageData, monkeypatch: pytest.MonkeyPatch, failure: Exception, place: str
) -> None:
    def fails(*_: object, **__: object) -> object:
        raise failure

    monkeypatch.setattr(*((Child, "train_epoch") if place == "training" else (scoring, "starter")), fails)
    with pytest.raises(EngineError, match="child: expected a machine that can train it, got ") as raised:
        ChildTask(protocol, data).evaluate(RULES[:1], seed=0)
    assert "\n" not in str(raised.value)


def test_a_rule_that_refers_to_nothing_is_an_outcome(task: ChildTask) -> None:
    bad, good = task.evaluate([Rule((Block("#1", "g", "id", "id", "mul"),)), RULES[0]], seed=3)
    assert bad.status is Status.ERROR
    assert "#1" in bad.message
    assert good.status is Status.OK


def test_ctrl_c_passes_through(task: ChildTask, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Child, "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        task.evaluate(RULES[:1], seed=0)


def test_progress_is_told_epoch_by_epoch(protocol: ChildProtocol, data: ImageData) -> None:
    told: list[tuple[int, int]] = []
    watched = ChildTask(protocol, data, watch=lambda done, total: told.append((done, total)))
    watched.evaluate(RULES[:1], seed=0)
    assert told == [(60 * epoch, 300) for epoch in range(1, 6)]
    told.clear()
    pickle.loads(pickle.dumps(watched)).evaluate(RULES[:1], seed=0)
    assert told == []


def test_a_protocol_with_rungs_trains_less(protocol: ChildProtocol, data: ImageData) -> None:
    told: list[tuple[int, int]] = []
    cheap = dataclasses.replace(protocol, rungs=(1 / 3, 2 / 3), stops_below=0.3)
    task = ChildTask(cheap, data, watch=lambda done, total: told.append((done, total)))
    good, bad = task.evaluate([Rule.parse("m"), Rule.parse("-m")], seed=3)
    assert good.score > 0.4
    assert len(good.sweep) == 1
    assert good.examples == 240 < (3 + 2) * 60
    assert (240, 240) in told
    assert bad.score < 0.3
    assert (bad.examples, len(bad.curve)) == (120, 1)
    assert told[-1] == (120, 240)


def test_a_task_that_travels_is_light(task: ChildTask, protocol: ChildProtocol) -> None:
    pixels = (protocol.train_examples + protocol.validation_examples) * 8 * 8 * 3
    assert len(pickle.dumps(task)) < pixels + 4_000


def test_what_a_score_depends_on_is_told(task: ChildTask) -> None:
    assert isinstance(task, Task)
    assert task.environment["torch"] == torch.__version__
    assert task.environment["threads"] == "1"
    assert all(isinstance(value, str) for value in task.environment.values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dtype": "float16"}, "float16"),
        ({"rungs": (0.5, 0.25)}, "rising shares"),
        ({"rungs": (0.5, 1.0)}, "rising shares"),
        ({"batch_size": 7}, "a multiple of its batch size, 7"),
        ({"train_examples": 1_000}, "at most 150 images"),
    ],
)
def test_a_protocol_that_does_not_fit_is_refused(
    change: dict[str, object], said: str, protocol: ChildProtocol, data: ImageData
) -> None:
    with pytest.raises(ProtocolError, match=said):
        ChildTask(dataclasses.replace(protocol, **change), data)  # type: ignore[arg-type]


def test_images_that_cannot_be_pooled_twice_are_refused(protocol: ChildProtocol, data: ImageData) -> None:
    odd = dataclasses.replace(data, train_images=np.zeros((150, 10, 10, 3), np.uint8))
    with pytest.raises(ProtocolError, match="multiple of 4"):
        ChildTask(protocol, odd)


@pytest.mark.skipif(not REAL_ROOT, reason=f"{cifar10.ROOT_VARIABLE} names no CIFAR-10")
@pytest.mark.timeout(3600)
def test_sgd_earns_what_the_protocol_says_on_cifar10() -> None:
    assert REAL_ROOT is not None
    real = ChildTask(PAPER, cifar10.load(Path(REAL_ROOT), lambda _: None))
    for outcome in real.evaluate([Rule.parse("g"), Rule.parse("m")], seed=child_seed(0, PAPER)):
        assert abs(outcome.score - 0.55) <= 0.03
        assert outcome.learning_rate == 0.01


class Forbidden:
    """An array that fails the test whoever looks at it."""

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(f"test images were looked at: {name}")

    def __len__(self) -> int:
        raise AssertionError("test images were counted")


@pytest.mark.parametrize("plain", [False, True], ids=["fused", "plain"])
def test_a_search_cannot_see_the_test_images(protocol: ChildProtocol, data: ImageData, plain: bool) -> None:
    blind = dataclasses.replace(data, test_images=Forbidden(), test_labels=Forbidden())  # type: ignore[arg-type]
    (outcome,) = ChildTask(protocol, blind, plain=plain).evaluate(RULES[:1], seed=3)
    assert outcome.test is None
    assert timeless(outcome) == timeless(ChildTask(protocol, data, plain=plain).evaluate(RULES[:1], seed=3)[0])


def test_the_test_images_travel_with_a_confirmation_alone(protocol: ChildProtocol, data: ImageData) -> None:
    image = data.test_images[0].tobytes()
    assert image not in pickle.dumps(ChildTask(protocol, data))
    assert image in pickle.dumps(ChildTask(protocol, data, test=True))


@pytest.mark.parametrize("plain", [False, True], ids=["fused", "plain"])
def test_a_confirmation_adds_the_test_score_and_changes_nothing(
    protocol: ChildProtocol, data: ImageData, plain: bool
) -> None:
    search, confirming = ChildTask(protocol, data, plain=plain), ChildTask(protocol, data, plain=plain, test=True)
    untested, tested = search.evaluate(RULES, seed=3), confirming.evaluate(RULES, seed=3)
    assert [timeless(dataclasses.replace(each, test=None)) for each in tested] == list(map(timeless, untested))
    assert all(each.test is not None and 0.1 < each.test <= 1 for each in tested)
    again = pickle.loads(pickle.dumps(confirming)).evaluate(RULES, seed=3)
    assert [each.test for each in again] == [each.test for each in tested]
    extra = {"test images": str(len(data.test_labels))}
    assert dict(confirming.environment) == dict(search.environment) | extra


@pytest.mark.parametrize("plain", [False, True], ids=["fused", "plain"])
def test_the_test_score_is_the_accuracy_on_the_test_images(
    protocol: ChildProtocol, data: ImageData, plain: bool
) -> None:
    # Those that are the validation set have its score, however it is normalised; with wrong labels, none is right.
    _, validation = split(protocol, data)
    images, labels = data.train_images[validation], data.train_labels[validation]
    same = dataclasses.replace(data, test_images=images, test_labels=labels)
    (outcome,) = ChildTask(protocol, same, plain=plain, test=True).evaluate(RULES[:1], seed=3)
    assert outcome.test == outcome.score
    right = round(outcome.score * len(labels))
    absent = dataclasses.replace(same, test_labels=np.full_like(labels, 11))
    (wrong,) = ChildTask(protocol, absent, plain=plain, test=True).evaluate(RULES[:1], seed=3)
    assert right > 0
    assert (wrong.score, wrong.test) == (outcome.score, 0.0)


def test_a_data_set_without_test_images_is_scored_on_validation_alone(protocol: ChildProtocol, data: ImageData) -> None:
    bare = dataclasses.replace(data, test_images=data.test_images[:0], test_labels=data.test_labels[:0])
    task = ChildTask(protocol, bare, test=True)
    assert "test images" not in task.environment
    assert task.evaluate(RULES[:1], seed=3)[0].test is None
