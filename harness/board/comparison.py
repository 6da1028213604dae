"""Compare all pairs of entrants: who is significantly ahead, and which differences were too small to see (protocol §3).

Each pair is tested over the seeds that both have. Holm's correction over all pairs keeps the probability of calling any
two equal entrants different at 5%. A searcher's place is the range that these verdicts leave open.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import scipy  # which loads its parts when they are first used

from harness.board.statistics import LEAST_PAIRS, MOST_PAIRS, Estimate, PairedTest, paired, student

LEVEL = 0.05  # probability of calling any equal entrants different, over all pairs of a board
POWER = 0.8  # at which the minimum detectable effect is computed


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is known of the difference between two entrants.

    Attributes:
        first: label of one entrant.
        second: label of the other.
        test: the test of the differences, first minus second; None if they share no seed.
        adjusted: its p after Holm's correction; None if the pair is underpowered or repeated, and so left out of the
            correction.
        detectable: the minimum detectable effect (see ``detectable``); None if no difference can be detected.
        repeated: whether each of the two has the same figure on all its seeds, so that all pairs are one pair, which
            was counted again and again.
    """

    first: str
    second: str
    test: PairedTest | None = None
    adjusted: float | None = None
    detectable: float | None = None
    repeated: bool = False

    @property
    def pairs(self) -> int:
        """How many seeds both have."""
        return self.test.pairs if self.test else 0

    @property
    def different(self) -> bool:
        """Whether the difference is significant."""
        return self.adjusted is not None and self.adjusted <= LEVEL

    @property
    def verdict(self) -> str:
        """``different``, ``not separated``, or ``underpowered`` if too few shared seeds, or equal ones, cannot tell."""
        if self.adjusted is None:
            return "underpowered"
        return "different" if self.different else "not separated"

    def turned(self) -> Comparison:
        """Return the same comparison with the two entrants exchanged."""
        test = self.test
        if test:
            was = test.difference
            low, high = (None if end is None else -end for end in (was.high, was.low))
            test = replace(test, difference=Estimate(-was.mean, low, high, was.count))
        return replace(self, first=self.second, second=self.first, test=test)


def compare(
    figures: Mapping[str, Mapping[int, float]], *, seed: int, repeated: Collection[str] = ()
) -> tuple[Comparison, ...]:
    """Compare every entrant with every other, pairing by seed.

    Args:
        figures: each entrant's figure by seed, keyed by the entrant's label.
        seed: seed of the resampling.
        repeated: entrants of which all seeds are one piece of evidence, since nothing about them is random.

    Returns:
        One comparison for each pair, in the order of ``figures``.
    """
    found, tests = [], math.comb(len(figures), 2)
    for first, second in itertools.combinations(figures, 2):
        common = sorted(figures[first].keys() & figures[second].keys())
        differences = [figures[first][each] - figures[second][each] for each in common]
        test = paired(differences, seed=seed, tests=tests) if differences else None
        twice = first in repeated and second in repeated
        found.append(Comparison(first=first, second=second, test=test, repeated=twice))
    return corrected(found)


def corrected(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Return comparisons of all pairs with Holm's correction, and with what each could detect."""
    found = list(comparisons)
    tests = {
        place: each.test
        for place, each in enumerate(found)
        if each.test and not each.test.underpowered and not each.repeated
    }
    adjusted = holm([test.p for test in tests.values()])
    for (place, test), chance in zip(tests.items(), adjusted, strict=True):
        effect = detectable(test.spread or 0.0, pairs=test.pairs, comparisons=len(tests))
        found[place] = replace(found[place], adjusted=chance, detectable=effect)
    return tuple(found)


def holm(chances: Sequence[float]) -> tuple[float, ...]:
    """Correct p values for multiple tests (Holm 1979): the i-th smallest of m times m − i + 1, never decreasing."""
    adjusted, floor = [0.0] * len(chances), 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        floor = max(floor, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = floor
    return tuple(adjusted)


def places(labels: Sequence[str], comparisons: Sequence[Comparison]) -> dict[str, tuple[int, int]]:
    """Return each entrant's best and worst place: behind all shown to be better, ahead of all shown to be worse."""
    better: Counter[str] = Counter()
    worse: Counter[str] = Counter()
    for each in comparisons:
        if each.different and each.test:
            ahead = each.test.difference.mean > 0
            better[each.second if ahead else each.first] += 1
            worse[each.first if ahead else each.second] += 1
    return {label: (1 + better[label], len(labels) - worse[label]) for label in labels}


def pairs_needed(comparisons: int) -> int:
    """Return the fewest pairs n at which so many tests can find anything: 2/2ⁿ times their number is at most 5%."""
    return max(LEAST_PAIRS, math.ceil(math.log2(2 * max(1, comparisons) / LEVEL)))


def seeds_needed(searchers: int) -> int:
    """Return the fewest shared seeds at which every pair of so many searchers can be compared."""
    return pairs_needed(math.comb(searchers, 2))


def to_compare(searchers: int, noun: str = "searchers", over: str = "shared seeds") -> str:
    """Return ``seeds_needed`` in words, as a board's note and its report both say it."""
    return f"with {searchers} {noun} it takes {seeds_needed(searchers)} {over} to compare every pair"


def detectable(spread: float, *, pairs: int, comparisons: int = 1) -> float | None:
    """Return the minimum detectable effect: the mean difference that the test finds four times in five.

    The level is that of Holm's first step: 5% divided by the number of comparisons, rounded down to a p that the exact
    test can give. A difference that is not the first to be found is therefore easier to find. Differences are assumed
    to be normal with the observed spread. The power is that of the paired t test or, if only differences that all have
    one sign are significant, Φ(δ/σ)ⁿ. In simulations (``results/studies/statistics``) such differences are found 79 to
    82% of the time, and 74% in the worst case, where the steps of p are coarse.

    Args:
        spread: standard deviation of the differences.
        pairs: their number.
        comparisons: how many tests Holm's correction covers.

    Returns:
        The effect in the units of ``spread``. None if so few pairs can detect nothing at all, or if the spread is zero,
        as for two searchers that made the same proposals: that says nothing about what could be detected.
    """
    if pairs < pairs_needed(comparisons) or not spread:
        return None
    return spread * _standard_effect(pairs, comparisons)


@functools.cache
def _standard_effect(pairs: int, comparisons: int) -> float:
    """Return ``detectable`` in standard deviations of the differences."""
    level = LEVEL / comparisons
    if pairs <= MOST_PAIRS:
        steps = 2 ** (pairs - 1)  # p comes in steps of 2/2ⁿ
        level = math.floor(level * steps) / steps
        if level == 1 / steps:
            return float(scipy.special.ndtri(POWER ** (1 / pairs)))
    freedom = pairs - 1
    critical = student(1 - level / 2, freedom)
    shift = scipy.optimize.brentq(
        lambda shift: scipy.stats.nct.sf(critical, freedom, shift) - POWER, 0.0, 10 + 4 * critical
    )
    return float(shift) / math.sqrt(pairs)
