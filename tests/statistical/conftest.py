"""Simulated races, many and fast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from harness.board import statistics
from harness.board.statistics import Estimate


@pytest.fixture
def without_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the bootstrap, on which no place and no p value depends."""

    def mean(values: Sequence[float], *, seed: int) -> Estimate:
        del seed
        return Estimate(float(np.mean(values)), None, None, len(values))

    monkeypatch.setattr(statistics, "bootstrapped", mean)
