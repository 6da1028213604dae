"""Toy rules a second: in stacks, as the task scores them, against one rule after another by ``RuleOptimizer``.

Both train the same rules in turn, new ones in every round: a search hardly asks for a rule twice.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np
import one_at_a_time
import pytest
from figures import FIGURES, RATIOS, Turns, record
from pytest_benchmark.fixture import BenchmarkFixture

from harness.contracts import Outcome, Rule
from harness.race import protocols
from harness.registry import Kind, load
from harness.space.grammar import Space

LEAST = 5.0  # as many rules a second: less, and stacks are not worth their code
SPACES = [Space.of("icml2017", blocks=blocks) for blocks in (1, 2)] + [Space.of("arxiv2", blocks=3)]
ROUNDS = 7
SEED = 0


def batches(size: int) -> Iterator[Sequence[Rule]]:
    """Random rules of several spaces; their keys are known, as the loop computes them before a rule is trained."""
    rng = np.random.default_rng(0)
    while True:
        rules = [SPACES[place % len(SPACES)].sample(rng) for place in range(size)]
        assert all(rule.key for rule in rules)
        yield rules


@pytest.mark.parametrize("name", ["toy-quadratic", "toy-rosenbrock", "toy-classifier"])
def test_rules_a_second(benchmark: BenchmarkFixture, name: str) -> None:
    protocol = protocols.named(name)
    task = load(Kind.TASK, protocol.task)(protocol, None)
    size = 8 if benchmark.disabled else task.width
    alone, together = batches(size), batches(size)
    turns = Turns(
        {
            "alone": lambda: found.append(one_at_a_time.outcomes(task, next(alone), seed=SEED)),
            "together": lambda: found.append(task.evaluate(next(together), seed=SEED)),
        },
        clock=time.thread_time,
    )
    found: list[Sequence[Outcome]] = []
    turns()
    benchmark.pedantic(turns, rounds=ROUNDS)  # type: ignore[no-untyped-call]
    timeless = [[dataclasses.replace(outcome, seconds=0.0) for outcome in outcomes] for outcomes in found]
    assert timeless[::2] == timeless[1::2]
    if benchmark.disabled:
        return
    seconds = {each: turns.seconds(each)[1:] for each in ("alone", "together")}
    ratio = median(one / other for one, other in zip(seconds["alone"], seconds["together"], strict=True))
    label = f"{name} rules a second, stacked to one by one"
    record(benchmark, RATIOS, {label: ratio}, bounds={label: [LEAST, None]})
    record(benchmark, FIGURES, {f"{name} rules a second": size / median(seconds["together"])})
