"""The pace that a display shows, where children end one by one and where they end together."""

from __future__ import annotations

import pytest
from racing import SPACE, Learner, fake_outcome, header

from harness.race import progress
from harness.race.entry import Entry, Source
from harness.race.progress import Meter


@pytest.mark.parametrize("together", [1, 8, 64])
def test_the_pace_is_that_of_children_however_many_end_together(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    meter, (rule,) = Meter(header()), Learner(SPACE, seed=0).ask(1)
    for delivery in range(40):
        clock[0] += 2.0
        for place in range(together):
            index = delivery * together + place
            outcome = fake_outcome(rule.key, index)
            entry = Entry(index=index, rule=rule, key=rule.key, source=Source.TRAINED, asked=0, told=1, outcome=outcome)
            meter.count(entry)
            clock[0] += 1e-5
    assert meter.progress().children_per_minute == pytest.approx(30 * together, rel=0.02)
