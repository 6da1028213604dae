"""How far a training is, and the factors of rules that fall with it (protocol §6).

::

    Progress(step=50, total=100).factor("ld")  # 0.5
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CD_PERIODS = 0.5  # n of ``cd``: half a period, which falls from 1 to 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is.

    Attributes:
        step: t, the steps taken before this one; more than ``total`` count as ``total``.
        total: T, the steps of the whole training, at least 1.
        rd_periods: n of ``rd``.
    """

    step: int
    total: int
    rd_periods: float = 1.0

    def factor(self, name: str) -> float:
        """Return ``ld``, ``cd`` or ``rd``, in [0, 1]; each is 1 at the first step."""
        return factor(name, self.step, self.total, periods=self.rd_periods if name == "rd" else CD_PERIODS)

    @property
    def deviation(self) -> float:
        """The standard deviation of ``anneal``, whose variance is 1/(1+t)^0.55; that of ``noise`` does not change."""
        return math.sqrt(1.0 / (1.0 + min(self.step, self.total)) ** 0.55)


def factor(name: str, step: int, total: int, *, periods: float) -> float:
    """Return a decay.

    Args:
        name: ``ld`` is 1 − t/T, ``cd`` is ½(1+cos(2πn·t/T)), and ``rd`` is ½(1+cos(π·((n·t) mod T)/T)).
        step: t; more than ``total`` count as ``total``.
        total: T.
        periods: n; ``ld`` has none.
    """
    t = min(step, total)
    match name:
        case "ld":
            return 1.0 - t / total
        case "cd":
            return 0.5 * (1.0 + math.cos(2.0 * math.pi * periods * t / total))
        case "rd":
            return 0.5 * (1.0 + math.cos(math.pi * math.fmod(periods * t, total) / total))
    raise ValueError(f"{name} is no decay")
