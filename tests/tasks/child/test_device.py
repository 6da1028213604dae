"""Children on a GPU, where there is one; and what is said where there is none."""

from __future__ import annotations

import dataclasses
import gc
import statistics
import warnings
from contextlib import nullcontext

import pytest
import torch
from typer.testing import CliRunner

from harness.cli.main import app
from harness.contracts import ARITHMETIC, ChildProtocol, Rule
from harness.errors import EngineError, HarnessError, SettingError
from harness.race.engines.engine import TaskSpec, build_task
from harness.tasks.child import device, sample
from harness.tasks.child import step as paths
from harness.tasks.child.scoring import ChildTask
from harness.tasks.child.stacked import captured
from harness.tasks.child.step import BATCHED, PLAIN, STACKED
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.data.images import ImageData
from harness.tasks.toy import QuadraticTask
from harness.tasks.toy.protocols import TOY_QUADRATIC

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
needs_none = pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")


@pytest.mark.parametrize("name", ["tpu", "mps", "meta", "", "cuda:x"])
def test_a_device_that_children_cannot_train_on_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match="device: expected cpu, or cuda if there is a GPU"):
        device.checked(name)


@needs_none
def test_a_gpu_that_is_not_there_is_refused_in_one_line(protocol: ChildProtocol, data: ImageData) -> None:
    with pytest.raises(SettingError, match="finds no GPUs"):
        ChildTask(protocol, data, device="cuda")
    shown = CliRunner().invoke(app, ["rule", "score", "g", "--data", "synthetic", "--device", "cuda"])
    assert isinstance(shown.exception, HarnessError)
    assert "--device" in str(shown.exception)


def test_a_task_that_knows_no_device_says_so() -> None:
    with pytest.raises(EngineError, match="device of task 'toy-quadratic': expected cpu, got cuda"):
        build_task(QuadraticTask, TOY_QUADRATIC, None, device="cuda")
    assert TaskSpec(task="toy-quadratic", protocol=TOY_QUADRATIC).build().environment["device"] == "cpu"


def test_exact_arithmetic_is_put_back_as_it_was() -> None:
    def state() -> tuple[bool, ...]:
        cudnn = torch.backends.cudnn
        deterministic = torch.are_deterministic_algorithms_enabled()
        return (torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, deterministic)

    before = state()
    with reproducible_arithmetic(torch.device("cuda")):
        assert state() == (False, False, False, True)
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert state() == before


def test_children_train_on_the_gpu_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton launches kernels on the current one."""
    entered: list[torch.device] = []

    def current(chosen: torch.device) -> nullcontext[None]:
        entered.append(chosen)
        return nullcontext()

    monkeypatch.setattr(torch.cuda, "device", current)
    for name in ("cpu", "cuda", "cuda:1"):
        with reproducible_arithmetic(torch.device(name)):
            pass
    assert entered == [torch.device("cuda:1")]


@needs_cuda
@pytest.mark.parametrize("step", [PLAIN, STACKED])
def test_rewards_on_a_gpu_are_the_processors_but_for_noise(protocol: ChildProtocol, data: ImageData, step: str) -> None:
    """Ten seeds: the mean difference stays within three standard errors; one in 100 sound machines fails by chance."""
    rules = [Rule.parse("m")]
    here = ChildTask(protocol, data, plain=True)
    there = ChildTask(protocol, data, device="cuda", plain=step == PLAIN)
    differences = [
        there.evaluate(rules, seed=seed)[0].score - here.evaluate(rules, seed=seed)[0].score for seed in range(10)
    ]
    error = statistics.stdev(differences) / 10**0.5
    assert abs(statistics.fmean(differences)) <= 3 * max(error, 0.005)
    assert there.environment["device"] != here.environment["device"]
    assert there.environment["step"] == step


@needs_cuda
@pytest.mark.parametrize("plain", [True, False])
def test_a_child_on_a_gpu_is_the_same_twice(protocol: ChildProtocol, data: ImageData, plain: bool) -> None:
    rules = [Rule.parse(text) for text in ("m", "drop(adam, 0.3)", "g + noise")]
    one, other = (ChildTask(protocol, data, device="cuda", plain=plain).evaluate(rules, seed=3) for _ in range(2))
    for first, second in zip(one, other, strict=True):
        assert dataclasses.replace(first, seconds=0.0) == dataclasses.replace(second, seconds=0.0)


@needs_cuda
@pytest.mark.parametrize("step", [STACKED, BATCHED])
def test_a_captured_step_has_the_bits_of_one_that_is_launched(
    protocol: ChildProtocol, data: ImageData, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if step == BATCHED:
        monkeypatch.setattr(paths, "stacks", lambda *_, **__: False)
    rules = [Rule.parse(text) for text in ("m", "drop(adam, 0.3)", "exp(exp(g)) * exp(exp(g))", "g + noise")]
    task = ChildTask(protocol, data, device="cuda")
    assert task.environment["step"] == step
    with warnings.catch_warnings(action="error"):  # none says that it cannot be captured
        replayed = task.evaluate(rules, seed=3)
    monkeypatch.setattr(captured.CapturedStep, "__call__", lambda self: self._step())
    for one, other in zip(replayed, ChildTask(protocol, data, device="cuda").evaluate(rules, seed=3), strict=True):
        assert dataclasses.replace(one, seconds=0.0) == dataclasses.replace(other, seconds=0.0)


@needs_cuda
def test_garbage_that_holds_graphs_spoils_no_capture(protocol: ChildProtocol, data: ImageData) -> None:
    task, before = ChildTask(protocol, data, device="cuda"), gc.get_threshold()
    gc.set_threshold(5)  # so that Python would collect within every capture
    try:
        with warnings.catch_warnings(action="error"):
            for seed in range(3):
                kept: list[object] = [torch.cuda.CUDAGraph()]
                kept.append(kept)
                del kept
                task.evaluate([Rule.parse("m"), Rule.parse("g / v")], seed=seed)
    finally:
        gc.set_threshold(*before)


@needs_cuda
def test_the_record_tells_how_a_gpu_rounds_and_the_same_twice(protocol: ChildProtocol, data: ImageData) -> None:
    here, there = ChildTask(protocol, data, plain=True), ChildTask(protocol, data, device="cuda")
    assert here.environment[ARITHMETIC] != there.environment[ARITHMETIC]
    assert sample.arithmetic.__wrapped__(there._sample(there._path)) == there.environment[ARITHMETIC]
