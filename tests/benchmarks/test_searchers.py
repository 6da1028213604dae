"""Cost of a searcher: ask and tell, a rule, after a history; and what Optuna takes of it as its history grows.

Where benchmarks are enabled, the bounds are held after 1,000 trials. Optuna takes minutes to bring
``tpe`` there, so ``tox -e bench`` stops at 300 with it unless ``--long`` is given. As ordinary tests these race a short
history.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import optuna
import pytest
from figures import FIGURES, RATIOS, Turns, record, yardstick
from pytest_benchmark.fixture import BenchmarkFixture

from harness.conformance.driving import drive, pretended
from harness.contracts import Searcher, Trial
from harness.registry import BUILT_IN, Kind, load
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)
LEARNERS = [name for name in BUILT_IN[Kind.SEARCHER] if name != "exhaustive"]  # which takes no space of that size
HISTORY = 1000
BRIEF = 60  # enough for every searcher to have begun learning
SHORT = 20  # where nothing is measured
ROUNDS = 20
YARDSTICKS = {  # a rule, two to three times what was measured; tpe's are Optuna's, and grow with its history
    "random": 0.05,
    "random-plain": 0.07,
    "gp": 0.6,
    "evolution": 0.3,
    "hill-climbing": 0.3,
    "rl": 5.0,
    "rl+gp": 1.5,
}
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


def raced(name: str, trials: int) -> Searcher:
    """A searcher that has seen so many trials."""
    searcher: Searcher = load(Kind.SEARCHER, name)(SPACE, seed=0)
    assert len(drive(searcher, SPACE, proposals=trials).rules) == trials
    return searcher


@pytest.mark.parametrize("name", LEARNERS)
def test_ask_and_tell_early(benchmark: BenchmarkFixture, name: str) -> None:
    step = turn(raced(name, SHORT if benchmark.disabled else BRIEF))
    assert benchmark.pedantic(step, rounds=ROUNDS) >= 1  # type: ignore[no-untyped-call]


@pytest.mark.timeout(3600)
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "trials"),
    [
        *((name, HISTORY) for name in LEARNERS if name != "tpe"),
        *(("tpe", trials) for trials in (100, 300)),
        pytest.param("tpe", HISTORY, marks=pytest.mark.long),
    ],
)
def test_ask_and_tell(benchmark: BenchmarkFixture, name: str, trials: int, optuna_seconds: list[float]) -> None:
    step = turn(raced(name, SHORT if benchmark.disabled else trials))
    before, rules = optuna_seconds[0], 0

    def counted() -> None:
        nonlocal rules
        rules += step()

    turns = Turns({"searcher": counted, "yardstick": yardstick})
    benchmark.pedantic(turns, rounds=1 if benchmark.disabled else ROUNDS)  # type: ignore[no-untyped-call]
    assert rules >= 1
    inside = 1000 * (optuna_seconds[0] - before) / rules
    assert (inside > 0) == (name in ("tpe", "box-cmaes"))  # the timers hang where Optuna is called
    if benchmark.disabled:
        return
    seconds = turns.seconds("searcher")
    each = 1000 * sum(seconds) / rules  # the mean, as what is inside Optuna is one
    record(benchmark, FIGURES, {"milliseconds a rule": each - inside})
    if inside:
        record(benchmark, FIGURES, {"milliseconds a rule inside Optuna": inside})
    ratio = {"a rule to the yardstick": median(seconds) / median(turns.seconds("yardstick")) * ROUNDS / rules}
    record(benchmark, RATIOS, ratio, bounds=dict.fromkeys(ratio, (None, YARDSTICKS.get(name))))
