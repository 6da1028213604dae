"""What the controller remembers of past rewards: a moving baseline, a recent quantile and a queue of the best."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import torch
from torch import Tensor

LEAST_SPREAD = 1e-3  # of rewards; smaller differences are not scaled up to advantages of order 1 (**D**)


class Baseline:
    """Exponential moving averages of past rewards and of their squared distances from the average (protocol §4).

    The first batch has no past, so it is compared with its own mean and variance (**D**).

    Args:
        decay: weight of the past relative to one batch, 0 to 1.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.mean = math.nan
        self.variance = math.nan

    def advantages(self, scores: Tensor, *, normalize: bool) -> Tensor:
        """Return rewards minus the average of earlier ones, shape ``(batch,)``; then add the batch to the average.

        Args:
            scores: rewards, shape ``(batch,)``.
            normalize: whether to divide by the running standard deviation.
        """
        if math.isnan(self.mean):
            self.mean = float(scores.mean())
            self.variance = float((scores - self.mean).square().mean())
        advantages = scores - self.mean
        self.variance += (1 - self.decay) * (float(advantages.square().mean()) - self.variance)
        self.mean += (1 - self.decay) * float(advantages.mean())
        return advantages / max(math.sqrt(self.variance), LEAST_SPREAD) if normalize else advantages


class Recent:
    """The last rewards, for a quantile that a batch of five is too small for (**D**).

    Args:
        window: how many are kept.
    """

    def __init__(self, window: int) -> None:
        self._scores: deque[float] = deque(maxlen=window)

    def quantile(self, scores: Tensor, fraction: float) -> float:
        """Add a batch, and return the (1 − fraction)-quantile of the window, which includes the batch."""
        self._scores.extend(scores.tolist())
        return float(np.quantile(np.array(self._scores), 1.0 - fraction))

    @property
    def spread(self) -> float:
        """Return the standard deviation in the window, at least ``LEAST_SPREAD``."""
        return max(float(np.std(np.array(self._scores))), LEAST_SPREAD)


class Elites:
    """The k best functions so far, each once (Abolafia et al. 2018). Among equals the earlier stays.

    With a resolution, each behaviour occurs once (**D**): otherwise variants of the best rule by a term without effect
    would soon fill the queue.

    Args:
        size: k.
        resolution: scores that differ by less count as one behaviour, of which the better rule stays.
    """

    def __init__(self, size: int, *, resolution: float = 0.0) -> None:
        self.size = size
        self.resolution = resolution
        self._best: dict[str, tuple[float, Tensor]] = {}  # key → score and picks, best first

    def __len__(self) -> int:
        return len(self._best)

    def offer(self, key: str, score: float, picks: Tensor) -> None:
        """Add a rule if it is among the best, unless its function or a better rule with its behaviour is there.

        Args:
            key: its function, ``Rule.key``.
            score: its reward.
            picks: the rule as picks, shape ``(positions,)``.
        """
        if key in self._best or any(0.0 <= held - score < self.resolution for held, _ in self._best.values()):
            return
        self._best = {k: (held, p) for k, (held, p) in self._best.items() if not 0.0 < score - held < self.resolution}
        self._best[key] = (score, picks)
        ranked = sorted(self._best.items(), key=lambda item: -item[1][0])  # stable, so that ties go by age
        self._best = dict(ranked[: self.size])

    @property
    def keys(self) -> list[str]:
        """The keys of the functions held, best first."""
        return list(self._best)

    @property
    def scores(self) -> list[float]:
        """Their rewards, best first."""
        return [score for score, _ in self._best.values()]

    @property
    def picks(self) -> Tensor:
        """Their picks, best first, shape ``(held, positions)``."""
        return torch.stack([picks for _, picks in self._best.values()])
