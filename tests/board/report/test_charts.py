"""What is drawn, and what its words claim."""

from __future__ import annotations

import pytest
from confirming import confirmed

from harness.board.report.charts import charts
from harness.board.report.document import report
from harness.race.runs import RunState


def test_words_over_time_are_told_by_the_last_part_that_has_any(run) -> None:
    words = charts(report([run(0.1, 0.2, 0.3), run(searcher="gp", state=RunState.STOPPED)]))["b1-words"]
    assert "random ends with g 100%, m 100%, v 100%." in words["alt"]
    assert "gp ends" not in words["alt"]
    (shares,) = [dict(zip(words["vocabulary"], each["shares"], strict=True)) for each in words["series"][:1]]
    assert shares["g"] == [1.0, None, None, 1.0, None, None, 1.0, None, None, None]


def test_a_retraining_that_failed_counts_with_chance_in_the_mean_curve(run) -> None:
    records = confirmed(run(0.1).header, {"m": [0.6, 0.8, None]})
    epochs = charts(report(records))["r1-c1-epochs"]
    assert epochs["mean"] == pytest.approx([(0.3 + 0.4 + 0.1) / 3, (0.55 + 0.75 + 0.1) / 3, (0.6 + 0.8 + 0.1) / 3])
    assert len(epochs["lines"]) == 2, "a failure without a curve is not drawn"
    assert "mean over 3 seeds, of which 1 failed and count with chance" in epochs["alt"]
    sweep = charts(report(records))["r1-c1-sweep"]
    assert "mean over the seeds that tried it, 2 of 3: 0.001: 0.200, 0.01: 0.300." in sweep["alt"]
