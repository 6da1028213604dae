"""Whole children: how many examples each of a fixed list of rules trains on, and what that takes.

The list has rules that stay finite at every learning rate, at all but one, and at none. Where a child diverges, and so
how many examples it consumes, is part of its outcome: a change of the count is a change of the function, whatever it
does for speed. Rounding hardly moves these counts: where they were taken, the plain and the fused path agreed on every
one that a divergence cuts short.
"""

from __future__ import annotations

import dataclasses
import time

import pytest
from figures import COUNTERS, FIGURES, RATIOS, Turns, record
from pytest_benchmark.fixture import BenchmarkFixture

from harness.contracts import ChildProtocol, Outcome, Rule
from harness.tasks.child.protocols import QUICK
from harness.tasks.child.scoring import ChildTask
from harness.tasks.data import synthetic
from harness.tasks.data.images import ImageData

TINY = dataclasses.replace(QUICK, name="tiny", train_examples=60, validation_examples=40, batch_size=10)
NINTH = dataclasses.replace(QUICK, name="ninth", epochs=1, learning_rates=(0.01,))  # one of a child's nine epochs
EXAMPLES = {
    "tiny": {
        "m": 540,
        "adam": 540,
        "g * exp(sign(g) * sign(m))": 540,
        "log(g)": 540,
        "1e-1w - m": 540,
        "g * exp(1e-1w)": 530,
        "exp(1 / g)": 140,
        "exp(1 / v)": 140,
    },
    "quick": {"m": 18_000, "1e-1w - m": 16_800, "g * exp(1e-1w)": 16_250, "exp(1 / g)": 700},
}
PATHS_RATIO = 2.0
SEED = 0


def data(protocol: ChildProtocol) -> ImageData:
    return synthetic.generate(protocol.train_examples + protocol.validation_examples, 10)


@pytest.mark.parametrize(
    "protocol",
    [TINY, pytest.param(QUICK, marks=[pytest.mark.measured, pytest.mark.thorough])],
    ids=lambda protocol: protocol.name,
)
def test_examples(benchmark: BenchmarkFixture, protocol: ChildProtocol) -> None:
    task = ChildTask(protocol, data(protocol))
    expected = EXAMPLES[protocol.name]
    rules = [Rule.parse(text) for text in expected]
    task.evaluate([Rule.parse("exp(1 / g)")], seed=SEED)  # compiles the step

    def children() -> list[Outcome]:
        return [outcome for rule in rules for outcome in task.evaluate([rule], seed=SEED)]

    outcomes = benchmark.pedantic(children)  # type: ignore[no-untyped-call]
    counts = {f"examples, {text}": outcome.examples for text, outcome in zip(expected, outcomes, strict=True)}
    bounds = {f"examples, {text}": (count, count) for text, count in expected.items()}
    record(benchmark, COUNTERS, counts, bounds=bounds)
    if protocol is QUICK and not benchmark.disabled:
        whole = [outcome for outcome in outcomes if outcome.curve]
        seconds = sum(outcome.seconds for outcome in whole)
        record(benchmark, FIGURES, {"seconds a child": seconds / len(whole)})
        record(benchmark, FIGURES, {"examples a second": sum(outcome.examples for outcome in whole) / seconds})


@pytest.mark.measured
@pytest.mark.thorough
def test_an_epoch_and_its_scoring(benchmark: BenchmarkFixture) -> None:
    images, rule = data(NINTH), Rule.parse("m")
    plain, fused = ChildTask(NINTH, images, plain=True), ChildTask(NINTH, images)
    turns = Turns(
        {
            name: lambda task=task: task.evaluate([rule], seed=SEED)
            for name, task in (("plain", plain), ("fused", fused))
        },
        clock=time.thread_time,
    )
    turns()
    benchmark.pedantic(turns, rounds=3)  # type: ignore[no-untyped-call]
    ratio = turns.best("plain") / turns.best("fused")
    record(benchmark, RATIOS, {"plain to fused": ratio}, bounds={"plain to fused": (PATHS_RATIO, None)})
