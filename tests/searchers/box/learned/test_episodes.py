"""Episodes: the rest of the point stays at the best one, results find their episode, values become normal scores."""

from __future__ import annotations

import numpy as np
import pytest

from harness.blackbox.contracts import Points, Values
from harness.searchers.box.learned.episodes import Episodes, normal_score


class Recorded:
    """Counts its points up, and keeps what it is told."""

    def __init__(self) -> None:
        self.asked = 0
        self.told: list[tuple[float, float]] = []

    def ask(self, count: int) -> Points:
        assert count == 1
        self.asked += 1
        return np.full((1, 2), self.asked / 1_000)

    def tell(self, points: Points, values: Values) -> None:
        self.told.append((float(points[0, 0]), float(values[0])))


def episodes(seed: int = 0, *, dimensions: int = 5, steps: int = 4) -> tuple[Episodes, list[Recorded]]:
    made: list[Recorded] = []

    def make() -> Recorded:
        made.append(Recorded())
        return made[-1]

    return Episodes(dimensions, seed=seed, make=make, inner=2, steps=steps), made


def test_in_an_episode_two_coordinates_move_and_the_others_stay_at_the_best_point() -> None:
    optimizer, made = episodes()
    best, least = None, np.inf
    for number in range(6):
        points = np.concatenate([optimizer.ask(1) for _ in range(4)])
        moved = np.flatnonzero(np.ptp(points, axis=0))
        assert len(moved) == 2
        if best is not None:
            others = np.setdiff1d(np.arange(5), moved)
            np.testing.assert_array_equal(points[:, others], np.broadcast_to(best[others], (4, 3)))
        steps = np.minimum(points[:, moved], 1 - points[:, moved])
        np.testing.assert_allclose(steps, np.repeat([[0.001], [0.002], [0.003], [0.004]], 2, axis=1))
        values = np.array([3.0, 2.0, 5.0, 4.0]) - number % 3
        if values.min() < least:
            best, least = points[values.argmin()], values.min()
        optimizer.tell(points, values)
    assert len(made) == 6
    assert all(each.asked == 4 for each in made)


def test_coordinates_and_mirrors_differ_between_episodes_and_all_occur() -> None:
    optimizer, _ = episodes(steps=1, dimensions=3)
    seen = set()
    for _ in range(200):
        point = optimizer.ask(1)[0]
        seen |= {(number, value) for number, value in enumerate(point) if value in (0.001, 0.999)}
    assert seen == {(number, value) for number in range(3) for value in (0.001, 0.999)}


def test_a_result_of_an_earlier_episode_is_not_told_to_the_next() -> None:
    optimizer, made = episodes()
    early = optimizer.ask(4)
    late = optimizer.ask(1)
    optimizer.tell(early[[3]], np.array([1.0]))
    optimizer.tell(late, np.array([2.0]))
    assert made[0].told == []
    assert made[1].told == [(0.001, pytest.approx(0.6745, abs=1e-4))]


def test_results_in_another_order_find_their_points() -> None:
    optimizer, made = episodes()
    points = optimizer.ask(3)
    optimizer.tell(points[[2, 0]], np.array([5.0, 6.0]))
    assert [point for point, _ in made[0].told] == [0.003, 0.001]


def test_a_larger_box_of_as_many_dimensions_moves_as_a_whole() -> None:
    optimizer, _ = episodes(dimensions=2)
    points = optimizer.ask(3)
    np.testing.assert_allclose(np.minimum(points, 1 - points), np.array([[1, 1], [2, 2], [3, 3]]) / 1_000)


def test_the_seed_decides_everything() -> None:
    one, same, other = (episodes(seed)[0].ask(9) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_normal_scores_are_quantiles_of_mid_ranks() -> None:
    assert normal_score([7.0]) == 0.0
    assert normal_score([3.0, 1.0]) == pytest.approx(-0.6745, abs=1e-4)
    assert normal_score([*range(1, 10), 0.0]) == pytest.approx(-1.6449, abs=1e-4)
    assert normal_score([1.0, 1.0, 1.0]) == 0.0
    values = [0.3, -2.0, 0.1, 5.0, 0.2]
    assert normal_score(values) == normal_score([np.exp(value) for value in values])
