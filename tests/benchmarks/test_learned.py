"""Learned optimizers: a step beside torch's Adam, and meta-training beside a plain loop over problems.

``pytest tests/benchmarks/test_learned.py --benchmark-enable`` measures and holds the bounds; as ordinary tests these
compare a few problems, and count the bytes of the state.
"""

from __future__ import annotations

import math
import time
from statistics import median

import pytest
import torch
from figures import COUNTERS, FIGURES, RATIOS, Turns, record
from pytest_benchmark.fixture import BenchmarkFixture
from stepping import CHILD, state_bytes, weights
from torch import Tensor

from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.learned.lstm import Architecture, CoordinateLstm, preprocess
from harness.tasks.learned.meta.rollout import Rollout, accumulate
from harness.tasks.learned.optimizer import LearnedOptimizer
from harness.tasks.learned.problem import ALL
from harness.tasks.learned.problems.quadratic import QuadraticProblems, Quadratics
from harness.tasks.learned.weights import Header, LearnedWeights, fresh

ROUNDS = 7
UNROLL = 20
STATE_BYTES = 320.0  # a parameter: h and c of two layers of 20 units, in float32
SHAPES = {"child": CHILD, "half a million": [(1024, 512)]}
MOST_TIMES_ADAM = {
    "child": 100.0,
    "half a million": 1_200.0,
}  # of the child's, most of Adam's time is what a call costs
LEAST_TOGETHER = 3.0  # times as fast as a plain loop over problems


def made(architecture: Architecture) -> LearnedWeights:
    header = Header(problems="quadratic", architecture=architecture, kinds=(ALL,))
    return LearnedWeights(header, fresh(header))


@pytest.mark.parametrize("size", SHAPES)
def test_a_step_beside_adam(benchmark: BenchmarkFixture, size: str) -> None:
    shapes = CHILD if benchmark.disabled else SHAPES[size]
    ours, theirs = weights(shapes), weights(shapes)
    learned = LearnedOptimizer(ours, made(Architecture()), lr=1e-3)
    adam = torch.optim.Adam(theirs, lr=1e-3, foreach=True)
    turns = Turns({"learned": learned.step, "adam": adam.step}, clock=time.thread_time)
    with reproducible_arithmetic():
        turns()
        benchmark.pedantic(turns, rounds=1 if benchmark.disabled else ROUNDS)  # type: ignore[no-untyped-call]
    entries = sum(math.prod(shape) for shape in shapes)
    name = f"learned, {size}: state bytes a parameter"
    bounds = {name: [STATE_BYTES, STATE_BYTES]}
    record(benchmark, COUNTERS, {name: state_bytes(learned) / entries}, bounds=bounds)
    if benchmark.disabled:
        return
    record(benchmark, FIGURES, {f"learned, {size}: nanoseconds a parameter": turns.best("learned") / entries * 1e9})
    name = f"learned step to torch adam's, {size}"
    record(
        benchmark,
        RATIOS,
        {name: turns.best("learned") / turns.best("adam")},
        bounds={name: [None, MOST_TIMES_ADAM[size]]},
    )


def together(problems: QuadraticProblems, network: CoordinateLstm) -> list[Tensor]:
    """The meta-gradient of one unroll, as meta-training computes it."""
    network.zero_grad()
    _, recorded = Rollout(problems, {ALL: network}).unroll(UNROLL)
    accumulate(network, recorded[ALL])
    return gradients(network)


def in_turn(problems: QuadraticProblems, network: CoordinateLstm) -> list[Tensor]:
    """The same by plain autograd, one problem after another."""
    network.zero_grad()
    architecture = network.architecture
    for matrix, target, first in zip(problems.matrix, problems.target, problems.first, strict=True):
        theta = first.clone().requires_grad_()
        shape = (architecture.layers, len(theta), architecture.hidden)
        state = torch.zeros(shape), torch.zeros(shape)
        loss, value = torch.zeros(()), (matrix @ theta - target).square().sum()
        for _ in range(UNROLL):
            (slope,) = torch.autograd.grad(value, theta, retain_graph=True)
            read = preprocess(slope.detach(), architecture.preprocessing).t()[None]
            hidden, state = network.lstm(read, state)
            theta = theta + network.output(hidden)[0, :, 0] * architecture.scale
            value = (matrix @ theta - target).square().sum()
            loss = loss + value
        loss.backward()
    return gradients(network)


def gradients(network: CoordinateLstm) -> list[Tensor]:
    return [weight.grad.clone() for weight in network.parameters() if weight.grad is not None]


def test_problems_side_by_side_beside_a_plain_loop(benchmark: BenchmarkFixture) -> None:
    family = Quadratics()
    network = CoordinateLstm(family.architecture)
    problems = family.draw(0, 4 if benchmark.disabled else family.schedule.batch)
    with reproducible_arithmetic():
        for ours, plain in zip(together(problems, network), in_turn(problems, network), strict=True):
            torch.testing.assert_close(ours, plain, rtol=1e-3, atol=1e-3 * float(plain.abs().max()))
        if benchmark.disabled:
            benchmark(lambda: together(problems, network))
            return
        turns = Turns(
            {"together": lambda: together(problems, network), "plain": lambda: in_turn(problems, network)},
            clock=time.process_time,
        )
        benchmark.pedantic(turns, rounds=ROUNDS)  # type: ignore[no-untyped-call]
    pairs = zip(turns.seconds("plain")[1:], turns.seconds("together")[1:], strict=True)
    name = f"meta-training of {family.schedule.batch} quadratics side by side: times as fast as a plain loop"
    record(
        benchmark, RATIOS, {name: median(plain / ours for plain, ours in pairs)}, bounds={name: [LEAST_TOGETHER, None]}
    )
