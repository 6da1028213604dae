"""Cost of the language: sampling, keys and parsing, each for a hundred random rules of two blocks."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.contracts import Rule
from harness.space import equivalence
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)


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
