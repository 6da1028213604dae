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
from harness.race.protocol import QUICK
from tasks.child.scoring import ChildTask
from tasks.data import synthetic
from tasks.data.images import ImageData

TINY = dataclasses.replace(QUICK, name="tiny", train_examples=60, validation_examples=40, batch_size=10)
NINTH = dataclasses.replace(QUICK, name="ninth", epochs=1, learning_rates=(0.01,))  # one of a child's nine epochs
RULES = (
    "m",
    "adam",
    "g * exp(sign(g) * sign(m))",
    "log(g)",
    "1e-1w - m",
    "g * exp(1e-1w)",
    "exp(1 / g)",
    "exp(1 / v)",
)
EXAMPLES = {
    "tiny": (540, 540, 540, 540, 540, 530, 140, 140),
    "quick": (18_000, 18_000, 18_000, 18_000, 16_800, 16_250, 700, 700),
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
    rules = [Rule.parse(text) for text in RULES]
    task.evaluate([Rule.parse("exp(1 / g)")], seed=SEED)  # compiles the step

    def children() -> list[Outcome]:
        return [outcome for rule in rules for outcome in task.evaluate([rule], seed=SEED)]

    outcomes = benchmark.pedantic(children)  # type: ignore[no-untyped-call]
    counts = {f"examples, {text}": outcome.examples for text, outcome in zip(RULES, outcomes, strict=True)}
    expected = zip(counts, EXAMPLES[protocol.name], strict=True)
    record(benchmark, COUNTERS, counts, bounds={name: (count, count) for name, count in expected})
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
