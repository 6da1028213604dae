"""Cost of a step: rules against torch's own optimizers, on parameters shaped like the child's."""

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from tasks.update_rule import RuleOptimizer

SHAPES = [(32, 3, 3, 3), (32,), (32,), (32, 32, 3, 3), (32,), (32,), (10, 2048), (10,)]
OPTIMIZERS: dict[str, Callable[[list[torch.Tensor]], torch.optim.Optimizer]] = {
    "torch sgd": lambda params: torch.optim.SGD(params, lr=1e-3, foreach=True),
    "rule sgd": lambda params: RuleOptimizer(params, "sgd", lr=1e-3),
    "torch adam": lambda params: torch.optim.Adam(params, lr=1e-3, foreach=True),
    "rule adam": lambda params: RuleOptimizer(params, "adam", lr=1e-3),
    "rule powersign": lambda params: RuleOptimizer(params, "powersign", lr=1e-3),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_step(benchmark: BenchmarkFixture, name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    params = [torch.randn(shape, generator=generator) for shape in SHAPES]
    before = [param.clone() for param in params]
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator)
    optimizer = OPTIMIZERS[name](params)
    benchmark(optimizer.step)
    assert not any(torch.equal(param, old) for param, old in zip(params, before, strict=True))
