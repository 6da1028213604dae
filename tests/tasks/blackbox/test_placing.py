from __future__ import annotations

import numpy as np
import pytest

from harness.tasks.blackbox.placing import moved, turned, unmoved


def test_arguments_and_points_are_inverse() -> None:
    placed = moved(0, 50, 4, name="any")
    points = np.random.default_rng(0).random((50, 4))
    assert np.allclose(placed.points(placed.arguments(points)), points, atol=1e-14)


def test_an_argument_is_one_coordinate_flipped_scaled_about_the_middle_and_moved() -> None:
    placed = moved(1, 1, 3, name="any")
    point = np.array([[0.1, 0.4, 0.95]])
    for argument in range(3):
        read = point[0, placed.order[0, argument]]
        read = 1 - read if placed.flipped[0, argument] else read
        by_hand = 0.5 + placed.scale[0, argument] * (read - 0.5) + placed.shift[0, argument]
        assert placed.arguments(point)[0, argument] == pytest.approx(by_hand)


def test_a_thousand_placements_fill_what_the_source_allows() -> None:
    placed = moved(0, 1_000, 3, name="any")
    assert 0.9 <= placed.scale.min() < 0.901 < 1.099 < placed.scale.max() <= 1.1
    assert -0.1 <= placed.shift.min() < -0.099 < 0.099 < placed.shift.max() <= 0.1
    # A fair coin of 3,000 throws is outside of this once in a million: 4.9 deviations of 0.0091.
    assert abs(placed.flipped.mean() - 0.5) < 0.045
    assert {tuple(order) for order in placed.order.tolist()} == {
        (0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)
    }  # fmt: skip


def test_every_placement_has_a_minimizer_in_the_box() -> None:
    minimizer = (0.05, 0.5)  # half of all placements would move it out
    placed = moved(0, 500, 2, name="any", minimizers=[minimizer])
    points = placed.points(np.tile(minimizer, (500, 1)))
    assert points.min() >= 0
    assert points.max() <= 1
    free = moved(0, 500, 2, name="any")
    assert free.points(np.tile(minimizer, (500, 1))).min() < 0
    one_of_two = moved(0, 500, 2, name="any", minimizers=[(-5.0, 0.5), minimizer])
    assert np.array_equal(one_of_two.shift, placed.shift)


def test_turned_placements_neither_scale_nor_move() -> None:
    placed = turned(0, 20, 3, name="any")
    points = np.random.default_rng(0).random((20, 3))
    arguments = placed.arguments(points)
    assert np.allclose(np.sort(np.abs(arguments - 0.5), 1), np.sort(np.abs(points - 0.5), 1))
    assert not np.allclose(arguments, points)


def test_unmoved_placements_leave_points_as_they_are() -> None:
    points = np.random.default_rng(0).random((5, 3))
    assert np.allclose(unmoved(5, 3).arguments(points), points, atol=1e-16)


def test_names_and_seeds_give_placements_of_their_own() -> None:
    scale = moved(0, 5, 3, name="any").scale
    assert not np.allclose(scale, moved(0, 5, 3, name="other").scale)
    assert not np.allclose(scale, moved(1, 5, 3, name="any").scale)
