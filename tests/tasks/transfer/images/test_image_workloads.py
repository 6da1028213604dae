"""What holds for all three workloads on images: the tasks' promises, bits, checkpoints, and what they refuse."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.conformance import check_task, failures
from harness.contracts import ACCURACY, Outcome, Rule, Status
from harness.errors import DataError, ProtocolError, RegistryError
from harness.race.protocols import check_protocol, named
from harness.seeds import derive_seed
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.data.images import ImageData
from harness.tasks.optimizer.building import optimizer_for
from harness.tasks.optimizer.torch_optimizers import torch_optimizer
from harness.tasks.transfer.images.convnet import ConvnetTask
from harness.tasks.transfer.images.nasnet import NasnetTask
from harness.tasks.transfer.images.protocols import IMAGENET, WRN
from harness.tasks.transfer.images.wide_resnet import WideResnetTask
from harness.tasks.transfer.task import WorkloadTask

NAMES = ("convnet", "wrn", "imagenet")
MOMENTUM, NOISY = Rule.parse("m"), Rule.parse("drop(m, 0.3) + noise")


class KillError(BaseException):
    """Stands for a kill: nothing catches it."""


@dataclass(frozen=True)
class Made:
    """A tiny workload."""

    factory: type[WorkloadTask]
    protocol: Any
    data: Any

    def task(self, **settings: Any) -> WorkloadTask:
        return self.factory(self.protocol, self.data, **settings)

    def scored(self, candidate: Any = MOMENTUM, *, seed: int = 3, **settings: Any) -> Outcome:
        (outcome,) = self.task(**settings).evaluate([candidate], seed=seed)
        return replace(outcome, seconds=0.0)


@pytest.fixture(params=NAMES)
def made(request: pytest.FixtureRequest) -> Made:
    kinds = {
        "convnet": (ConvnetTask, "convnet", "small_data"),
        "wrn": (WideResnetTask, "wrn", "data"),
        "imagenet": (NasnetTask, "nasnet", "pictures"),
    }
    factory, protocol, data = kinds[request.param]
    return Made(factory, request.getfixturevalue(protocol), request.getfixturevalue(data))


def test_a_child_learns_and_is_tested(made: Made) -> None:
    outcome = made.scored(test=True)
    assert outcome.status is Status.OK
    assert outcome.learning_rate in made.protocol.learning_rates
    assert outcome.examples == 60 * (1 + made.protocol.epochs)
    assert len(outcome.curve) == made.protocol.epochs
    assert outcome.test is not None
    assert 0.0 <= outcome.test <= 1.0
    assert outcome.test_at_best is not None
    assert replace(outcome, test=None, test_at_best=None) == made.scored(), "a test decides nothing"


def test_training_lowers_the_loss(made: Made) -> None:
    task = made.task()
    with reproducible_arithmetic():
        network = task.workload.start(1)
        optimizer = optimizer_for(Rule.parse("adam"), network, 0.003, seed=0, noise_sigma=0.01)
        epochs = []
        for epoch in range(6):
            losses = []
            for loss in network.losses(epoch):
                losses.append(loss)
                optimizer.step()
            epochs.append(float(np.mean(losses)))
    assert len(losses) == task.workload.steps == 3
    assert task.workload.examples == 60
    assert epochs[-1] < 0.8 * epochs[0]


def test_bits_do_not_depend_on_what_else_drew(made: Made) -> None:
    """Nothing is drawn from a global generator, and none is moved."""
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = torch.get_rng_state()
    first = made.scored(NOISY)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert made.scored(NOISY) == first
    assert made.scored(NOISY, seed=4) != first


@pytest.mark.parametrize(
    ("made", "candidate"),
    [*((name, NOISY) for name in NAMES), ("wrn", torch_optimizer("AdamW"))],
    indirect=["made"],
    ids=[*NAMES, "wrn with AdamW"],
)
def test_a_killed_child_goes_on_to_the_same_bits(made: Made, candidate: Any, tmp_path: Path) -> None:
    whole = made.scored(candidate, test=True)
    epochs = 1 + made.protocol.epochs
    for kill in (1, epochs - 1):
        folder, done = tmp_path / str(kill), [0]

        def watch(_done: int, _total: int, done: list[int] = done, kill: int = kill) -> None:
            done[0] += 1
            if done[0] > kill:
                raise KillError

        with pytest.raises(KillError):
            made.scored(candidate, test=True, checkpoints=folder, watch=watch)
        assert list(folder.iterdir()), "the epochs before are saved"
        assert made.scored(candidate, test=True, checkpoints=folder) == whole


def test_a_network_goes_on_from_its_state(made: Made) -> None:
    """Weights and running means are all that training changes, and a state is a copy."""
    task = made.task()
    with reproducible_arithmetic():
        first, second = task.workload.start(1), task.workload.start(1)
        optimizers = [optimizer_for(MOMENTUM, each, 0.05, seed=0, noise_sigma=0.01) for each in (first, second)]
        for _ in first.losses(0):
            optimizers[0].step()
        state, saved = first.state(), optimizers[0].state_dict()
        second.load(state)
        optimizers[1].load_state_dict(saved)
        assert second.score() == first.score()
        left = [loss for loss in first.losses(1) if optimizers[0].step() is None]
        right = [loss for loss in second.losses(1) if optimizers[1].step() is None]
        assert left == right
        assert all(torch.equal(*pair) for pair in zip(first.parameters, second.parameters, strict=True))
        second.load(state)
        third = task.workload.start(1)
        third.load(state)
        assert second.score() == third.score()
        assert torch.equal(second.parameters[0], third.parameters[0])


def test_layers_are_the_same_memory_as_parameters(made: Made) -> None:
    """A rule steps on one vector, a torch optimizer on layers, and both have the gradients."""
    with reproducible_arithmetic():
        network = made.task().workload.start(1)
        next(iter(network.losses(0)))
    (vector,), layers = network.parameters, network.layers
    assert sum(each.numel() for each in layers) == vector.numel()
    slopes = torch.cat([each.grad.flatten() for each in layers if each.grad is not None])
    assert vector.grad is not None
    assert torch.equal(slopes.abs().sort().values, vector.grad.abs().sort().values)
    with torch.no_grad():
        vector.fill_(0.25)
    assert all(bool((each == 0.25).all()) for each in layers)
    assert any(each.dim() == 4 for each in layers)


def test_a_loss_that_is_not_finite_ends_the_child(made: Made) -> None:
    outcome = made.scored(Rule.parse("exp(1 / g)"))
    assert outcome.status is Status.DIVERGED
    assert outcome.examples < 60 * 2 + 1


def test_it_keeps_every_promise_of_a_task(made: Made) -> None:
    brief = replace(made.protocol, epochs=1, learning_rates=(0.1,), train_examples=20, validation_examples=20)
    found = check_task(made.factory, protocol=brief, data=made.data, rules=4)
    assert failures(found) == []


ELSEWHERE = """
import sys, torch
sys.path.insert(0, {folder!r})
from coloured_images import FEW, coloured
from dataclasses import replace
from harness.contracts import Rule
from harness.tasks.data.images import ImageData
from harness.tasks.transfer.images.protocols import WRN_MINI
from harness.tasks.transfer.images.wide_resnet import WideResnetTask
torch.manual_seed(5)
torch.rand(3)
data = ImageData.of("tiny", train=coloured(100, 32), test=coloured(30, 32, seed=1), source="")
(outcome,) = WideResnetTask(replace(WRN_MINI, **FEW), data).evaluate([Rule.parse("m")], seed=3)
print([each.hex() for each in outcome.curve])
"""


def test_seeded_bits_are_equal_in_two_processes(wrn: Any, data: ImageData) -> None:
    script = ELSEWHERE.format(folder=str(Path(__file__).parents[3] / "support"))
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    (outcome,) = WideResnetTask(wrn, data).evaluate([MOMENTUM], seed=3)
    assert found == str([each.hex() for each in outcome.curve])


def test_the_environment_names_what_bits_depend_on(made: Made) -> None:
    found = made.task(test=True).environment
    needed = {"convnet": {"step", "numba"}, "wrn": {"pytorchcv"}, "imagenet": {"pytorchcv", "pillow"}}
    assert needed[made.factory.name] <= found.keys()
    assert found["threads"] == "1"


def test_initial_weights_and_batches_follow_from_seeds_of_their_own(made: Made) -> None:
    """Weights of one seed are the same whatever the protocol's other numbers; another seed has others."""
    workload = made.task().workload
    first, again, other = (workload.start(seed).parameters[0].clone() for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert derive_seed(1, "weights") != derive_seed(1, "batches", 0)


@pytest.mark.parametrize("name", ["convnet-300", "convnet-300-mini", "wrn", "wrn-mini", "imagenet", "imagenet-mini"])
def test_protocols_are_registered_and_measure_accuracy(name: str) -> None:
    protocol = named(name)
    check_protocol(protocol)
    assert protocol.measured == ACCURACY
    assert len(protocol.learning_rates) == 7


def test_protocols_have_the_papers_sizes() -> None:
    """Protocol §7."""
    counts = [(each.train_examples, each.validation_examples, each.epochs) for each in (named("convnet-300"), WRN)]
    assert counts == [(45_000, 5_000, 300)] * 2
    assert (WRN.depth, WRN.width) == (16, 4)
    assert (IMAGENET.cells, IMAGENET.filters, IMAGENET.side) == (4, 1056, 224)
    assert IMAGENET.train_examples + IMAGENET.validation_examples == 1_281_167


def test_protocols_are_read_without_torch() -> None:
    code = "import sys, harness.tasks.transfer.images.protocols as p; p.WRN.hash; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("made", ["wrn", "imagenet"], indirect=True)
def test_a_missing_library_is_one_clear_line(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def hidden(name: str, package: str | None = None) -> Any:
        return None if name == "pytorchcv" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    with pytest.raises(RegistryError, match=r"expected pytorchcv.* Install it with pip install"):
        made.task()


def refused(build: Callable[[], object], error: type[Exception], pattern: str) -> None:
    with pytest.raises(error, match=pattern) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_data_that_do_not_fit_are_one_clear_line(
    wrn: Any, convnet: Any, nasnet: Any, data: ImageData, small_data: ImageData, pictures: Any
) -> None:
    def many(protocol: Any) -> Any:
        return replace(protocol, train_examples=10_000)

    few = "expected at most 100 images for training and validation, all that tiny has, got 10,040"
    refused(lambda: WideResnetTask(many(wrn), data), ProtocolError, few)
    refused(lambda: ConvnetTask(many(convnet), small_data), ProtocolError, few)
    refused(lambda: NasnetTask(many(nasnet), pictures), ProtocolError, few)
    refused(lambda: WideResnetTask(wrn, small_data), ProtocolError, "images of tiny: expected 32×32 pixels, got 8×8")
    refused(lambda: WideResnetTask(wrn, pictures), ProtocolError, "data 'tiny': expected images .*, got PictureData")
    refused(lambda: ConvnetTask(convnet, pictures), ProtocolError, "data 'tiny': expected images .*, got PictureData")
    refused(lambda: NasnetTask(nasnet, data), ProtocolError, "data 'tiny': expected pictures, got ImageData")


def test_protocols_that_make_no_sense_are_one_clear_line(
    wrn: Any, convnet: Any, nasnet: Any, data: ImageData, small_data: ImageData, pictures: Any
) -> None:
    refused(lambda: WideResnetTask(replace(wrn, depth=12), data), ProtocolError, "depth of protocol 'wrn-tiny'")
    refused(lambda: WideResnetTask(replace(wrn, depth=4), data), ProtocolError, "depth of protocol 'wrn-tiny'")
    refused(
        lambda: ConvnetTask(replace(convnet, batch_size=7), small_data), ProtocolError, "train_examples of protocol"
    )
    refused(lambda: NasnetTask(replace(nasnet, filters=100), pictures), ProtocolError, "filters of protocol")
    refused(lambda: NasnetTask(replace(nasnet, side=16), pictures), ProtocolError, "side of protocol")
    refused(lambda: NasnetTask(replace(nasnet, least_area=0.0), pictures), ProtocolError, "least_area of protocol")


def test_a_damaged_picture_ends_the_run_and_is_no_outcome(nasnet: Any, pictures: Any) -> None:
    class Damaged(type(pictures.train)):  # type: ignore[misc]
        def open(self, place: int) -> Any:
            if place == 70:
                raise OSError("image file is truncated")
            return super().open(place)

    hurt = replace(pictures, train=Damaged(pictures.train.images, pictures.train.labels))
    task = NasnetTask(replace(nasnet, train_examples=80, validation_examples=20), hurt)
    refused(lambda: task.evaluate([MOMENTUM], seed=0), DataError, "picture 70: expected an intact picture, got image")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_child_trains_on_a_gpu_and_resumes_there(made: Made, tmp_path: Path) -> None:
    outcome = made.scored(test=True, device="cuda")
    assert outcome.status is Status.OK
    assert made.scored(test=True, device="cuda", checkpoints=tmp_path) == outcome
    assert made.scored(test=True, device="cuda", checkpoints=tmp_path) == outcome
