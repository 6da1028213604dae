"""What a step asks of the machine, counted: operations and bytes. Equal on every machine, so held in every run.

An operation is one that PyTorch dispatches, a kernel launched where there is an accelerator; a ``torch._foreach`` call
counts as one. The fused child's own kernels are not PyTorch's, and are not among them.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from figures import COUNTERS, FIGURES, Bound, record
from pytest_benchmark.fixture import BenchmarkFixture
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from harness.contracts import Rule
from harness.tasks.child.examples import Examples, Part
from harness.tasks.child.step import FUSED, PLAIN, starter
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.optimizer.update_rule import RuleOptimizer

CHILD = [(32, 3, 3, 3), (32,), (32,), (32, 32, 3, 3), (32,), (32,), (10, 2048), (10,)]
WEIGHTS = sum(torch.Size(shape).numel() for shape in CHILD)
BATCH = 10


class Operations(TorchDispatchMode):
    """Counts what PyTorch dispatches within."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


def operations(step: Callable[[], object]) -> int:
    with Operations() as counted:
        step()
    return counted.count


def allocated(step: Callable[[], object]) -> int:
    """Bytes that PyTorch's allocator hands out in one step, whether or not it takes them back."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    events = profiled.profiler.kineto_results.events()
    return sum(event.nbytes() for event in events if event.name() == "[memory]" and event.nbytes() > 0)


def peak(step: Callable[[], object]) -> int:
    """Bytes that Python and NumPy hold at most during one step, beyond what they held before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def optimizer(rule: str) -> RuleOptimizer:
    generator = torch.Generator().manual_seed(0)
    params = [torch.randn(shape, generator=generator) for shape in CHILD]
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator)
    return RuleOptimizer(params, rule, lr=1e-3)


# rule: operations a step, and what is allocated in it, in copies of the weights; steps that need less are welcome
RULES = {
    "sgd": (3, 0.0),
    "momentum": (6, 1.0),
    "adam": (12, 2.0),
    "rmsprop": (9, 2.0),
    "powersign": (10, 2.0),
    "addsign": (10, 2.0),
    "clip-rmsprop-plus-drop-momentum": (22, 5.0),
    "exp-g-minus-exp-minus-m": (11, 2.0),
}
PATHS = {PLAIN: 45, FUSED: 20}  # operations of a child's step with the rule m
CRUMBS = 0.01  # copies of the weights, for scalars


@pytest.mark.thorough
@pytest.mark.parametrize("rule", RULES)
def test_rule(benchmark: BenchmarkFixture, rule: str) -> None:
    step = optimizer(rule).step
    step()
    benchmark.pedantic(step)  # type: ignore[no-untyped-call]
    most, copies = RULES[rule]
    counted = {"operations": operations(step), "copies allocated": allocated(step) / (4 * WEIGHTS)}
    record(benchmark, COUNTERS, counted, bounds={"operations": (1, most), "copies allocated": (None, copies + CRUMBS)})


def child_step(path: str) -> Callable[[], float]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4 * BATCH, 32, 32, 3, generator=generator).permute(0, 3, 1, 2)
    labels = torch.randint(0, 10, (4 * BATCH,), generator=generator)
    examples = Examples(Part(images, labels), Part(images, labels), 10)
    chosen = torch.randperm(4 * BATCH, generator=generator)[:BATCH]
    network = starter(path, examples, batch_size=BATCH)(1)
    rule = RuleOptimizer(network.parameters, Rule.parse("m"), 1e-3)

    def step() -> float:
        loss = network.loss(chosen)
        rule.step()
        return loss

    return step


@pytest.mark.thorough
@pytest.mark.parametrize("path", PATHS)
def test_child(benchmark: BenchmarkFixture, path: str) -> None:
    with reproducible_arithmetic():
        step = child_step(path)
        step()
        step()
        benchmark.pedantic(step)  # type: ignore[no-untyped-call]
        record(benchmark, COUNTERS, {"operations": operations(step)}, bounds={"operations": (1, PATHS[path])})
        copies, held = allocated(step) / (4 * WEIGHTS), peak(step) / 1024
    # Which kernels convolve, and what they take to do so, depends on the processor: no counter on the plain path.
    bounds: dict[str, Bound] = {} if path == PLAIN else {"copies allocated": (None, 1.0 + 2 * CRUMBS)}
    record(benchmark, COUNTERS if bounds else FIGURES, {"copies allocated": copies}, bounds=bounds)
    held_bounds = {"kilobytes held by Python and NumPy": (None, 128)}
    record(benchmark, COUNTERS, {"kilobytes held by Python and NumPy": held}, bounds=held_bounds)
