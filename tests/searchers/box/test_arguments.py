"""Every optimizer of the box at its own door: what it cannot be asked or told is one line, and nothing is learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.errors import SearcherError, SettingError
from harness.registry import BUILT_IN, Kind, load
from harness.searchers.box.learned.points import RnnPoints

ZEROS = np.zeros(1)
each_optimizer = pytest.mark.parametrize("name", BUILT_IN[Kind.BOX_OPTIMIZER])


def built(name: str) -> Any:
    if name == "smac":
        pytest.importorskip("smac", reason="smac is of the extra blackbox")
    return load(Kind.BOX_OPTIMIZER, name)(2, seed=0)


@each_optimizer
def test_asked_for_no_points_it_returns_none_and_asks_on_as_if_it_was_not(name: str) -> None:
    optimizer = built(name)
    none = optimizer.ask(0)
    assert (none.shape, none.dtype) == ((0, 2), np.float64)
    optimizer.tell(none, np.zeros(0))
    np.testing.assert_array_equal(optimizer.ask(1), built(name).ask(1))


@each_optimizer
@pytest.mark.parametrize("count", [-1, 1.5, "2", None])
def test_asked_for_another_number_it_says_so(name: str, count: object) -> None:
    with pytest.raises(SearcherError) as caught:
        built(name).ask(count)
    assert str(caught.value) == (
        f"ask of a box optimizer: expected a whole number of points from 0, got {count!r}. "
        "Call it as BoxOptimizer in harness.blackbox.contracts says."
    )


@each_optimizer
def test_told_what_is_no_point_with_a_value_it_says_so_and_learns_nothing(name: str) -> None:
    optimizer = built(name)
    point = optimizer.ask(1)
    for points, values, said in (
        (point[0], ZEROS, "expected points of shape (count, 2), got shape (2,)"),
        (point[:, :1], ZEROS, "expected points of shape (count, 2), got shape (1, 1)"),
        (point[None], ZEROS, "expected points of shape (count, 2), got shape (1, 1, 2)"),
        (0.5, ZEROS, "expected points of shape (count, 2), got shape ()"),
        ([[0.5], [0.5, 0.3]], ZEROS, "expected points that are numbers, got [[0.5], [0.5, 0.3]]"),
        (np.full((1, 2), np.nan), ZEROS, "expected finite points, got nan"),
        (point, np.zeros(2), "expected values of shape (1,), got shape (2,)"),
        (point, np.zeros((1, 1)), "expected values of shape (1,), got shape (1, 1)"),
        (point, 0.0, "expected values of shape (1,), got shape ()"),
        (point, ["low"], "expected values that are numbers, got ['low']"),
        (point, np.array([np.nan]), "expected finite values, got nan"),
        (point, np.array([-np.inf]), "expected finite values, got -inf"),
    ):
        with pytest.raises(SearcherError) as caught:
            optimizer.tell(points, values)
        assert str(caught.value).startswith(f"tell of a box optimizer: {said}. ")
        assert "\n" not in str(caught.value)
    optimizer.tell(point.tolist(), [0.25])  # numbers are enough
    other = built(name)
    other.tell(other.ask(1), np.array([0.25]))
    np.testing.assert_array_equal(optimizer.ask(1), other.ask(1))


@each_optimizer
def test_told_a_point_twice_it_says_so_where_it_keeps_what_it_asked(name: str) -> None:
    optimizer = built(name)
    point = optimizer.ask(1)
    optimizer.tell(point, ZEROS)
    if name in ("random", "rnn"):
        optimizer.tell(point, ZEROS)
    else:
        with pytest.raises(SearcherError, match="expected points that were asked for, each told once for each time"):
            optimizer.tell(point, ZEROS)


def test_side_by_side_a_network_checks_its_values() -> None:
    many = RnnPoints.side_by_side(2, seeds=range(3))
    many.ask()
    for values, said in (
        (np.zeros(2), r"expected values of shape \(3,\), got shape \(2,\)"),
        (0.0, r"got shape \(\)"),
        (np.array([0.0, np.nan, 0.0]), "expected finite values, got nan"),
    ):
        with pytest.raises(SearcherError, match=said):
            many.tell(values)
    many.tell([0.0, 1.0, 2.0])
    assert many.ask().shape == (3, 2)


@each_optimizer
@pytest.mark.parametrize("dimensions", [0, -1, 2.0, "2", None, True, int])
def test_a_box_of_no_whole_number_of_dimensions_is_one_line(name: str, dimensions: Any) -> None:
    built(name)  # or skipped
    with pytest.raises(SettingError) as caught:
        load(Kind.BOX_OPTIMIZER, name)(dimensions, seed=0)
    assert str(caught.value) == (
        f"dimensions: expected a whole number from 1, got {dimensions!r}. "
        "Give the number of coordinates of a point, such as 6."
    )
