"""Optuna's samplers over the box: their settings arrive, they learn, and they make no noise."""

from __future__ import annotations

import numpy as np
import pytest

from harness.blackbox.contracts import BoxOptimizer
from harness.searchers.box.optuna_points import CmaEsPoints, EstimatedGpPoints, OptunaPoints, ParzenPoints

TARGET = np.array([0.2, 0.7])


def distances(optimizer: BoxOptimizer, steps: int) -> list[float]:
    """How far from the minimum of a bowl each point lies."""
    found: list[float] = []
    for _ in range(steps):
        point = optimizer.ask(1)
        found.append(float(np.linalg.norm(point[0] - TARGET[: point.shape[1]])))
        optimizer.tell(point, np.array([found[-1] ** 2]))
    return found


@pytest.mark.parametrize(
    ("factory", "steps", "last", "close"),
    [(CmaEsPoints, 150, 20, 0.2), (ParzenPoints, 60, 20, 0.25), (EstimatedGpPoints, 16, 5, 0.1)],
)
def test_they_approach_the_minimum_of_a_bowl(factory: type, steps: int, last: int, close: float) -> None:
    """The last of so many uniform points were as close on average three times in a million runs, or never."""
    assert np.mean(distances(factory(2, seed=0), steps)[-last:]) < close


@pytest.mark.parametrize("factory", [ParzenPoints, EstimatedGpPoints])
def test_startup_says_how_many_points_do_not_depend_on_values(factory: type) -> None:
    def points(sign: float) -> list[np.ndarray]:
        optimizer: OptunaPoints = factory(2, seed=0, startup=3)
        asked = []
        for _ in range(5):
            asked.append(optimizer.ask(1))
            optimizer.tell(asked[-1], sign * asked[-1].sum(1))
        return asked

    for step, (up, down) in enumerate(zip(points(1.0), points(-1.0), strict=True)):
        assert np.array_equal(up, down) == (step < 3)


def test_a_joint_model_and_more_candidates_propose_other_points() -> None:
    found = {
        tuple(distances(ParzenPoints(2, seed=0, startup=2, **settings), 6)[2:])  # type: ignore[arg-type]
        for settings in ({}, {"joint": True}, {"candidates": 200})
    }
    assert len(found) == 3


def test_a_process_that_knows_of_noise_proposes_other_points() -> None:
    found = {tuple(distances(EstimatedGpPoints(2, seed=0, startup=4, exact=exact), 6)) for exact in (True, False)}
    assert len(found) == 2


def test_nothing_is_announced(capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    for optimizer in (CmaEsPoints(2, seed=0), ParzenPoints(2, seed=0, joint=True), EstimatedGpPoints(2, seed=0)):
        distances(optimizer, 12)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_optunas_division_by_zero_warns_nobody(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """It divides shares by their sum, 0, where no point promises an improvement, which takes a hundred steps."""
    monkeypatch.setattr(OptunaPoints, "ask", lambda _, count: np.zeros((count, 1)) / np.zeros(1))
    assert EstimatedGpPoints(1, seed=0).ask(2).shape == (2, 1)
    assert not recwarn.list
