"""The fixed child in a record: whatever rounds otherwise gives another digest, and nothing else does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from harness.conformance.elsewhere import in_fresh_process
from harness.contracts import ARITHMETIC, ChildProtocol
from harness.tasks.child import sample
from harness.tasks.child.cpu import kernels, network
from harness.tasks.child.sample import Sample
from harness.tasks.child.scoring import ChildTask
from harness.tasks.child.step import FUSED, PLAIN
from harness.tasks.data.images import ImageData
from harness.tasks.optimizer import kernels as rule_kernels
from harness.tasks.optimizer import update_rule

SMALL = Sample(
    path=FUSED,
    dtype=torch.float32,
    reduced=False,
    device=torch.device("cpu"),
    batch_size=10,
    scored=40,
    side=8,
    channels=3,
    classes=10,
)
CPU_PATHS = {
    "fused": SMALL,
    "plain": dataclasses.replace(SMALL, path=PLAIN),
    "fused, bfloat16": dataclasses.replace(SMALL, reduced=True),
    "plain, bfloat16": dataclasses.replace(SMALL, path=PLAIN, reduced=True),
    "fused, float64": dataclasses.replace(SMALL, dtype=torch.float64),
}
fresh: Callable[[Sample], str] = sample.arithmetic.__wrapped__


@pytest.mark.parametrize("path", CPU_PATHS)
def test_it_is_the_same_again_in_a_thread_and_in_another_process(path: str) -> None:
    here = fresh(CPU_PATHS[path])
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(fresh, CPU_PATHS[path]).result() == here
    assert in_fresh_process(sample.arithmetic, CPU_PATHS[path], timeout_seconds=600.0) == here


def test_each_way_to_compute_has_its_own() -> None:
    sizes = [dataclasses.replace(SMALL, batch_size=20), dataclasses.replace(SMALL, side=12)]
    assert len({sample.arithmetic(each) for each in (*CPU_PATHS.values(), *sizes)}) == len(CPU_PATHS) + 2


@pytest.mark.parametrize(
    ("path", "owner", "name"),
    [
        ("fused", torch, "addmm"),
        ("fused", torch, "log_softmax"),
        ("plain", torch.nn.functional, "max_pool2d"),
        ("plain", torch.nn.functional, "linear"),
        ("fused, bfloat16", torch, "conv2d"),
    ],
)
def test_a_last_bit_shows(path: str, owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, honest = fresh(CPU_PATHS[path]), getattr(owner, name)

    def other(*args: Any, **named: Any) -> Any:
        result = honest(*args, **named)
        odd = torch.arange(result.numel()).reshape(result.shape) % 2
        return result * (1 + odd * torch.finfo(result.dtype).eps).to(result.dtype)

    monkeypatch.setattr(owner, name, other)
    assert fresh(CPU_PATHS[path]) != before


def test_a_last_bit_of_a_sum_in_float64_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is rounded to float32 before it moves a weight, so that a few steps would hide it, and a child would not."""
    before, honest = fresh(SMALL), kernels.add_chosen

    def other(rows: Any, chosen: Any, total: Any) -> None:
        honest(rows, chosen, total)
        total *= 1 + np.finfo(np.float64).eps

    monkeypatch.setattr(network.kernels, "add_chosen", other)
    assert fresh(SMALL) != before


@pytest.mark.parametrize(
    "token", ["exp", "ln", "root", "raised", "plus_eps", "over", "rms", "noise", "mean_v", "unbias_m"]
)
def test_a_last_bit_of_a_primitive_shows(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, honest = fresh(SMALL), rule_kernels.KERNELS[token]

    def other(*args: Any) -> Any:
        result = honest(*args)
        return [part * (1 + 2 * torch.finfo(part.dtype).eps) for part in result]

    monkeypatch.setitem(rule_kernels.KERNELS, token, other)
    update_rule._compiled.cache_clear()
    try:
        assert fresh(SMALL) != before
    finally:
        update_rule._compiled.cache_clear()


def test_the_record_holds_it_and_it_is_computed_once(
    protocol: ChildProtocol, data: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = ChildTask(protocol, data)
    found = task.environment[ARITHMETIC]
    assert found != ChildTask(protocol, data, plain=True).environment[ARITHMETIC]
    monkeypatch.setattr(sample, "digest", lambda _: pytest.fail("computed again"))
    assert ChildTask(protocol, data).environment[ARITHMETIC] == found
