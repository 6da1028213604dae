"""Races on tables: what a proposal costs beside the searcher, and how soon a table is open."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from statistics import median

from figures import FIGURES, record
from pytest_benchmark.fixture import BenchmarkFixture

from harness.contracts import Rule, Trial
from harness.race.protocols import Budget, named
from harness.race.racing import Racer, Setup, compete
from harness.race.store.ledger import Ledger
from harness.space.counting.small_spaces import SMALL_SPACES, small_space
from harness.tasks.table.outcome_table import OutcomeTable

MOST_MILLISECONDS = 0.3  # a proposal, on the disk before its searcher hears of it (protocol §5)
MOST_OPENING_SECONDS = 0.2
RUNS, CHILDREN, ROUNDS = 20, 200, 5


class Timed:
    """A searcher that notes how long it takes."""

    version, batch = 1, 64
    seconds = 0.0

    def __init__(self, space: object, *, seed: int) -> None:
        began = time.perf_counter()
        self._own = Racer.of("random", children=CHILDREN).factory(space, seed=seed)
        Timed.seconds += time.perf_counter() - began

    def ask(self, count: int) -> list[Rule]:
        began = time.perf_counter()
        rules = list(self._own.ask(count))
        Timed.seconds += time.perf_counter() - began
        return rules

    def tell(self, trials: list[Trial]) -> None:
        self._own.tell(trials)


def test_a_proposal_on_a_table(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in itertools.count())
    beside, whole = list[float](), list[float]()
    runs, children = (2, 20) if benchmark.disabled else (RUNS, CHILDREN)

    def races() -> None:
        folder = next(folders)
        setup = Setup(
            space=small_space("signs"),
            protocol=named("table-signs"),
            budget=Budget.of(children),
            seeds=tuple(range(runs)),
            results=folder,
        )
        Timed.seconds, began = 0.0, time.perf_counter()
        headers = compete([Racer("timed:random", Timed, {})], setup)
        seconds = time.perf_counter() - began
        with Ledger.read(folder) as ledger:
            proposals = sum(len(ledger.archive(header.identity).entries) for header in headers)
        beside.append(1e3 * (seconds - Timed.seconds) / proposals)
        whole.append(seconds / runs)

    races()
    benchmark.pedantic(races, rounds=ROUNDS)  # type: ignore[no-untyped-call]
    if not benchmark.disabled:
        label = "milliseconds a proposal on a table, beside the searcher's"
        record(benchmark, FIGURES, {label: median(beside[1:])}, bounds={label: [None, MOST_MILLISECONDS]})
        label = "seconds for 200 random runs of 200 children on a table"
        record(benchmark, FIGURES, {label: 200 * median(whole[1:])}, bounds={label: [None, 60.0]})


def test_a_table_opens(benchmark: BenchmarkFixture) -> None:
    def opening() -> None:
        for name in SMALL_SPACES:
            began = time.perf_counter()
            assert OutcomeTable.shipped(name).own.places
            seconds[name].append(time.perf_counter() - began)

    seconds: dict[str, list[float]] = {name: [] for name in SMALL_SPACES}
    benchmark.pedantic(opening, rounds=ROUNDS)  # type: ignore[no-untyped-call]
    if not benchmark.disabled:
        figures = {f"seconds to open table {name}": median(own) for name, own in seconds.items()}
        bounds = dict.fromkeys(figures, (None, MOST_OPENING_SECONDS))
        record(benchmark, FIGURES, figures, bounds=bounds)
