"""compile=True on values that are no ordinary numbers: NaN, infinities, zeros of both signs, denormals, the largest.

What is NaN, infinite or zero by the ordinary step is so by the fused one, for every word of the language.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from harness.contracts import Rule
from harness.space.equivalence import canonical
from harness.space.expression import decays
from harness.space.torch_source.optimizer import optimizer_source
from harness.space.vocabulary import ALL_BINARY, ALL_OPERANDS, ALL_UNARY
from harness.tasks.optimizer import fusion
from harness.tasks.optimizer.update_rule import RuleOptimizer

COMPILER = os.environ.get("CXX", "g++")
needs_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"no C++ compiler {COMPILER!r} here")

OPERANDS = [f"{operand} 1 id id left" for operand in ALL_OPERANDS]
# Of what both compute without rounding differently: a logarithm near 1 would magnify that.
UNARY = [f"{operand} 1 {unary} id left" for unary in ALL_UNARY for operand in ("g", "1e-1w", "2")]
PAIRS = [("g", "1e-1w"), ("1e-1w", "g"), ("g", "g2"), ("g", "2"), ("2", "g"), ("1", "1e-1w")]
BINARY = [f"{left} {right} id id {binary}" for binary in ALL_BINARY for left, right in PAIRS]
# Numbers that are infinite, NaN (infinite, divided by itself), 0, e^-2, and too large for half precision alone.
HUGE = "2 2 exp exp pow #1 #1 exp id left"
NUMBERS = [f"{HUGE} {block}" for block in ("#2 g id id mul", "#2 g id id div", "g #2 id id div", "#2 g id id pow")]
NUMBERS += [f"{HUGE} #2 #2 id id div #3 g id id {binary}" for binary in ("mul", "div", "pow")]
NUMBERS += [f"ld rd {unary} id {binary} #1 g id id mul" for unary in ALL_UNARY for binary in ALL_BINARY]
NUMBERS += [f"{left} {right} exp id {binary}" for left, right in (("cd", "g"), ("g", "cd")) for binary in ALL_BINARY]
NUMBERS += ["1 1 id id sub #1 sign(g) id id pow", "2 2 neg id left #1 #1 exp id left #2 g id id div"]
LARGE = "1 1 exp id left #1 #1 exp id left #2 #2 exp id left"
NUMBERS += [f"{LARGE} {block}" for block in ("#3 g id id mul", "#3 g id id div", "#3 g id id pow")]


def kinds(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Weights and gradients: every pair of special and ordinary values."""
    info = torch.finfo(dtype)
    values = [0.0, 1.0, 0.5, 3.0, 30.0, 100.0, 1e-5, 1e-3, info.max / 3, info.max**0.5 / 1.5, info.max**0.5 * 1.5]
    values += [1e4 * info.tiny**0.5, info.tiny, info.tiny / 8, float("inf")]
    values += [info.max] if dtype.itemsize > 2 else []  # half of its last digit decides whether 0.1 · max / 0.1 is so
    each = torch.tensor([*values, *(-value for value in values), float("nan")], dtype=torch.float64).to(dtype)
    weights, gradients = torch.cartesian_prod(each, each).unbind(1)
    return weights.contiguous(), gradients.contiguous()


def stepped(rule: Rule, dtype: torch.dtype, build: Any = RuleOptimizer, **settings: Any) -> list[Tensor]:
    """The weights after each of two steps that both begin at the same ones, and the running means."""
    start, gradients = kinds(dtype)
    param = start.clone()
    optimizer = build([param], rule=rule, lr=1.0, total_steps=3, **settings)
    ends = []
    for _ in range(2):
        param.copy_(start)
        param.grad = gradients.clone()
        optimizer.step()
        ends.append(param.clone())
    return ends + [optimizer.state[param][name] for name in ("m", "v", "gamma") if name in optimizer.state[param]]


def check_alike(rule: Rule, ordinary: Tensor, fused: Tensor) -> None:
    """NaN and infinities at the same places, zeros of one sign, and the rest but for rounding."""
    info, (start, gradients) = torch.finfo(ordinary.dtype), kinds(ordinary.dtype)
    assert torch.equal(ordinary.isnan(), fused.isnan()), rule.infix
    for infinite in (float("inf"), -float("inf")):
        assert torch.equal(ordinary == infinite, fused == infinite), rule.infix
    zeros = (ordinary == 0) & (fused == 0) & _plain(start) & _plain(gradients)
    assert torch.equal(ordinary[zeros].signbit(), fused[zeros].signbit()), rule.infix
    finite = ordinary.isfinite()
    one, other, weight = (each[finite].double() for each in (ordinary, fused, start))
    half = ordinary.dtype.itemsize == 2  # there a number of the rule may be rounded, too
    smallest = info.tiny * info.eps * (8 if half else 1e4)  # bias correction divides by 0.001
    slack = (
        (0.2 if half else 16 * info.eps) * one.abs() + 16 * info.eps * weight.abs().nan_to_num(posinf=0.0) + smallest
    )
    assert ((one - other).abs() <= slack).all(), rule.infix


def _plain(values: Tensor) -> Tensor:
    """Where no product becomes too small: rounding decides then whether a zero has a sign."""
    sizes = values.abs()
    return (sizes == 0) | sizes.isinf() | ((sizes >= 0.5) & (sizes <= 100))


@pytest.fixture(autouse=True)
def _small_tensors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion, "LEAST_ENTRIES", 0)


@pytest.mark.parametrize("settings", [{}, {"eps": 0.0}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_every_word_by_the_formulas_as_they_are_written(
    dtype: torch.dtype, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda graph, **_: graph)
    for rule in map(Rule.parse, (*OPERANDS, *UNARY, *BINARY, *NUMBERS)):
        pairs = zip(stepped(rule, dtype, **settings), stepped(rule, dtype, compile=True, **settings), strict=True)
        for ordinary, fused in pairs:
            check_alike(rule, ordinary, fused)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_word_as_exported_to_the_bit(dtype: torch.dtype) -> None:
    def exported(params: list[Tensor], rule: Rule, lr: float, total_steps: int) -> Optimizer:
        module: dict[str, Any] = {}
        exec(optimizer_source(rule, name="Exported"), module)
        timed = {"total_steps": total_steps} if decays(canonical(rule)) else {}
        optimizer: Optimizer = module["Exported"](params, lr, **timed)
        return optimizer

    for rule in map(Rule.parse, (*OPERANDS, *UNARY, *BINARY, *NUMBERS)):
        for ours, theirs in zip(stepped(rule, dtype), stepped(rule, dtype, exported), strict=True):
            assert torch.equal(ours.isnan(), theirs.isnan()), rule.infix
            assert torch.equal(ours.nan_to_num(nan=0.5), theirs.nan_to_num(nan=0.5)), rule.infix
            numbers = ~ours.isnan()
            assert torch.equal(ours[numbers].signbit(), theirs[numbers].signbit()), rule.infix


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_every_word_compiled(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rules are one function for the compiler, since it takes seconds for each."""
    if dtype.itemsize == 2 and fusion._options(dtype) is None:
        pytest.skip("this torch cannot round after every operation, and half precision takes the ordinary path")
    told: list[dict[str, Any]] = []
    steps: list[tuple[Callable[..., Any], tuple[Tensor, ...]]] = []

    def collected(graph: Callable[..., Any], **options: Any) -> Callable[..., None]:
        told.append(options)
        return lambda *arguments: steps.append((graph, arguments))

    start, gradients = kinds(dtype)
    words = [f"2 1e-1w {unary} {unary} sub" if unary == "exp" else f"1e-1w 1 {unary} id left" for unary in ALL_UNARY]
    words += [f"g 1e-1w id id {binary}" for binary in ALL_BINARY] + ["2 g id id div", "g 2 id id pow", "2 g id id pow"]
    ends = []
    with monkeypatch.context() as patched:
        patched.setattr(torch, "compile", collected)
        for rule in map(Rule.parse, (*OPERANDS, *words)):
            params = [start.clone(), start.clone()]
            for param, compiled in zip(params, (False, True), strict=True):
                param.grad = gradients
                RuleOptimizer([param], rule, 1.0, total_steps=3, compile=compiled).step()
            ends.append((rule, *params))

    def step(*arguments: Tensor) -> None:
        place = 0
        for graph, own in steps:
            graph(*arguments[place : place + len(own)])
            place += len(own)

    torch._dynamo.reset()
    torch.compile(step, **told[0])(*(tensor for _, own in steps for tensor in own))
    for rule, ordinary, fused in ends:
        check_alike(rule, ordinary, fused)


def test_half_precision_takes_the_ordinary_path_where_the_compiler_cannot_round_as_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch._inductor, "list_options", lambda: ["cpp.dynamic_threads"])
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))
    ordinary, fused = (stepped(Rule.parse("adam"), torch.float16, compile=compiled) for compiled in (False, True))
    for one, other in zip(ordinary, fused, strict=True):
        assert torch.equal(one.nan_to_num(nan=0.5), other.nan_to_num(nan=0.5))
