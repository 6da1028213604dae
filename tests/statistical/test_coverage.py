"""The 95% interval holds the mean about as often as the study says: less than 95% of the time for few seeds."""

from __future__ import annotations

import numpy as np
import pytest

from harness.board import statistics
from harness.board.statistics import bootstrapped


@pytest.mark.parametrize(("seeds", "wanted"), [(6, 0.87), (20, 0.93)])
def test_the_interval_covers_as_published(seeds, wanted, monkeypatch) -> None:
    # 400 intervals: a share of 87% has a standard error of 1.7 points; a miss of 8 has odds under 1 in 100,000
    monkeypatch.setattr(statistics, "RESAMPLES", 999)
    samples = np.random.default_rng(29).normal(0.4, 0.02, (400, seeds))
    found = [bootstrapped(each.tolist(), seed=index) for index, each in enumerate(samples)]
    held = np.mean([each.low <= 0.4 <= each.high for each in found if each.low is not None and each.high is not None])
    assert abs(held - wanted) < 0.08
