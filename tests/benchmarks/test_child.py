"""Cost of the child's training step, paths in turn in one process: machines differ, ratios hardly.

The reference is what one writes first: contiguous NCHW images, ReLU before pooling, and an optimizer that goes through
the parameters one by one in Python. The ratio counts the thread's own processor time, so that a busy machine does not
decide it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import torch
from figures import FIGURES, RATIOS, Turns, record
from pytest_benchmark.fixture import BenchmarkFixture
from torch.nn.functional import cross_entropy, max_pool2d

from harness.contracts import Rule
from harness.tasks.child.convnet import ConvNet
from harness.tasks.child.examples import Examples, Part
from harness.tasks.child.memory import keep_freed_memory
from harness.tasks.child.step import FUSED, PLAIN, bfloat16_instructions, starter
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.optimizer.update_rule import RuleOptimizer

RATE = 1e-3
ROUNDS = 20
BFLOAT16 = "bfloat16"  # slower than float32 where the processor has no instructions for it
EXAMPLE_FLOPS = 17.7e6  # of one step, forward and backward
SIDE = 512  # of the matrices whose product is the pace that nothing exceeds
Step = Callable[[], float]


@pytest.fixture(autouse=True)
def arithmetic() -> Iterator[None]:
    keep_freed_memory()
    with reproducible_arithmetic():
        yield


@pytest.fixture(params=[50, 100], ids=["quick", "paper"])
def batch(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def steps(batch: int) -> dict[str, Step]:
    """One step of ``m`` on random images, by each path, from the same weights; each returns its loss."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4 * batch, 32, 32, 3, generator=generator).permute(0, 3, 1, 2)
    labels = torch.randint(0, 10, (4 * batch,), generator=generator)
    examples = Examples(Part(images, labels), Part(images, labels), 10)
    chosen = torch.randperm(4 * batch, generator=generator)[:batch]
    paths = {name: _path(name, examples, chosen) for name in (PLAIN, FUSED)}
    return {
        "plain loop": _plain_loop(examples, chosen),
        **paths,
        BFLOAT16: _path(FUSED, examples, chosen, reduced=True),
    }


def _plain_loop(examples: Examples, chosen: torch.Tensor) -> Step:
    network = ConvNet(32, channels=3, classes=10, seed=1).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    images, labels = examples.pool.images.contiguous(memory_format=torch.contiguous_format), examples.pool.labels
    means = [torch.zeros_like(parameter) for parameter in network.parameters()]
    count = 0

    def step() -> float:
        nonlocal count
        count += 1
        x = max_pool2d(network.norm1(network.conv1(images[chosen])).relu(), 2)
        x = max_pool2d(network.norm2(network.conv2(x)).relu(), 2)
        loss = cross_entropy(network.linear(x.flatten(1)), labels[chosen])
        network.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter, mean in zip(network.parameters(), means, strict=True):
                mean.mul_(0.9).add_(parameter.grad, alpha=0.1)
                parameter.sub_(RATE * mean / (1 - 0.9**count))
        return loss.item()

    return step


def _path(name: str, examples: Examples, chosen: torch.Tensor, *, reduced: bool = False) -> Step:
    network = starter(name, examples, batch_size=len(chosen), reduced=reduced)(1)
    optimizer = RuleOptimizer(network.parameters, Rule.parse("m"), RATE)

    def step() -> float:
        loss = network.loss(chosen)
        optimizer.step()
        return loss

    return step


@pytest.mark.parametrize(
    "path",
    [pytest.param("plain loop", marks=pytest.mark.thorough), pytest.param(PLAIN, marks=pytest.mark.thorough), FUSED],
)
def test_step(benchmark: BenchmarkFixture, steps: dict[str, Step], path: str) -> None:
    first = steps[path]()
    assert benchmark(steps[path]) < first


def test_the_paths_take_the_same_steps(steps: dict[str, Step]) -> None:
    losses = {name: [step() for _ in range(3)] for name, step in steps.items()}
    for name, other in losses.items():
        assert other == pytest.approx(losses["plain loop"], rel=1e-2 if name == BFLOAT16 else 1e-4)


@pytest.mark.thorough
def test_the_step_is_four_times_the_plain_loop(benchmark: BenchmarkFixture, steps: dict[str, Step], batch: int) -> None:
    left, right = torch.randn(2, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    out = torch.empty_like(left)
    turns = Turns({**steps, "product": lambda: torch.mm(left, right, out=out)}, clock=time.thread_time)
    turns()
    benchmark.pedantic(turns, rounds=ROUNDS)
    if benchmark.disabled:
        return
    paces = {f"examples a second, {name}": batch / turns.best(name) for name in steps}
    record(benchmark, FIGURES, paces)
    share = batch * EXAMPLE_FLOPS / turns.best(FUSED) * turns.best("product") / (2 * SIDE**3)
    ratios = {f"plain loop to {name}": turns.best("plain loop") / turns.best(name) for name in (FUSED, BFLOAT16)}
    bounds: dict[str, tuple[float | None, float | None]] = {f"plain loop to {FUSED}": (4, None)}
    if bfloat16_instructions() == "amx":
        bounds[f"plain loop to {BFLOAT16}"] = (6, None)
    record(benchmark, RATIOS, {**ratios, "fused, share of a matrix product's pace": share}, bounds=bounds)
