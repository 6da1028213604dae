"""compile=True: the ordinary path's weights but for rounding where a compiler works, and exactly where none does."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.optim import lr_scheduler

from harness.contracts import Rule
from harness.space.grammar import Space
from harness.space.zoo import ZOO
from harness.tasks.optimizer import fusion
from harness.tasks.optimizer.update_rule import RuleOptimizer

RANDOM_RULES = ["drop(m, 0.3) * exp(1e-3w)", "g + noise * drop(v, 0.1)", "drop(noise, 0.5) + drop(1, 0.1)"]
TIMED_RULES = ["anneal * ld + drop(rd, 0.3) * m", "exp(exp(cd)) * g - ld ^ g", "g / ld + rd / v + g ^ cd"]
SHAPES = [(5,), (40, 30), (), (1,), (4, 3, 2, 2)]
COMPILER = os.environ.get("CXX", "g++")
needs_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"no C++ compiler {COMPILER!r} here")


@pytest.fixture(autouse=True)
def _small_tensors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion, "LEAST_ENTRIES", 0)


def uncompiled(graph: Any, **_: Any) -> Any:
    """Stands for ``torch.compile``: the formulas as they are written."""
    return graph


def weights(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    params = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in SHAPES]
    if params[-1].dim() == 4:
        params[-1] = params[-1].to(memory_format=torch.channels_last)
    return params


def train(params: list[Tensor], optimizer: RuleOptimizer, steps: range = range(5)) -> None:
    """Gradients with zeros; the second parameter misses one, so that bias corrections differ within a bucket."""
    for step in steps:
        generator = torch.Generator().manual_seed(100 + step)
        for place, param in enumerate(params):
            grad = torch.randn(param.shape, generator=generator, dtype=torch.float64).to(param.dtype)
            param.grad = None if (step, place) == (1, 1) else grad.masked_fill_(grad.abs() < 0.05, 0.0)
        optimizer.step()


def both(rule: Rule | str, dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], list[Tensor]]:
    """The weights after five steps of the ordinary path, and with ``compile=True``."""
    ends = []
    for compiled in (False, True):
        params = weights(dtype)
        train(params, RuleOptimizer(params, rule, 1e-2, total_steps=4, compile=compiled))
        ends.append(params)
    return ends[0], ends[1]


def assert_close(ours: list[Tensor], theirs: list[Tensor], *, tolerance: float) -> None:
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)


@pytest.mark.parametrize(
    "rule", [*sorted(ZOO), *RANDOM_RULES, *TIMED_RULES, "2 - 1", "log(2) ^ g", "g / 1", "m + v * gamma"]
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_formulas_are_those_of_the_ordinary_path(
    rule: str, dtype: torch.dtype, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", uncompiled)
    ordinary, fused = both(rule, dtype)
    assert_close(fused, ordinary, tolerance=tolerance)


@pytest.mark.parametrize("edition", ["icml2017", "arxiv2", "decays"])
def test_the_formulas_of_random_rules(edition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", uncompiled)
    space, rng = Space.of(edition, blocks=2), np.random.default_rng(3)
    compared = 0
    for _ in range(15):
        rule = space.sample(rng)
        ordinary, fused = weights(), weights()
        optimizers = [
            RuleOptimizer(params, rule, 1e-2, total_steps=3, compile=compiled)
            for params, compiled in ((ordinary, False), (fused, True))
        ]
        for step in range(3):
            for params, optimizer in zip((ordinary, fused), optimizers, strict=True):
                train(params, optimizer, range(step, step + 1))
            if not all(bool((param.abs() < 1e6).all()) for param in ordinary):
                break  # the weights explode, and rounding decides what is left when they cancel
            assert_close(fused, ordinary, tolerance=1e-9)
            compared += 1
    assert compared > 15


@pytest.mark.parametrize("rule", ["adam", *RANDOM_RULES])
def test_all_tensors_in_one_call(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a device that is no processor."""
    calls = []

    def counting(graph: Any, **_: Any) -> Callable[..., Any]:
        return lambda *arguments: (calls.append(len(arguments)), graph(*arguments))

    monkeypatch.setattr(torch, "compile", counting)
    monkeypatch.setattr(fusion, "_alone", lambda _bucket: False)
    ordinary, fused = both(rule)
    assert len(calls) == 5
    assert_close(fused, ordinary, tolerance=1e-12)


@needs_compiler
@pytest.mark.parametrize("rule", ["adam * exp(-m)", RANDOM_RULES[1], TIMED_RULES[0]])
def test_compiled_steps_agree_with_ordinary_ones(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "SHAPES", [(5,), (40, 30), (7, 9)])
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        ordinary, fused = both(rule, torch.float32)
    assert_close(fused, ordinary, tolerance=1e-5)


@needs_compiler
def test_a_scheduler_and_groups_compile_once() -> None:
    torch._dynamo.reset()
    ends = []
    for compiled in (False, True):
        generator = torch.Generator().manual_seed(0)
        params = [torch.randn(size, generator=generator) for size in (300, 200, 7)]
        groups = [
            {"params": params[:1], "lr": 0.1},
            {"params": params[1:], "lr": 0.01, "betas": (0.5, 0.9, 0.9), "eps": 1e-3},
        ]
        optimizer = RuleOptimizer(groups, "adam", compile=compiled)
        scheduler = lr_scheduler.ExponentialLR(optimizer, 0.9)
        counted = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        for _ in range(6):
            for param in params:
                param.grad = torch.randn(param.shape, generator=generator)
            optimizer.step()
            scheduler.step()
        ends.append(params)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] - counted == 1
    assert_close(ends[1], ends[0], tolerance=1e-5)


@pytest.mark.parametrize("rule", ["adam", *RANDOM_RULES])
@pytest.mark.parametrize("works_for", [0, 2])
def test_without_a_compiler_one_warning_and_every_step_once(
    rule: str, works_for: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may fail at the first tensor, or at a later one of another kind, when some have taken the step."""
    calls = 0

    def breaking(graph: Any, **_: Any) -> Callable[..., Any]:
        def call(*arguments: Tensor) -> None:
            nonlocal calls
            calls += 1
            if calls > works_for:
                raise RuntimeError("no compiler here\nand much more")
            graph(*arguments)

        return call

    monkeypatch.setattr(torch, "compile", breaking)
    with pytest.warns(RuntimeWarning, match=r"RuntimeError: no compiler here\)\. .* Install a C\+\+") as heard:
        ordinary, fallen = both(rule)
    assert len(heard) == 1
    assert calls == works_for + 1
    assert_close(fallen, ordinary, tolerance=0.0 if works_for == 0 else 1e-12)


def test_a_toolchain_that_is_not_there(tmp_path: Path) -> None:
    script = """
import torch, warnings
from harness.tasks.optimizer.update_rule import RuleOptimizer

ends = []
for compiled in (False, True):
    param = torch.ones(300, 300)
    optimizer = RuleOptimizer([param], "adam + drop(g, 0.3)", 0.1, compile=compiled)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for _ in range(2):
            param.grad = torch.full((300, 300), 0.5)
            optimizer.step()
    ends.append(param)
assert torch.equal(*ends)
print(*(str(each.message) for each in heard if each.category is RuntimeWarning), sep="\\n")
"""
    environment = os.environ | {"CXX": str(tmp_path / "nothing"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment | {"PYTHONPATH": str(Path(fusion.__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (warning,) = done.stdout.splitlines()
    assert "pass compile=False" in warning


def test_running_out_of_memory_is_not_the_compilers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: full)
    with pytest.raises(torch.OutOfMemoryError):
        both("adam")


@pytest.mark.parametrize("rule", ["adam", RANDOM_RULES[0]])
@pytest.mark.parametrize("first", [True, False])
def test_a_state_goes_from_one_path_to_the_other(rule: str, first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", uncompiled)
    whole, params = weights(), weights()
    train(whole, RuleOptimizer(whole, rule, 1e-2), range(10))
    before = RuleOptimizer(params, rule, 1e-2, compile=first)
    train(params, before, range(5))
    after = RuleOptimizer(params, rule, 1e-2, compile=not first)
    after.load_state_dict(before.state_dict())
    train(params, after, range(5, 10))
    assert_close(params, whole, tolerance=1e-12)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
def test_copies_and_pickles_compile_too(clone: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    compilations = 0

    def counting(graph: Any, **_: Any) -> Any:
        nonlocal compilations
        compilations += 1
        return graph

    monkeypatch.setattr(torch, "compile", counting)
    params = weights()
    optimizer = RuleOptimizer(params, RANDOM_RULES[0], 1e-2, compile=True)
    train(params, optimizer)
    twins, its_optimizer = clone((params, optimizer))
    train(params, optimizer, range(5, 8))
    train(twins, its_optimizer, range(5, 8))
    assert compilations == 2
    assert_close(twins, params, tolerance=0.0)


def test_small_and_stacked_parameters_take_the_ordinary_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))
    stack = torch.ones(3, 4)
    stack.grad = torch.ones(3, 4)
    RuleOptimizer([stack], "adam", torch.tensor([[0.1], [0.2], [0.3]]), compile=True).step()
    torch.testing.assert_close(stack[:, 0], torch.tensor([0.9, 0.8, 0.7]))
    monkeypatch.setattr(fusion, "LEAST_ENTRIES", 1 << 15)
    ordinary, small = both("adam + noise")
    assert_close(small, ordinary, tolerance=0.0)
