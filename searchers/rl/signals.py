"""What the controller remembers of past rewards: a moving baseline, a recent quantile and a queue of the best."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import torch
from torch import Tensor

LEAST_SPREAD = 1e-3  # of rewards; smaller differences are not blown up to advantages of order 1 (**D**)


class Baseline:
    """Exponential moving averages of past rewards and of their squared distance from it (protocol §4).

    The first batch, which has no past, is measured against its own mean and variance (**D**).

    Args:
        decay: weight of the past against one batch, 0 to 1.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.mean = math.nan
        self.variance = math.nan

    def advantages(self, scores: Tensor, *, normalize: bool) -> Tensor:
        """Rewards less the average of those before them, shape ``(batch,)``; then the batch joins the average.

        Args:
            scores: rewards, shape ``(batch,)``.
            normalize: divide by the running standard deviation.
        """
        if math.isnan(self.mean):
            self.mean = float(scores.mean())
            self.variance = float((scores - self.mean).square().mean())
        advantages = scores - self.mean
        self.variance += (1 - self.decay) * (float(advantages.square().mean()) - self.variance)
        self.mean += (1 - self.decay) * float(advantages.mean())
        return advantages / max(math.sqrt(self.variance), LEAST_SPREAD) if normalize else advantages


class Recent:
    """The last rewards, for a quantile that a batch of five is too small to give (**D**).

    Args:
        window: how many are kept.
    """

    def __init__(self, window: int) -> None:
        self._scores: deque[float] = deque(maxlen=window)

    def quantile(self, scores: Tensor, fraction: float) -> float:
        """Take a batch in, and return the (1 − fraction)-quantile of the window, the batch included."""
        self._scores.extend(scores.tolist())
        return float(np.quantile(np.array(self._scores), 1.0 - fraction))

    @property
    def spread(self) -> float:
        """Standard deviation in the window, not below ``LEAST_SPREAD``."""
        return max(float(np.std(np.array(self._scores))), LEAST_SPREAD)


class Elites:
    """The k best functions so far, each once (Abolafia et al. 2018). Of two equals the earlier stays.

    With a resolution, each behaviour is there once (**D**): variants of the best rule by a term that does nothing would
    soon be the whole queue.

    Args:
        size: k.
        resolution: scores that differ by less are one behaviour, of which the better stays.
    """

    def __init__(self, size: int, *, resolution: float = 0.0) -> None:
        self.size = size
        self.resolution = resolution
        self._best: dict[str, tuple[float, Tensor]] = {}  # key → score and picks, best first

    def __len__(self) -> int:
        return len(self._best)

    def offer(self, key: str, score: float, picks: Tensor) -> None:
        """Let a rule in if it belongs to the best, its function is not there yet, and no better rule of its behaviour.

        Args:
            key: its function, ``Rule.key``.
            score: its reward.
            picks: how it is written, shape ``(positions,)``.
        """
        if key in self._best or any(0.0 <= held - score < self.resolution for held, _ in self._best.values()):
            return
        self._best = {k: (held, p) for k, (held, p) in self._best.items() if not 0.0 < score - held < self.resolution}
        self._best[key] = (score, picks)
        ranked = sorted(self._best.items(), key=lambda item: -item[1][0])  # stable, so that ties go by age
        self._best = dict(ranked[: self.size])

    @property
    def keys(self) -> list[str]:
        """The functions held, best first."""
        return list(self._best)

    @property
    def scores(self) -> list[float]:
        """Their rewards, best first."""
        return [score for score, _ in self._best.values()]

    @property
    def picks(self) -> Tensor:
        """Their picks, best first, shape ``(held, positions)``."""
        return torch.stack([picks for _, picks in self._best.values()])
