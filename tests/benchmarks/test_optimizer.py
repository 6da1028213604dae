"""Cost of a step: rules against torch's own optimizers, on a network like the child and on 25 million parameters.

Optimizers take turns in one process and are compared by ratios. ``pytest tests/benchmarks/test_optimizer.py
--benchmark-enable`` measures and holds the bounds; as ordinary tests these take a step or two of small networks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from figures import BOUNDS, RATIOS
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from tasks.update_rule import RuleOptimizer

CHILD = [(32, 3, 3, 3), (32,), (32,), (32, 32, 3, 3), (32,), (32,), (10, 2048), (10,)]
BLOCK = [(768, 2304), (2304,), (768, 768), (768,), (768, 3072), (3072,), (3072, 768), (768,), (768,), (768,)]
LARGE = [(8192, 768), *BLOCK, *BLOCK, *[(512, 1024)] * 8, *[(768,)] * 4]  # a language model of 24.7 million
Build = Callable[[list[Tensor]], torch.optim.Optimizer]
OPTIMIZERS: dict[str, Build] = {
    "torch sgd": lambda params: torch.optim.SGD(params, lr=1e-3, foreach=True),
    "rule sgd": lambda params: RuleOptimizer(params, "sgd", lr=1e-3),
    "torch adam": lambda params: torch.optim.Adam(params, lr=1e-3, foreach=True),
    "rule adam": lambda params: RuleOptimizer(params, "adam", lr=1e-3),
    "rule powersign": lambda params: RuleOptimizer(params, "powersign", lr=1e-3),
}
ROUNDS = 15
ADAM_RATIO = 1.0  # to torch's, on the large network


def weights(shapes: list[tuple[int, ...]]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    params = [torch.randn(shape, generator=generator) for shape in shapes]
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator)
    return params


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Memory of the running means, the step counts left aside."""
    parts = [part for state in optimizer.state.values() for part in state.values()]
    return sum(part.numel() * part.element_size() for part in parts if isinstance(part, Tensor) and part.dim() > 0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_step(benchmark: BenchmarkFixture, name: str) -> None:
    params = weights(CHILD)
    before = [param.clone() for param in params]
    benchmark(OPTIMIZERS[name](params).step)
    assert not any(torch.equal(param, old) for param, old in zip(params, before, strict=True))


@pytest.mark.thorough
def test_a_large_network(benchmark: BenchmarkFixture) -> None:
    params = weights(CHILD if benchmark.disabled else LARGE)
    optimizers = {name: OPTIMIZERS[name](params) for name in ("torch adam", "rule adam", "rule powersign")}
    seconds: dict[str, list[float]] = {name: [] for name in optimizers}

    def in_turn() -> None:
        for name, optimizer in optimizers.items():
            began = time.perf_counter()
            optimizer.step()
            seconds[name].append(time.perf_counter() - began)

    in_turn()
    benchmark.pedantic(in_turn, rounds=1 if benchmark.disabled else ROUNDS)
    memory = {name: state_bytes(optimizer) for name, optimizer in optimizers.items()}
    assert memory["rule adam"] == memory["torch adam"] == 2 * memory["rule powersign"] > 0
    if benchmark.disabled:
        return
    best = {name: min(times[1:]) for name, times in seconds.items()}
    ratios = {f"{name} to torch adam": best[name] / best["torch adam"] for name in ("rule adam", "rule powersign")}
    benchmark.extra_info[RATIOS] = ratios
    benchmark.extra_info[BOUNDS] = {"rule adam to torch adam": [None, ADAM_RATIO]}
