"""What meta-training minimizes ([L2L-BB] §2.1): sums over steps, as means over draws. Less is better everywhere.

Improvements are measured against the least value among the earlier points. The first point has none before it, and
counts for ``sum`` alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

Loss = Literal["sum", "ei", "oi"]
LOSSES: tuple[str, ...] = get_args(Loss)


@dataclass(frozen=True, slots=True)
class Unrolled:
    """What some draws were at the points of one unroll; each is (count, steps), float64.

    Attributes:
        values: the draws' values.
        means: their means given the earlier values.
        deviations: their standard deviations given the earlier values.
    """

    values: Tensor
    means: Tensor
    deviations: Tensor


def loss_of(name: Loss, unrolled: Unrolled) -> Tensor:
    """Return a loss by its name, a scalar.

    - ``sum``: Σ_t f(x_t).
    - ``ei``: −Σ_t EI(x_t | y_{<t}), by the draws' own posterior. The gradient is whole: earlier points move it, too.
    - ``oi``: Σ_t min{f(x_t) − min_{i<t} f(x_i), 0}. The gradient stops at the incumbent min_{i<t} f(x_i). Otherwise the
      sum would telescope: each improvement would be taken back from the points that found the incumbent.
    """
    if name == "sum":
        return _summed(unrolled.values)
    incumbents = least(unrolled.values)[:, :-1]
    if name == "ei":
        return -_summed(expected_improvement(unrolled.means[:, 1:], unrolled.deviations[:, 1:], incumbents))
    return _summed((unrolled.values[:, 1:] - incumbents.detach()).clamp(max=0))


def _summed(terms: Tensor) -> Tensor:
    return terms.sum(1).mean()


def least(values: Tensor) -> Tensor:
    """Return the least value up to each step, (count, steps)."""
    return values.cummin(1).values


def expected_improvement(means: Tensor, deviations: Tensor, incumbents: Tensor) -> Tensor:
    """Return E[max{incumbent − y, 0}] for y ~ N(mean, deviation²), elementwise (Jones et al. 1998, equation 15)."""
    below = incumbents - means
    standard = below / deviations
    density = torch.exp(-0.5 * standard.square()) / math.sqrt(2 * math.pi)
    probability: Tensor = torch.special.ndtr(standard)
    return below * probability + deviations * density
