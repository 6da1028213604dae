from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.errors import DataError
from harness.tasks.blackbox.placing import turned, unmoved
from harness.tasks.blackbox.tables.grid import Grid, TableFunctions, filled

COSTS = np.array([[3.0, 1, 2], [2, 9, 9]])


def test_costs_become_normal_scores_of_their_ranks_and_equal_costs_share_one() -> None:
    scores = stats.norm.ppf((np.array([4, 1, 2.5, 2.5, 5.5, 5.5]) - 0.5) / 6)
    assert Grid(COSTS).values.ravel() == pytest.approx(scores)


def test_uniform_points_have_normal_values() -> None:
    # As good as never: the largest distance of 40,000 values from N(0, 1) is above 0.02 once in 10 to the power of 13,
    # and a table of 1,000 costs adds 0.0005.
    grid = Grid(np.random.default_rng(0).pareto(0.5, (10, 10, 10)))
    points = np.random.default_rng(1).random((40_000, 3))
    values = TableFunctions(grid, unmoved(40_000, 3)).evaluate(points)
    assert stats.kstest(values, "norm").statistic < 0.02


def test_a_coordinate_takes_the_nearest_choice_in_the_middle_of_equal_parts() -> None:
    functions = TableFunctions(Grid(COSTS), unmoved(1, 2))
    for coordinate, choice in ((0.0, 0), (0.32, 0), (0.34, 1), (0.65, 1), (0.67, 2), (1.0, 2)):
        value = functions.evaluate(np.array([[0.1, coordinate]]))
        assert functions.costs(value) == COSTS[0, choice]
    assert functions.costs(functions.evaluate(np.array([[0.5, 0.1]]))) == COSTS[1, 0]


def test_scaled_values_are_read_back_as_costs() -> None:
    grid = Grid(COSTS)
    assert np.array_equal(grid.costs_of(grid.values), COSTS)
    assert grid.costs_of(np.array([-9.0, 9.0])).tolist() == [1, 9]


def test_every_placement_holds_every_entry_once() -> None:
    functions = TableFunctions(Grid(np.arange(6.0).reshape(2, 3)), turned(0, 20, 2, name="any"))
    fine = np.stack(np.meshgrid((np.arange(6) + 0.5) / 6, (np.arange(6) + 0.5) / 6), -1).reshape(-1, 2)
    seen = np.array([functions.costs(functions.evaluate(np.tile(point, (20, 1)))) for point in fine])
    for column in seen.T:
        assert np.array_equal(np.bincount(column.astype(int)), np.full(6, 6))
    assert len(np.unique(seen, axis=1).T) == 8  # two orders, four flips


@pytest.mark.parametrize(
    ("places", "costs", "said"),
    [
        ([[0, 0], [0, 1]], [1.0, np.nan], "expected finite costs, got nan"),
        ([[0, 0], [0, 0]], [1.0, 2.0], "expected 1 · 3 = 3 entries, each once, got 1 that stand twice"),
        ([[0, 0], [0, 1]], [1.0, 2.0], "expected 1 · 3 = 3 entries, got 2"),
    ],
)
def test_a_list_that_is_no_table_is_one_line(places: list[list[int]], costs: list[float], said: str) -> None:
    with pytest.raises(DataError, match=rf"^file x: {said}.*\. Get another\.$"):
        filled((1, 3), np.array(places), np.array(costs), what="file x", hint="Get another")


def test_a_fingerprint_is_of_shape_and_costs() -> None:
    same = [Grid(COSTS), Grid(COSTS.copy(order="F"))]
    others = [Grid(COSTS.reshape(3, 2)), Grid(np.nextafter(COSTS, 10))]
    assert len({each.fingerprint for each in same}) == 1
    assert len({each.fingerprint for each in [*same, *others]}) == 3
