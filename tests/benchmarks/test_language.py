"""Cost of the language: sampling, keys and parsing, each for a hundred random rules of two blocks."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from figures import FIGURES, RATIOS, Turns, record, yardstick
from pytest_benchmark.fixture import BenchmarkFixture

from harness.contracts import Rule
from harness.space import equivalence
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)
ROUNDS = 15
YARDSTICKS = {"sampling": 3.0, "keys": 2.0, "parsing": 10.0}  # a hundred rules, about twice what was measured


@pytest.fixture
def rules() -> list[Rule]:
    rng = np.random.default_rng(0)
    return [SPACE.sample(rng) for _ in range(100)]


def test_sampling(benchmark: BenchmarkFixture) -> None:
    rng = np.random.default_rng(0)
    drawn = benchmark(lambda: [SPACE.sample(rng) for _ in range(100)])
    assert all(SPACE.contains(rule) for rule in drawn)


def test_keys(benchmark: BenchmarkFixture, rules: list[Rule]) -> None:
    def keys() -> list[str]:
        equivalence.key.cache_clear()
        return [rule.key for rule in rules]

    assert len(set(benchmark(keys))) > 50


def test_parsing_infix(benchmark: BenchmarkFixture, rules: list[Rule]) -> None:
    texts = [rule.infix for rule in rules]
    parsed = benchmark(lambda: [Rule.parse(text) for text in texts])
    assert [rule.key for rule in parsed] == [rule.key for rule in rules]


@pytest.mark.thorough
def test_paces(benchmark: BenchmarkFixture, rules: list[Rule]) -> None:
    rng, texts = np.random.default_rng(0), [rule.infix for rule in rules]

    def keys() -> None:
        equivalence.key.cache_clear()
        for rule in rules:
            assert rule.key

    work: dict[str, Callable[[], object]] = {
        "sampling": lambda: [SPACE.sample(rng) for _ in rules],
        "keys": keys,
        "parsing": lambda: [Rule.parse(text) for text in texts],
    }
    turns = Turns({**work, "yardstick": yardstick}, clock=time.thread_time)
    benchmark.pedantic(turns, rounds=1 if benchmark.disabled else ROUNDS)
    if benchmark.disabled:
        return
    for name in work:
        record(benchmark, FIGURES, {f"{name}, rules a second": len(rules) / turns.best(name)})
        ratio = turns.best(name) / turns.best("yardstick")
        shown = {f"{name}, a hundred to the yardstick": ratio}
        record(benchmark, RATIOS, shown, bounds=dict.fromkeys(shown, (None, YARDSTICKS[name])))
