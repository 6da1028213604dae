"""How well a search did, and how sure that is: one search with one seed is one piece of evidence (protocol §3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # which loads its parts when they are first used
from numpy.typing import NDArray

from harness.contracts import Status
from harness.seeds import derive_seed

CONFIDENCE = 0.95
RESAMPLES = 9_999  # in a bootstrap
RESAMPLED_AT_ONCE = 100_000  # numbers, which change no bit of an interval; so many stay in a processor's cache
LEAST_VALUES = 3  # for a bootstrap: two values have three means, whose range covers the true mean half of the time
ROUNDING = 1e-12  # relative to the values; values that differ by less are equal
MOST_PAIRS = 20  # for the exact test, which goes through all 2ⁿ choices of signs
LEAST_PAIRS = 6  # for a test that can reach 5%: the smallest p of n pairs is 2/2ⁿ
FLIPS = 19_999  # choices of signs drawn when there are too many to go through; more for many tests
FLIPS_A_TEST = 200  # drawn for each test that Holm's correction covers, so that corrected p may be small
FLIPS_AT_ONCE = 10_000
DOT_AT_ONCE = 8_192  # numbers multiplied; from 10,000 on, threads share the work and slow each other on a busy machine
NEGLIGIBLE = 1e-40  # a probability that changes no score


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds with its interval.

    Attributes:
        mean: the arithmetic mean.
        low: lower end of the 95% interval; None if there are too few seeds for one.
        high: its upper end.
        count: how many seeds it is based on.
    """

    mean: float
    low: float | None
    high: float | None
    count: int


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean with Student's 95% t interval, which assumes independent seeds and a normal distribution.

    Args:
        values: one figure a seed, at least one.
    """
    if not values:
        raise ValueError("estimate: expected at least one value, got none")
    mean, count = float(np.mean(values)), len(values)
    if count == 1:
        return Estimate(mean, None, None, 1)
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    margin = student((1 + CONFIDENCE) / 2, count - 1) * error
    return Estimate(mean, mean - margin, mean + margin, count)


def student(share: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution: that of ``scipy.stats``, which takes long to load."""
    return float(scipy.special.stdtrit(freedom, share))


def bootstrapped(values: Sequence[float], *, seed: int) -> Estimate:
    """Return the mean with its 95% BCa bootstrap interval (Efron 1987), which is too narrow below ten values.

    It assumes no distribution; ``results/studies/statistics`` measures how narrow it is. One or two values give no
    interval (**D**). Equal values, for which BCa is undefined, give an interval of width zero.

    Args:
        values: one figure a seed, at least one.
        seed: of the resampling, so that a board is the same each time.
    """
    if not len(values):
        raise ValueError("bootstrapped: expected at least one value, got none")
    sample = np.asarray(values, dtype=np.float64)
    mean, count = float(np.mean(sample)), len(sample)
    if count < LEAST_VALUES:
        return Estimate(mean, None, None, count)
    if np.ptp(sample) <= ROUNDING * np.abs(sample).max():
        return Estimate(mean, mean, mean, count)
    found = scipy.stats.bootstrap(
        (sample,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        batch=max(1, RESAMPLED_AT_ONCE // count),
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(mean, float(found.low), float(found.high), count)


def sign_flip(differences: Sequence[float], *, seed: int = 0, tests: int = 1) -> float:
    """Two-sided sign-flip test of paired differences: the share of the 2ⁿ choices of signs with as large a mean.

    Under the null hypothesis each difference is as likely to have either sign (Fisher 1935, §21). The smallest p that n
    pairs can give is 2/2ⁿ; a difference of 0 flips to itself. Up to 20 pairs, all choices are counted: each sum of one
    half of the differences is compared with the sorted sums of the other half, which takes 2 × 2ⁿᐟ² numbers instead of
    2ⁿ. Beyond that, 19,999 choices are drawn, or 200 for each of more than 100 tests, and the observed signs count as
    one more (Phipson & Smyth 2010), so p is never 0.

    Args:
        differences: one a pair, at least one, finite.
        seed: seed of the draw.
        tests: how many tests p will be corrected for; a p that is too coarse survives no correction.

    Returns:
        p in (0, 1].
    """
    values = np.asarray(differences, dtype=np.float64)
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(f"sign_flip: expected at least one difference, all finite, got {list(differences)}")
    # equal sums, added in another order, count as equal
    size = abs(float(values.sum())) - ROUNDING * float(np.abs(values).sum())
    if size <= 0:
        return 1.0
    if len(values) <= MOST_PAIRS:
        half = len(values) // 2
        some, others = _signed_sums(values[:half]), np.sort(_signed_sums(values[half:]))
        above = int((len(others) - np.searchsorted(others, size - some)).sum())
        return above / 2.0 ** (len(values) - 1)  # as many lie below −size: flipping all signs changes no size
    rng, reached, flips = np.random.default_rng(seed), 1, max(FLIPS, FLIPS_A_TEST * tests - 1)
    for first in range(0, flips, FLIPS_AT_ONCE):
        shape = (min(FLIPS_AT_ONCE, flips - first), len(values))
        signs = 2 * rng.integers(2, size=shape, dtype=np.int8) - 1
        reached += int((np.abs(signs @ values) >= size).sum())
    return reached / (flips + 1)


def _signed_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of the values under each of the 2ⁿ choices of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Whether two searchers differ, from the differences of one figure over the seeds that both have.

    Attributes:
        difference: mean of the differences, with its interval; its ``count`` is the number of pairs.
        spread: standard deviation of the differences; None for one pair.
        p: p of the two-sided sign-flip test, not corrected for other tests.
    """

    difference: Estimate
    spread: float | None
    p: float

    @property
    def pairs(self) -> int:
        """How many pairs it is based on."""
        return self.difference.count

    @property
    def exact(self) -> bool:
        """Whether all choices of signs were counted, not only a sample."""
        return self.pairs <= MOST_PAIRS

    @property
    def underpowered(self) -> bool:
        """Whether there are so few pairs that no difference, however large, could reach 5%."""
        return self.pairs < LEAST_PAIRS


def paired(differences: Sequence[float], *, seed: int, tests: int = 1) -> PairedTest:
    """Test paired differences against zero.

    Args:
        differences: one a pair, at least one, finite.
        seed: seed of the interval's resampling and, beyond 20 pairs, of the drawn signs.
        tests: how many tests p will be corrected for.
    """
    p = sign_flip(differences, seed=derive_seed(seed, "signs"), tests=tests)
    spread = float(np.std(differences, ddof=1)) if len(differences) > 1 else None
    return PairedTest(bootstrapped(differences, seed=derive_seed(seed, "interval")), spread, p)


def paired_t(differences: Sequence[float]) -> float:
    """Return the two-sided p of the paired t test, which assumes independent, normally distributed differences.

    It is for few pairs and many comparisons, where the smallest p of the sign-flip test, 2/2ⁿ, survives no correction.

    Args:
        differences: one a pair, at least two, finite.

    Returns:
        p in [0, 1]; 1 where all differences are 0.
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"paired_t: expected at least two differences, all finite, got {list(differences)}")
    if np.ptp(values) <= ROUNDING * np.abs(values).max():
        return 1.0 if not values.any() else 0.0
    return float(scipy.stats.ttest_1samp(values, 0.0).pvalue)


def trained(status: Status, curve: Sequence[float]) -> Sequence[float]:
    """Return a child's scores by epoch, without the chance by which a failure ends: it reached nothing there."""
    return curve if status is Status.OK else curve[:-1]


def best_so_far(scores: Sequence[float], *, children: int, chance: float) -> NDArray[np.float64]:
    """Return the best score after each charged child.

    A search that ended early, because it reached its cap on proposals or had nothing left to propose, keeps its last
    best score to the end of the budget: children that it did not train earn it nothing. A search that trained no child
    at all scores chance (**D**).

    Args:
        scores: scores of the charged children, in the order proposed.
        children: the budget B.
        chance: the protocol's score of a failed child.

    Returns:
        Shape ``(children,)``, never falling.
    """
    scores = scores[:children]
    curve = np.full(children, chance, dtype=np.float64)
    if scores:
        curve[: len(scores)] = np.maximum.accumulate(scores)
        curve[len(scores) :] = curve[len(scores) - 1]
    return curve


def expected_best(scores: Sequence[float], *, children: int) -> NDArray[np.float64]:
    """Return the expected best of k scores drawn without replacement, for k = 1 … children.

    With N scores in ascending order x₁ … x_N, the best of k lies at or below xᵢ with probability C(i, k)/C(N, k), so
    its mean is x_N − Σᵢ (xᵢ₊₁ − xᵢ) C(i, k)/C(N, k). Beyond k = N nothing is left to draw, and the curve stays
    constant. The more scores are drawn, the fewer can be the best: negligible terms are left out, which keeps the work
    near N log N.

    Args:
        scores: at least one.
        children: length of the result.

    Returns:
        Shape ``(children,)``, never falling.
    """
    if not len(scores):
        raise ValueError("expected_best: expected at least one score, got none")
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    count, rises = len(ordered), np.diff(ordered)
    places = np.arange(1, count, dtype=np.float64)  # i
    below = np.ones(count - 1)
    curve = np.full(children, ordered[-1])
    least = 0  # the first place that can be the best
    for drawn in range(1, min(children, count - 1) + 1):
        least = max(least, drawn - 1)  # C(i, k) is 0 where i < k
        possible = below[least:]
        possible *= places[least - drawn + 1 : count - drawn]  # C(i, k)/C(N, k) from that of k − 1: times i − k + 1
        possible /= count - drawn + 1
        for start in range(0, len(possible), DOT_AT_ONCE):
            part = slice(start, start + DOT_AT_ONCE)
            curve[drawn - 1] -= float(possible[part] @ rises[least:][part])
        least += int(np.searchsorted(possible, NEGLIGIBLE))  # they rise with i
    return curve


def area(curve: NDArray[np.float64]) -> float:
    """Return the normalised area under best-so-far: its mean over charged children 1 … B, in [0, 1] like scores."""
    return float(np.mean(curve))


def median_curve(curves: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the median over seeds, child by child.

    Args:
        curves: each of shape ``(children,)``, at least one.

    Returns:
        Shape ``(children,)``.
    """
    middle: NDArray[np.float64] = np.median(np.stack(curves), axis=0)
    return middle


def quartile_curves(curves: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper quartile over seeds, child by child: a band that shows how far seeds spread (**D**).

    Args:
        curves: each of shape ``(children,)``, at least one.

    Returns:
        Two arrays of shape ``(children,)``.
    """
    low, high = np.quantile(np.stack(curves), [0.25, 0.75], axis=0)
    return low, high


@dataclass(frozen=True, slots=True)
class Reached:
    """How soon a searcher's runs reached a target score.

    Attributes:
        target: the score.
        children: the child that reached it, by seed; None if the budget ended first.
    """

    target: float
    children: tuple[int | None, ...]

    @property
    def count(self) -> int:
        """How many seeds reached it."""
        return sum(each is not None for each in self.children)

    @property
    def median(self) -> float | None:
        """The median over all seeds, counting seeds that never reached it as infinitely late; None if that is infinite.

        A median over the successful seeds alone would reward a searcher for failing on the hard ones.
        """
        middle = float(np.median([math.inf if each is None else each for each in self.children]))
        return middle if math.isfinite(middle) else None


def reached(curves: Sequence[NDArray[np.float64]], *, target: float) -> Reached:
    """Return when each run's best-so-far reached a target.

    Args:
        curves: best-so-far, one a seed, each of shape ``(children,)``.
        target: the score to reach.
    """
    found = (np.flatnonzero(curve >= target) for curve in curves)
    return Reached(target, tuple(int(places[0]) + 1 if len(places) else None for places in found))
