"""Try the board's statistics where the truth is known: ``python results/studies/statistics/run.py [PART ...]``.

The parts are ``coverage``, ``alarms`` and ``power``, all of them unless named. Each figure goes into ``figures.csv`` as
soon as it is there, a second call goes on with what is missing, and the tables in README.md are written anew. A part is
a minute or three of one core.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.board import statistics
from harness.board.comparison import LEVEL, compare, detectable
from harness.board.searches.judging import boards
from harness.board.statistics import Estimate, area, best_so_far, bootstrapped, estimate, sign_flip
from harness.contracts import Status
from harness.race.header import RunHeader, SearchHeader
from harness.race.protocols import Budget
from harness.race.runs import Results, RunResults, RunState
from harness.seeds import derive_seed
from harness.space.grammar import Space
from harness.tasks.child.protocols import QUICK

HERE = Path(__file__).parent
FIGURES = HERE / "figures.csv"
FIELDS = ("part", "case", "searchers", "seeds", "figure", "value", "races")
MARK = "<!-- below: written by run.py -->"
RACES = 2_000
CHILDREN = 20
CHANCE = QUICK.chance
COMPARABLE = RunHeader.comparable
MEAN, SIGMA = 0.4, 0.02  # of the made-up areas

Cell = tuple[str, str, int, int]  # part, case, searchers, seeds
Generator = np.random.Generator
Areas = NDArray[np.float64]


def searched(rng: Generator, count: int) -> Areas:
    """Areas of random searches for 20 children, four in nine of which learn nothing."""
    scores = np.where(
        rng.random((count, CHILDREN)) < 0.45, CHANCE, CHANCE + 0.35 * rng.beta(1.2, 2.5, (count, CHILDREN))
    )
    return np.array([area(best_so_far(each, children=CHILDREN, chance=CHANCE)) for each in scores.tolist()])


def normal(rng: Generator, count: int) -> Areas:
    """Areas that are normal."""
    return rng.normal(MEAN, SIGMA, count)


def breakthrough(rng: Generator, count: int) -> Areas:
    """Areas of a searcher that makes a find in one seed of six: skewed to the right, with the same mean."""
    return MEAN + 0.06 * ((rng.random(count) < 1 / 6) - 1 / 6) + rng.normal(0.0, SIGMA / 2, count)


SHAPES: Mapping[str, Callable[[Generator, int], Areas]] = {
    "normal": normal,
    "search": searched,
    "breakthrough": breakthrough,
}


def coverage(case: str, seeds: int) -> dict[str, float]:
    """How often the 95% interval of the mean holds the true one."""
    shape = SHAPES[case]
    rng = np.random.default_rng(derive_seed(0, "coverage", case, seeds))
    true = MEAN if case != "search" else float(shape(np.random.default_rng(derive_seed(0, "truth")), 200_000).mean())
    held = {"BCa": 0, "Student": 0}
    for race in range(RACES):
        values = shape(rng, seeds).tolist()
        for name, found in (("BCa", bootstrapped(values, seed=race)), ("Student", estimate(values))):
            assert found.low is not None
            assert found.high is not None
            held[name] += found.low <= true <= found.high
    return {name: count / RACES for name, count in held.items()}


def header(searcher: int, seed: int) -> RunHeader:
    """A run of a made-up searcher."""
    return SearchHeader(
        searcher=f"searcher-{searcher}" if searcher else "random",
        searcher_version=1,
        settings={},
        space=Space.of(blocks=2),
        protocol=QUICK,
        data="synthetic",
        data_fingerprint="f" * 32,
        budget=Budget.of(CHILDREN),
        seed=seed,
        asynchronous=False,
        environment={},
        provenance={},
    )


def null_race(headers: list[list[RunHeader]], rng: Generator) -> list[RunResults]:
    """A race of equals: random searches that share a seed's luck and its first five draws."""
    runs = []
    for same in zip(*headers, strict=True):
        luck, first = 0.02 * rng.standard_normal(), None
        for each in same:
            learns = rng.random(CHILDREN) >= 0.45
            scores = np.where(learns, CHANCE + 0.05 + luck + 0.35 * rng.beta(1.2, 2.5, CHILDREN), CHANCE)
            first = scores[:5] if first is None else first
            scores[:5] = first
            results = Results(
                numbers=range(CHILDREN),
                rules=["g m id id mul"] * CHILDREN,
                keys=["g*m"] * CHILDREN,
                charged=[True] * CHILDREN,
                statuses=[Status.OK] * CHILDREN,
                scores=scores.tolist(),
                learning_rates=[0.01] * CHILDREN,
            )
            runs.append(
                RunResults(
                    header=each, state=RunState.FINISHED, active=False, started=0.0, seconds=1.0, results=results
                )
            )
    return runs


def alarms(case: str, searchers: int, seeds: int) -> dict[str, float]:
    """How often any two equal searchers are called different, from runs to places; and with no correction."""
    rng = np.random.default_rng(derive_seed(0, "alarms", case, searchers, seeds))
    headers = [[header(searcher, seed) for seed in range(seeds)] for searcher in range(searchers)]
    hashes = {id(each): COMPARABLE.fget(each) for same in headers for each in same}
    RunHeader.comparable = property(lambda self: hashes[id(self)])  # the same hash, worked out once: most of the time
    raised = uncorrected = 0
    for _ in range(RACES):
        if case == "same searcher":
            (board,) = boards(null_race(headers, rng), top=0)
            found = board.comparisons
            raised += any(row.places != (1, searchers) for row in board.rows)
        else:  # the test takes both signs for equally likely, which these differences do not give it
            shapes = [breakthrough if searcher % 2 else normal for searcher in range(searchers)]
            areas = {str(index): dict(enumerate(shape(rng, seeds).tolist())) for index, shape in enumerate(shapes)}
            found = compare(areas, seed=0)
            raised += any(each.different for each in found)
        uncorrected += any(each.test is not None and each.test.p <= LEVEL for each in found)
    return {"alarms": raised / RACES, "uncorrected": uncorrected / RACES}


def power(case: str, comparisons: int, seeds: int) -> dict[str, float]:
    """How often a difference of the stated minimum detectable effect is found, at the level of Holm's first step."""
    rng = np.random.default_rng(derive_seed(0, "power", case, comparisons, seeds))
    spread = SIGMA * np.sqrt(2) if case == "normal" else float(np.hypot(0.06 * np.sqrt(5) / 6, np.sqrt(1.25) * SIGMA))
    effect = detectable(spread, pairs=seeds, comparisons=comparisons)
    assert effect is not None
    found = 0
    for race in range(RACES):
        differences = effect + SHAPES[case](rng, seeds) - normal(rng, seeds)
        found += sign_flip(differences.tolist(), seed=race) <= LEVEL / comparisons
    return {"power": found / RACES, "effect": effect / spread}


def without_bootstrap(values: Sequence[float], *, seed: int) -> Estimate:
    """Stands in for ``bootstrapped`` where no interval is looked at: places and p values do not depend on any."""
    del seed
    return Estimate(float(np.mean(values)), None, None, len(values))


def cells() -> Iterator[Cell]:
    """Everything that is simulated; under ``power``, searchers are two with 1 comparison and six with 15."""
    for case in SHAPES:
        for seeds in (3, 6, 10, 20):
            yield "coverage", case, 1, seeds
    for case in ("same searcher", "same mean"):
        for searchers in (2, 6):
            for seeds in (6, 10, 20):
                yield "alarms", case, searchers, seeds
    for case in ("normal", "breakthrough"):
        for searchers in (2, 6):
            for seeds in (6, 8, 10, 12, 15, 20) if searchers == 2 else (10, 12, 15, 20):
                yield "power", case, searchers, seeds


def main(*parts: str) -> None:
    """Simulate what is missing, and write the tables."""
    rows = list(csv.DictReader(FIGURES.open(newline=""))) if FIGURES.exists() else []
    known = {(row["part"], row["case"], int(row["searchers"]), int(row["seeds"])) for row in rows}
    if not FIGURES.exists():
        FIGURES.write_text(",".join(FIELDS) + "\n")
    for part, case, searchers, seeds in cells():
        if (part, case, searchers, seeds) in known or (parts and part not in parts):
            continue
        statistics.bootstrapped = bootstrapped if part == "coverage" else without_bootstrap
        if part == "coverage":
            found = coverage(case, seeds)
        elif part == "alarms":
            found = alarms(case, searchers, seeds)
        else:
            found = power(case, searchers * (searchers - 1) // 2, seeds)
        with FIGURES.open("a", newline="") as file:
            for figure, value in found.items():
                csv.writer(file, lineterminator="\n").writerow(
                    (part, case, searchers, seeds, figure, f"{value:.4f}", RACES)
                )
        print(part, case, searchers, seeds, found, flush=True)
    report()


def report() -> None:
    """Write everything below the mark of README.md anew."""
    with FIGURES.open(newline="") as file:
        rows = list(csv.DictReader(file))
    value = {
        (row["part"], row["case"], int(row["searchers"]), int(row["seeds"]), row["figure"]): float(row["value"])
        for row in rows
    }
    lines = ["", "### Coverage of the 95% interval", "", "| areas | seeds | BCa | Student's t |", "|---|---|---|---|"]
    done = [each for each in cells() if any(key[:4] == each for key in value)]
    for part, case, searchers, seeds in done:
        if part == "coverage":
            both = (value[part, case, searchers, seeds, name] for name in ("BCa", "Student"))
            lines.append(f"| {case} | {seeds} | " + " | ".join(f"{each:.1%}" for each in both) + " |")
    lines += ["", "### False alarms", "", "| null | searchers | seeds | any two called different | without Holm |"]
    lines.append("|---|---|---|---|---|")
    for part, case, searchers, seeds in done:
        if part == "alarms":
            both = (value[part, case, searchers, seeds, name] for name in ("alarms", "uncorrected"))
            lines.append(f"| {case} | {searchers} | {seeds} | " + " | ".join(f"{each:.1%}" for each in both) + " |")
    lines += ["", "### Power at the minimum detectable effect", ""]
    lines += ["| differences | searchers | seeds | effect, in standard deviations | found |", "|---|---|---|---|---|"]
    for part, case, searchers, seeds in done:
        if part == "power":
            effect, found = (value[part, case, searchers, seeds, name] for name in ("effect", "power"))
            lines.append(f"| {case} | {searchers} | {seeds} | {effect:.2f} | {found:.1%} |")
    readme = HERE / "README.md"
    text, mark, _ = readme.read_text().partition(MARK)
    readme.write_text(text + mark + "\n".join(["", *lines, ""]))


if __name__ == "__main__":
    main(*sys.argv[1:])
