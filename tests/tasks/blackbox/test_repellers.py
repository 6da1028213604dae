from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from harness.tasks.blackbox import repellers
from harness.tasks.blackbox.repellers import Repellers, paths, reward, rewards

WEAK = np.array([[0.3, 0.5, 0.0, 0.7, 0.5, 0.0]])


def by_hand(parameters: list[float], start: tuple[float, float]) -> tuple[list[tuple[float, float]], float]:
    """One particle in plain Python: its path, and its discounted reward."""
    (x, y), vx, vy, path, earned = start, 0.0, 0.0, [start], 0.0
    for step in range(60):
        ax, ay = 0.0, -0.5
        for rx, ry, strength in (parameters[:3], parameters[3:]):
            distance = np.hypot(x - rx, y - ry)
            force = 0.12 * max(strength, 0) / max(distance, 0.05) * min(distance / 0.05, 1)
            ax, ay = ax + force * (x - rx) / distance, ay + force * (y - ry) / distance
        vx, vy = vx + 0.04 * ax, vy + 0.04 * ay
        x, y = x + 0.04 * vx, y + 0.04 * vy
        path.append((x, y))
        peaks = ((0.2, 0.55, 1.0), (0.8, 0.35, 1.5), (0.55, 0.1, 0.7))
        here = sum(h * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 0.1**2)) for px, py, h in peaks)
        earned += 0.04 * 0.98**step * here
    return path, earned


def test_paths_and_rewards_are_those_of_a_particle_in_plain_python() -> None:
    parameters = [0.4, 0.7, 0.9, 0.62, 0.5, 0.4]
    told = [by_hand(parameters, start) for start in ((0.35, 1.0), (0.5, 1.0), (0.65, 1.0))]
    whole = np.array([parameters])
    assert paths(whole)[0] == pytest.approx(np.array([path for path, _ in told]), abs=1e-12)
    assert rewards(whole)[0] == pytest.approx(np.mean([earned for _, earned in told]), abs=1e-12)


def test_without_strength_particles_fall_straight_down() -> None:
    path = paths(WEAK)[0]
    assert np.array_equal(path[..., 0], np.repeat(repellers.STARTS[:, :1], repellers.STEPS + 1, 1))
    assert (np.diff(path[..., 1]) < 0).all()
    negative = WEAK.copy()
    negative[:, [2, 5]] = -0.1  # as a placement may make it
    assert np.array_equal(paths(negative)[0], path)


def test_a_repeller_pushes_away_and_a_closer_one_pushes_more() -> None:
    ends = [paths(np.array([[x, 0.8, 0.5, 0.5, 0.5, 0.0]]))[0, 1, 20, 0] for x in (0.1, 0.3, 0.7)]
    assert 0.5 < ends[0] < ends[1]  # one on the left
    assert ends[2] < 0.5


def test_a_repeller_where_a_particle_is_does_no_harm() -> None:
    values = rewards(np.array([[0.5, 1.0, 1.0, 0.35, 1.0, 1.0]]))
    assert np.isfinite(values).all()


def test_reward_is_highest_at_the_peaks_and_the_two_repellers_are_alike() -> None:
    assert reward(repellers.PEAKS) == pytest.approx(repellers.HEIGHTS, abs=0.05)
    points = np.random.default_rng(0).random((20, 6))
    assert rewards(points) == pytest.approx(rewards(points[:, [3, 4, 5, 0, 1, 2]]))


def test_values_are_minus_the_reward_scaled_to_mean_0_and_deviation_1() -> None:
    points = qmc.Sobol(6, seed=2).random_base2(12)
    functions = Repellers().draw(0, len(points), variant="plain")
    values = functions.evaluate(points)
    assert abs(values.mean()) < 0.02
    assert values.std() == pytest.approx(1, abs=0.02)
    assert functions.costs(values) == pytest.approx(-rewards(points))
    assert functions.minima is None
