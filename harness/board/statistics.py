"""How well a search did, and how sure we are: the unit of evidence is one whole search for one seed (protocol §3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 9_999  # of a bootstrap
MOST_PAIRS = 20  # of the exact test, which goes through all 2ⁿ signs


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds with its interval.

    Attributes:
        mean: the arithmetic mean.
        low: lower end of the 95% interval; None where one seed gives none.
        high: its upper end.
        count: seeds that it rests on.
    """

    mean: float
    low: float | None
    high: float | None
    count: int

    @property
    def half(self) -> float | None:
        """Half the interval's width: the number behind ±."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def above(self, other: Estimate) -> bool:
        """Whether the whole interval lies above the whole of the other's; never so where either has none."""
        return self.low is not None and other.high is not None and self.low > other.high


def estimate(values: Sequence[float]) -> Estimate:
    """Mean with the 95% interval of Student's t, which takes the seeds for independent draws of a normal figure.

    Args:
        values: one figure a seed, at least one.
    """
    if not values:
        raise ValueError("estimate: expected at least one value, got none")
    mean, count = float(np.mean(values)), len(values)
    if count == 1:
        return Estimate(mean, None, None, 1)
    error = float(stats.sem(values))
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return Estimate(mean, mean - margin, mean + margin, count)


def bootstrapped(values: Sequence[float], *, seed: int) -> Estimate:
    """Mean with its 95% BCa bootstrap interval (Efron 1987), which assumes no shape; narrow for fewer than ten values.

    Args:
        values: one figure a seed, at least one.
        seed: of the resampling, so that a board is the same each time.
    """
    if not values:
        raise ValueError("bootstrapped: expected at least one value, got none")
    mean, count = float(np.mean(values)), len(values)
    if count == 1:
        return Estimate(mean, None, None, 1)
    if max(values) == min(values):
        return Estimate(mean, mean, mean, count)  # BCa is undefined there
    found = stats.bootstrap(
        (np.asarray(values, dtype=np.float64),),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(mean, float(found.low), float(found.high), count)


def sign_flip(differences: Sequence[float]) -> float:
    """Exact two-sided sign-flip test of paired differences: the share of all 2ⁿ choices of signs with as large a mean.

    Under the null hypothesis each difference is as likely to have either sign (Fisher 1935, §21). The smallest p that n
    pairs can give is 2/2ⁿ; a difference of 0 flips to itself.

    Args:
        differences: one a pair, 1 to 20 of them, finite.

    Returns:
        p in (0, 1].
    """
    values = np.asarray(differences, dtype=np.float64)
    if not 1 <= len(values) <= MOST_PAIRS or not np.isfinite(values).all():
        raise ValueError(f"sign_flip: expected 1 to {MOST_PAIRS} finite differences, got {list(differences)}")
    sums = values[:1]  # the first sign stays as it is: turning all signs round changes no size
    for value in values[1:]:
        sums = np.concatenate([sums + value, sums - value])
    slack = 1e-12 * float(np.abs(values).sum())  # equal sums, added in another order, count as equal
    return float(np.mean(np.abs(sums) >= abs(float(values.sum())) - slack))


def best_so_far(scores: Sequence[float], *, children: int, chance: float) -> NDArray[np.float64]:
    """The best score after each charged child.

    A search that ended early, by its cap on proposals or with nothing left to propose, keeps its last best to the end
    of the budget: children that it could not spend earned it nothing. One that trained none at all has chance (**D**).

    Args:
        scores: of the charged children, in the order proposed.
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
    """The expected best of k of the scores drawn without replacement, for k = 1 … children.

    Of N scores in ascending order x₁ … x_N, the best of k lies at or below xᵢ with probability C(i, k)/C(N, k), so its
    mean is x_N − Σᵢ (xᵢ₊₁ − xᵢ) C(i, k)/C(N, k). Beyond k = N nothing is left to draw, and the curve stays.

    Args:
        scores: at least one.
        children: the length wanted.

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
    for drawn in range(1, min(children, count - 1) + 1):
        possible = below[drawn - 1 :]  # C(i, k) is 0 where i < k
        possible *= places[: count - drawn]  # C(i, k)/C(N, k) from that of k − 1: times i − k + 1, here 1, 2, …
        possible /= count - drawn + 1
        curve[drawn - 1] -= float(possible @ rises[drawn - 1 :])
    return curve


def area(curve: NDArray[np.float64]) -> float:
    """Normalised area under best-so-far: its mean over charged children 1 … B, so in [0, 1] as scores are."""
    return float(np.mean(curve))


def median_curve(curves: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The median over seeds, child by child.

    Args:
        curves: each of shape ``(children,)``, at least one.

    Returns:
        Shape ``(children,)``.
    """
    middle: NDArray[np.float64] = np.median(np.stack(curves), axis=0)
    return middle
