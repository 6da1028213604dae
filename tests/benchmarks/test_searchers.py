"""Cost of a searcher: ask and tell, a rule, after 1,000 trials; and what Optuna takes of it as its history grows.

``pytest tests/benchmarks/test_searchers.py --benchmark-enable`` measures, on a quiet machine, and holds the bounds. As
an ordinary test it only races a short history.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import optuna
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.conformance.driving import drive, pretended
from harness.contracts import Searcher, Trial
from harness.registry import BUILT_IN, Kind, load
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)
HISTORY = 1000
SHORT = 20  # where nothing is measured
ROUNDS = 20
BOUNDS = {
    "random": 2.0,
    "random-plain": 2.0,
    "gp": 2.0,
    "evolution": 2.0,
    "rl": 10.0,
    "tpe": 10.0,
    "rl+gp": 10.0,
}  # milliseconds a rule
OPTUNA = (
    (optuna.study.Study, "ask"),
    (optuna.study.Study, "tell"),
    (optuna.study.Study, "enqueue_trial"),
    (optuna.trial.Trial, "suggest_categorical"),
)


def turn(searcher: Searcher) -> Callable[[], int]:
    """One batch asked and told; gives the number of rules."""

    def step() -> int:
        rules = searcher.ask(searcher.batch)
        searcher.tell([Trial(index, rule, pretended(rule)) for index, rule in enumerate(rules)])
        return len(rules)

    return step


@pytest.fixture
def optuna_seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds spent inside Optuna's calls, as one growing number."""
    spent = [0.0]

    def timed(call: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*args: object, **kwargs: object) -> object:
            began = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                spent[0] += time.perf_counter() - began

        return wrapped

    for owner, name in OPTUNA:
        monkeypatch.setattr(owner, name, timed(getattr(owner, name)))
    return spent


@pytest.mark.timeout(3600)  # Optuna takes minutes to get there
@pytest.mark.parametrize("name", BUILT_IN[Kind.SEARCHER])
def test_ask_and_tell(benchmark: BenchmarkFixture, name: str, optuna_seconds: list[float]) -> None:
    searcher = load(Kind.SEARCHER, name)(SPACE, seed=0)
    history = drive(searcher, SPACE, proposals=SHORT if benchmark.disabled else HISTORY)
    assert len(history.rules) == (SHORT if benchmark.disabled else HISTORY)
    step, before = turn(searcher), optuna_seconds[0]
    rules = benchmark.pedantic(step, rounds=ROUNDS)  # type: ignore[no-untyped-call]
    assert rules >= 1
    if benchmark.disabled:
        return
    inside = 1000 * (optuna_seconds[0] - before) / (ROUNDS * rules)
    assert benchmark.stats is not None
    each = 1000 * benchmark.stats.stats.mean / rules  # the mean, as what is inside Optuna is one
    benchmark.extra_info |= {"milliseconds a rule": each, "inside Optuna": inside}
    assert each - inside <= BOUNDS[name]


@pytest.mark.parametrize("trials", [100, 300])  # at 1,000 the test above says it
def test_growth_of_optuna(benchmark: BenchmarkFixture, trials: int, optuna_seconds: list[float]) -> None:
    searcher = load(Kind.SEARCHER, "tpe")(SPACE, seed=0)
    drive(searcher, SPACE, proposals=SHORT if benchmark.disabled else trials)
    before = optuna_seconds[0]
    rules = benchmark.pedantic(turn(searcher), rounds=ROUNDS)  # type: ignore[no-untyped-call]
    inside = 1000 * (optuna_seconds[0] - before) / rules
    assert inside > 0  # the timers hang where Optuna is called
    benchmark.extra_info["inside Optuna, milliseconds a rule"] = inside / (1 if benchmark.disabled else ROUNDS)
