"""What a rule computes: against protocol §1 written out in numpy, and how many operations it takes."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils._python_dispatch import TorchDispatchMode

from harness.contracts import Rule
from harness.space.expression import expression
from harness.space.grammar import Space
from harness.space.node import Node, constant
from harness.space.vocabulary import EDITIONS
from harness.space.zoo import ZOO
from harness.tasks.optimizer.decays import Progress
from harness.tasks.optimizer.kernels import Bucket
from harness.tasks.optimizer.program import compile_rule
from harness.tasks.optimizer.update_rule import RuleOptimizer

Array = NDArray[np.float64]
SHAPES = [(3, 4), (5,), ()]
SIZES = [12, 5, 1]
RATE = 1e-3
BETAS = (0.9, 0.999, 0.999)
TOTAL, PERIODS = 4, 3  # of a training that goes on for two steps more

BINARY: dict[str, Callable[[Array, Array, float], Array]] = {
    "add": lambda x, y, _: x + y,
    "sub": lambda x, y, _: x - y,
    "mul": lambda x, y, _: x * y,
    "div": lambda x, y, eps: x / (y + eps),
    "left": lambda x, _, __: x,
    "pow": lambda x, y, _: np.sign(x) * np.abs(x) ** y,
}
UNARY: dict[str, Callable[[Array, float], Array]] = {
    "id": lambda x, _: x,
    "neg": lambda x, _: -x,
    "exp": lambda x, _: np.exp(x),
    "log": lambda x, eps: np.log(np.abs(x) + eps),
    "clip5": lambda x, _: np.clip(x, -1e-5, 1e-5),
    "clip4": lambda x, _: np.clip(x, -1e-4, 1e-4),
    "clip3": lambda x, _: np.clip(x, -1e-3, 1e-3),
    "sign": lambda x, _: np.sign(x),
    "sqrt": lambda x, _: np.sqrt(np.abs(x)),
}


class BesideLess(float):
    """An ε that is added to what is below 1 in size alone, as keys have it (``vocabulary.with_epsilon``)."""

    def __radd__(self, other: Any) -> Any:
        return np.where(np.abs(other) < 1.0, other + float(self), other)

    __array_ufunc__ = None  # NumPy leaves the sum to us


def literally(rule: Rule, gradients: Iterable[Array], weights: Array, eps: float = 1e-8) -> Iterator[Array]:
    """Protocol §1 block by block, without expressions or torch: yield Δ for each gradient, then move ``weights``."""
    means = [np.zeros_like(weights) for _ in BETAS]
    for step, g in enumerate(gradients, start=1):
        for power, (mean, beta) in enumerate(zip(means, BETAS, strict=True), start=1):
            mean *= beta
            mean += (1 - beta) * g**power
        m, v, gamma = (mean / (1 - beta**step) for mean, beta in zip(means, BETAS, strict=True))
        bank = {"g": g, "g2": g**2, "g3": g**3, "m": m, "v": v, "gamma": gamma}
        bank |= {"sign(g)": np.sign(g), "sign(m)": np.sign(m), "1": np.ones_like(g), "2": np.full_like(g, 2.0)}
        bank |= {f"1e-{power}w": 10.0**-power * weights for power in range(1, 5)}
        bank |= {"adam": m / (np.sqrt(v) + eps), "rmsprop": g / (np.sqrt(v) + eps)}
        t = min(step - 1, TOTAL)
        decays = {"ld": 1 - t / TOTAL, "cd": (1 + np.cos(np.pi * t / TOTAL)) / 2}
        decays["rd"] = (1 + np.cos(np.pi * ((PERIODS * t) % TOTAL) / TOTAL)) / 2
        bank |= {name: np.full_like(g, value) for name, value in decays.items()}
        delta = g
        for number, block in enumerate(rule.blocks, start=1):
            left, right = UNARY[block.u1](bank[block.op1], eps), UNARY[block.u2](bank[block.op2], eps)
            delta = bank[f"#{number}"] = BINARY[block.binary](left, right, eps)
        yield delta
        weights -= RATE * delta


def tensors(flat: Array) -> list[torch.Tensor]:
    parts = np.split(flat.copy(), np.cumsum(SIZES)[:-1])
    return [torch.from_numpy(part).view(shape) for part, shape in zip(parts, SHAPES, strict=True)]


def deterministic_rules(edition: str, blocks: int, count: int) -> list[Rule]:
    words = EDITIONS[edition]
    space = Space.of(
        edition,
        blocks=blocks,
        operands=tuple(word for word in words.operands if word not in ("noise", "anneal")),
        unary=tuple(word for word in words.unary if not word.startswith("drop")),
        distinct_operands=False,
        last_not_add=False,
        connected=False,
    )
    rng = np.random.default_rng([blocks, len(edition)])
    return [space.sample(rng) for _ in range(count)]


def gradients_and_weights(seed: int) -> tuple[list[Array], Array]:
    """Six gradients of any size, each with exact zeros, and weights."""
    rng = np.random.default_rng(seed)
    gradients = [rng.normal(size=sum(SIZES)) * 10.0 ** rng.uniform(-3, 1) for _ in range(6)]
    for gradient in gradients:
        gradient[rng.integers(0, sum(SIZES), 2)] = 0.0
    return gradients, rng.normal(size=sum(SIZES))


def by_optimizer(rule: Rule, gradients: list[Array], weights: Array) -> Iterator[Array]:
    params = tensors(weights)
    optimizer = RuleOptimizer(params, rule, RATE, total_steps=TOTAL, rd_periods=PERIODS)
    for gradient in gradients:
        before = torch.cat([param.flatten() for param in params])
        for param, part in zip(params, tensors(gradient), strict=True):
            param.grad = part
        optimizer.step()
        yield ((before - torch.cat([param.flatten() for param in params])) / RATE).numpy()


def by_program(rule: Rule, gradients: list[Array], weights: Array) -> Iterator[Array]:
    """The literal expression, dead branches and all, through the compiler alone."""
    program, params = compile_rule(expression(rule)), tensors(weights)
    means = {name: [torch.zeros_like(param) for param in params] for name in ("m", "v", "gamma")}
    for step, gradient in enumerate(gradients, start=1):
        bucket = Bucket(
            params=params,
            grads=tensors(gradient),
            means=means,
            decays=dict(zip(means, BETAS, strict=True)),
            steps=[step] * len(params),
            eps=1e-8,
            noise_sigma=0.0,
            generator=torch.Generator,
            progress=Progress(step - 1, TOTAL, PERIODS),
        )
        delta = program.run(bucket)
        parts = [torch.full_like(p, delta) for p in params] if isinstance(delta, float) else delta
        yield torch.cat([part.flatten() for part in parts]).numpy()
        torch._foreach_add_(params, parts, alpha=-RATE)


@pytest.mark.parametrize("run", [by_optimizer, by_program])
@pytest.mark.parametrize(("edition", "blocks"), list(itertools.product(EDITIONS, range(1, 5))))
def test_random_rules_follow_the_protocol_to_the_letter(
    run: Callable[[Rule, list[Array], Array], Iterator[Array]], edition: str, blocks: int
) -> None:
    for seed, rule in enumerate(deterministic_rules(edition, blocks, 60)):
        gradients, weights = gradients_and_weights(seed)
        ours = run(rule, gradients, weights)
        with np.errstate(all="ignore"):
            # How far rounding may carry: 1/log(adam) is 1/log(1) but for ε at the first step.
            nearby = literally(rule, [g * (1 + 1e-12) for g in gradients], weights.copy(), eps=1e-8 * (1 + 1e-6))
            theirs = literally(rule, gradients, moving := weights.copy())
            as_in_keys = literally(rule, gradients, weights.copy(), eps=BesideLess(1e-8))
            for one, other, near, keyed in zip(ours, theirs, nearby, as_in_keys, strict=True):
                if not np.isfinite(other).all():
                    break  # where a child ends; what is beyond overflow may depend on the order of operations
                size = np.abs(moving) / RATE * 1e-12 if run is by_optimizer else 0.0  # Δ is read off the weights
                slack = 1e-9 * np.abs(other) + 10.0 * np.abs(near - other) + size + 1e-300
                if run is by_optimizer:  # which runs the canonical form, in float64 with ε beside all but constants
                    slack += 2.0 * np.abs(keyed - other) + 1e-8 * np.abs(other)  # two such ε may cancel
                assert (np.abs(one - other) <= slack).all(), rule.infix


def test_a_rule_of_numbers_alone_is_a_number() -> None:
    rule = Rule.parse("1 2 exp log div #1 2 id sqrt pow")
    (expected,) = literally(rule, [np.ones(18)], np.ones(18))
    (ours,) = by_program(rule, [np.ones(18)], np.ones(18))
    np.testing.assert_allclose(ours, expected, rtol=1e-14)


def test_sums_and_products_of_many_terms() -> None:
    g, m = Node("g"), Node("m")
    node = Node("add", (constant(0.5), g, Node("mul", (constant(3.0), g, m, constant(2.0), g)), constant(-0.25)))
    (delta,) = run_once(node, torch.tensor([0.5, -2.0], dtype=torch.float64))
    assert delta.tolist() == [0.25 + 0.5 + 6 * 0.5**3, 0.25 - 2.0 + 6 * (-2.0) ** 3]


def run_once(node: Node, gradient: torch.Tensor) -> list[torch.Tensor]:
    bucket = Bucket(
        params=[torch.zeros_like(gradient)],
        grads=[gradient],
        means={name: [torch.zeros_like(gradient)] for name in ("m", "v", "gamma")},
        decays=dict(zip(("m", "v", "gamma"), BETAS, strict=True)),
        steps=[1],
        eps=1e-8,
        noise_sigma=0.01,
        generator=lambda: torch.Generator().manual_seed(0),
    )
    delta = compile_rule(node).run(bucket)
    assert not isinstance(delta, float)
    return delta


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_number_too_large_for_the_dtype_is_infinite(dtype: torch.dtype) -> None:
    large, gradient = constant(1.7e308), torch.tensor([10.0, -10.0, 0.5], dtype=dtype)
    (product,) = run_once(Node("mul", (Node("g"), large)), gradient)
    assert product.tolist()[:2] == [math.inf, -math.inf]
    (power,) = run_once(Node("pow", (Node("g"), large)), gradient)
    assert power.tolist() == [math.inf, -math.inf, 0.0]
    (dropped,) = run_once(Node("drop5", (large,)), torch.ones(100, dtype=dtype))
    assert set(dropped.tolist()) == {0.0, 1.7e308 if dtype is torch.float64 else math.inf}


@pytest.mark.parametrize("base", [0.0, 2.0, -2.0])
def test_a_power_of_a_number_keeps_its_sign(base: float) -> None:
    exponent = torch.tensor([0.5, 1.0, 0.0, -1.0], dtype=torch.float64)
    (power,) = run_once(Node("pow", (constant(base), Node("g"))), exponent)
    with np.errstate(all="ignore"):
        expected = BINARY["pow"](np.full(4, base), exponent.numpy(), 0.0)
    np.testing.assert_allclose(power.numpy(), expected, rtol=1e-14)


class Recorder(TorchDispatchMode):
    """Counts the operations that launch a kernel: views and reads of metadata do not."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        alias = func._schema.returns[0].alias_info if func._schema.returns else None
        if alias is None or alias.is_write:
            self.calls[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def launches(rule: str, tensors_in_group: int) -> Counter[str]:
    params = [torch.randn(2, 3) for _ in range(tensors_in_group)]
    optimizer = RuleOptimizer(params, rule, total_steps=10)
    for param in params:
        param.grad = torch.randn(2, 3)
    optimizer.step()
    with Recorder() as recorder:
        optimizer.step()
    return recorder.calls


@pytest.mark.parametrize("rule", [*ZOO, "noise + g", "drop(noise, 0.5) * log(g) ^ (1e-3w / v)", "anneal * ld", "1 - 2"])
def test_the_number_of_launches_does_not_depend_on_the_number_of_tensors(rule: str) -> None:
    few, many = launches(rule, 2), launches(rule, 40)
    assert few == many
    assert few.total() >= 1


def test_equal_parts_are_computed_once() -> None:
    calls = launches("(exp(g) * exp(g) + exp(g)) * adam + rmsprop * exp(g)", 3)
    assert calls["_foreach_exp"] == 1
    assert calls["_foreach_sqrt"] == 1  # one √v̂ for ADAM and RMSProp


def test_memory_is_reused() -> None:
    """ADAM allocates m̂ and √v̂; all that follows is written over one of them."""
    foreach = {name: count for name, count in launches("adam", 3).items() if name.startswith("_foreach")}
    assert {name: count for name, count in foreach.items() if not name.endswith("_")} == {
        "_foreach_div": 1,
        "_foreach_sqrt": 1,
    }


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_gradients_are_never_written_to(blocks: int) -> None:
    space = Space.of("decays", blocks=blocks)
    rng = np.random.default_rng(blocks)
    for _ in range(100):
        gradients = [torch.randn(shape) for shape in SHAPES]
        params = [torch.randn(shape) for shape in SHAPES]
        for param, gradient in zip(params, gradients, strict=True):
            param.grad = gradient.clone()
        rule = space.sample(rng)
        RuleOptimizer(params, rule, total_steps=3).step()
        assert all(torch.equal(p.grad, g) for p, g in zip(params, gradients, strict=True)), rule.infix  # type: ignore[arg-type]
