"""How well a search did, and how sure we are: the unit of evidence is one whole search for one seed (protocol §3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.contracts import Trial

CONFIDENCE = 0.95


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


def best_so_far(trials: Sequence[Trial], *, children: int, chance: float) -> NDArray[np.float64]:
    """The best score after each charged child.

    A search that ended early, by its cap on proposals or with nothing left to propose, keeps its last best to the end
    of the budget: children that it could not spend earned it nothing. One that trained none at all has chance (**D**).

    Args:
        trials: in the order proposed; free duplicates are passed over.
        children: the budget B.
        chance: the protocol's score of a failed child.

    Returns:
        Shape ``(children,)``, never falling.
    """
    scores = [trial.outcome.score for trial in trials if trial.charged][:children]
    curve = np.full(children, chance, dtype=np.float64)
    if scores:
        curve[: len(scores)] = np.maximum.accumulate(scores)
        curve[len(scores) :] = curve[len(scores) - 1]
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
