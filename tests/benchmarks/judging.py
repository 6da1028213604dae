"""Whether one revision is slower than another: an exact rank test and a bound on the ratio must both say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import comb
from statistics import median

from scipy.stats import mannwhitneyu

from harness.board.comparison import holm

ODDS = 0.01  # of any false alarm in a whole table, at most
RATIO = 1.15  # of the medians; less is not called a change, however sure


class Verdict(StrEnum):
    """What is said of one benchmark."""

    REGRESSION = "regression"
    FASTER = "faster"
    SAME = "no change shown"
    ONLY_HERE = "does not run there"
    ONLY_THERE = "does not run here"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One benchmark in two revisions.

    Attributes:
        name: the benchmark.
        here: median of this revision's times, in seconds; NaN if it has none.
        there: median of the other's.
        p: of the rank test, corrected for the number of benchmarks; 1 where nothing could be compared.
        verdict: what follows.
    """

    name: str
    here: float
    there: float
    p: float
    verdict: Verdict

    @property
    def ratio(self) -> float:
        """This revision's time over the other's."""
        return self.here / self.there


def compare(here: Mapping[str, Sequence[float]], there: Mapping[str, Sequence[float]]) -> list[Comparison]:
    """Compare the times of each benchmark, one for each process.

    The test is Wilcoxon, Mann and Whitney's, two-sided, with its exact distribution; its p is corrected by Holm's
    method for the number of benchmarks. If nothing changed, some benchmark of the table is called changed with
    probability ``ODDS`` at most, less by what the bound on the ratio keeps out.

    Args:
        here: seconds by benchmark, this revision's.
        there: the other's.
    """
    both = [name for name in here if name in there]
    raw = [
        float(mannwhitneyu(here[name], there[name], alternative="two-sided", method="exact").pvalue) for name in both
    ]
    corrected = dict(zip(both, holm(raw), strict=True))
    compared = [_judged(name, median(here[name]), median(there[name]), corrected[name]) for name in both]
    nan = float("nan")
    compared += [
        Comparison(name, median(here[name]), nan, 1.0, Verdict.ONLY_HERE) for name in here if name not in there
    ]
    compared += [
        Comparison(name, nan, median(there[name]), 1.0, Verdict.ONLY_THERE) for name in there if name not in here
    ]
    return compared


def _judged(name: str, here: float, there: float, p: float) -> Comparison:
    verdict = Verdict.SAME
    if p <= ODDS and here > RATIO * there:
        verdict = Verdict.REGRESSION
    elif p <= ODDS and there > RATIO * here:
        verdict = Verdict.FASTER
    return Comparison(name, here, there, p, verdict)


def rounds_needed(benchmarks: int) -> int:
    """The least number of processes a side with which the test can tell one change among so many benchmarks."""
    rounds = 2
    while benchmarks * 2 / comb(2 * rounds, rounds) > ODDS:
        rounds += 1
    return rounds
