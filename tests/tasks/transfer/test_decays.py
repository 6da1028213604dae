"""Decays on workloads: T is the whole training, and the sweep's epoch is its beginning."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.contracts import Status
from harness.space.zoo import resolve
from harness.tasks.transfer.functions.protocols import ROSENBROCK
from harness.tasks.transfer.functions.rosenbrock import RosenbrockTask, rosenbrock


def test_rosenbrocks_steps_decay_over_the_whole_training() -> None:
    """PowerSign with a linear decay, step for step by hand."""
    small = replace(ROSENBROCK, train_examples=3, epochs=4, learning_rates=(1e-4,))
    (outcome,) = RosenbrockTask(small).evaluate([resolve("powersign-ld")], seed=0)
    place, mean, total = list(ROSENBROCK.start), [0.0, 0.0], 12
    for step in range(total):
        _, slopes = rosenbrock(place)
        mean = [0.9 * m + 0.1 * g for m, g in zip(mean, slopes, strict=True)]
        signs = [math.copysign(1.0, g) * math.copysign(1.0, m) for g, m in zip(slopes, mean, strict=True)]
        factor = 1.0 - step / total
        place = [w - 1e-4 * math.exp(factor * sign) * g for w, sign, g in zip(place, signs, slopes, strict=True)]
    assert outcome.status is Status.OK
    assert outcome.score == pytest.approx(1.0 / (1.0 + rosenbrock(place)[0]), rel=1e-9)
