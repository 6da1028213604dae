"""A contest: equal functions and seeds for all, results in a random order, times, and broken contracts in one line."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_functions import (
    Boastful,
    Bowls,
    Broken,
    Few,
    Flat,
    Fleet,
    Halving,
    Imaginary,
    Infinite,
    Knowing,
    Leaving,
    Outside,
    Ragged,
    Raising,
    Rounded,
    Small,
    Steep,
    Undrawn,
    Wordy,
)

from harness.blackbox.contest import BLOCK, GRID, TIMED, Contest, Method, aside_due, lowest, run, run_aside
from harness.errors import DataError, HarnessError, SearcherError
from harness.seeds import derive_seed

CONTEST = Contest(family=Bowls(), seed=5, steps=12)
HALVING = Method("halving", Halving, {"by": 0.9})


@pytest.fixture(autouse=True)
def _nothing_drawn() -> None:
    Bowls.drawn.clear()
    Fleet.widths.clear()


def test_a_run_is_what_asking_evaluating_and_telling_in_turn_gives() -> None:
    part = run(CONTEST, HALVING, first=0, count=3)
    functions = Bowls().draw(derive_seed(5, "contest", "functions", 0), BLOCK)
    for place in range(3):
        optimizer = Halving(2, seed=derive_seed(5, "contest", "optimizer", place), by=0.9)
        values = []
        for _ in range(12):
            point = optimizer.ask(1)
            values.append(((point - functions.centres[place]) ** 2).sum() + functions.least[place])
            optimizer.tell(point, np.array(values[-1:]))
        assert part.values[place].tolist() == pytest.approx(values)
    assert part.minima.tolist() == functions.least[:3].tolist()
    assert (part.seconds > 0).all()


def test_a_function_and_its_seed_do_not_depend_on_what_else_is_run() -> None:
    whole = run(CONTEST, HALVING, first=0, count=BLOCK)
    later = run(CONTEST, HALVING, first=BLOCK, count=2)
    parts = [run(CONTEST, HALVING, first=first, count=count) for first, count in ((0, 1), (1, 3), (97, 3))]
    for part in parts:
        assert part.values.tolist() == whole.values[part.first : part.first + len(part.values)].tolist()
    assert len({tuple(row) for row in [*whole.values.tolist(), *later.values.tolist()]}) == BLOCK + 2


def test_functions_of_no_interest_are_asked_for_a_point_that_the_optimizer_asked_for() -> None:
    run(CONTEST, HALVING, first=4, count=1)
    (functions,) = Bowls.drawn
    assert all((points == points[4]).all() for points in functions.asked)


@pytest.mark.parametrize("change", [{"seed": 6}, {"variant": "hidden"}])
def test_another_seed_gives_other_values_and_a_variant_hides_its_minima(change: dict[str, Any]) -> None:
    ours, other = (run(each, HALVING, first=0, count=4) for each in (CONTEST, replace(CONTEST, **change)))
    assert (ours.values.tolist() == other.values.tolist()) == ("variant" in change)
    assert np.isnan(other.minima).all() == ("variant" in change)


def test_side_by_side_gives_what_one_after_another_gives_and_all_rows_at_once() -> None:
    fleet = run(CONTEST, Method("fleet", Fleet, {}), first=0, count=7)
    assert Fleet.widths == [7]
    alone = run(CONTEST, Method("halving", Halving, {}), first=0, count=7)
    assert fleet.values.tolist() == alone.values.tolist()
    assert len(set(fleet.seconds.tolist())) == 1


class Watched:
    """Asks for corners, and remembers how many points were out at each ask, and in which order they were told."""

    version = 1
    made: list[Watched] = []  # noqa: RUF012

    def __init__(self, dimensions: int, *, seed: int) -> None:  # noqa: ARG002
        self.asked, self.told, self.out = 0, list[int](), list[int]()
        self.shape = (1, dimensions)
        Watched.made.append(self)

    def ask(self, count: int) -> np.ndarray:
        assert count == 1
        self.out.append(self.asked - len(self.told))
        self.asked += 1
        return np.full(self.shape, (self.asked - 1) / 100)

    def tell(self, points: np.ndarray, values: np.ndarray) -> None:
        assert len(values) == 1
        self.told.append(round(float(points[0, 0]) * 100))


def test_simulated_workers_keep_so_many_points_out_and_tell_each_once_in_the_order_of_finishing() -> None:
    Watched.made.clear()
    contest = replace(CONTEST, workers=5, steps=30)
    part = run(contest, Method("watched", Watched, {}), first=0, count=3)
    for place, each in enumerate(Watched.made):
        assert each.out == [0, 1, 2, 3] + [4] * 26
        assert sorted(each.told) == list(range(30))
        assert each.told != list(range(30))
        functions = Bowls.drawn[0]
        expected = [
            ((np.full(2, told / 100) - functions.centres[place]) ** 2).sum() + functions.least[place]
            for told in each.told
        ]
        assert part.values[place].tolist() == pytest.approx(expected)
    assert len({tuple(each.told) for each in Watched.made}) == 3
    first = [each.told for each in Watched.made]
    Watched.made.clear()
    run(contest, Method("watched", Watched, {}), first=0, count=3)
    assert [each.told for each in Watched.made] == first


def test_each_point_that_is_out_is_equally_likely_to_be_the_next_result() -> None:
    """Of 100 functions with 4 workers: the first result is each point 25 ± 4.3 times; 6σ, so below 1e-8 by chance."""
    Watched.made.clear()
    run(replace(CONTEST, workers=4, steps=6), Method("watched", Watched, {}), first=0, count=BLOCK)
    times = Counter(each.told[0] for each in Watched.made)
    assert set(times) == {0, 1, 2, 3}
    assert all(abs(count - 25) < 6 * 4.4 for count in times.values())


def test_more_workers_than_steps_are_told_all_the_same() -> None:
    Watched.made.clear()
    run(replace(CONTEST, workers=9, steps=4), Method("watched", Watched, {}), first=0, count=1)
    assert (Watched.made[0].out, sorted(Watched.made[0].told)) == ([0, 1, 2, 3], [0, 1, 2, 3])


def test_with_workers_nothing_runs_side_by_side() -> None:
    run(replace(CONTEST, workers=2), Method("fleet", Fleet, {}), first=0, count=3)
    assert Fleet.widths == []


def test_apart_from_the_contest_one_dimension_is_evaluated_on_a_grid_first() -> None:
    contest = replace(CONTEST, variant="1")
    aside = run_aside(contest, HALVING)
    (functions,) = Bowls.drawn
    assert [points[0, 0] for points in functions.asked[:GRID]] == pytest.approx(np.linspace(0, 1, GRID))
    assert (aside.curves.shape, aside.points.shape, aside.values.shape) == ((3, GRID), (3, 12), (3, 12))
    assert aside.values[1].tolist() == pytest.approx(
        ((aside.points[1] - functions.centres[1]) ** 2 + functions.least[1]).tolist()
    )
    other = run_aside(contest, Method("fleet", Fleet, {}))
    assert other.curves.tolist() == aside.curves.tolist()
    assert Fleet.widths == [], "alone, to be timed"


def test_in_more_dimensions_only_what_runs_side_by_side_is_timed_apart() -> None:
    assert not aside_due(CONTEST, HALVING)
    assert aside_due(replace(CONTEST, variant="1"), HALVING)
    assert aside_due(CONTEST, Method("fleet", Fleet, {}))
    assert not aside_due(replace(CONTEST, workers=2), Method("fleet", Fleet, {}))
    aside = run_aside(CONTEST, Method("fleet", Fleet, {}))
    assert (aside.seconds.shape, aside.curves.shape, aside.points.shape) == ((TIMED,), (TIMED, 0), (TIMED, 0))


def test_progress_counts_every_value_that_was_told() -> None:
    told: list[int] = []
    run(replace(CONTEST, workers=3), HALVING, first=0, count=4, report=told.append)
    assert told == [4] * 12


@pytest.mark.parametrize(
    ("factory", "family", "kind", "said"),
    [
        (Outside, Bowls, SearcherError, "box optimizer it: expected points in [0, 1], got ["),
        (Flat, Bowls, SearcherError, "expected points of shape (1, 2), got shape (2,)"),
        (Ragged, Bowls, SearcherError, "box optimizer it: expected points of shape (1, 2), got ValueError: setting an"),
        (Wordy, Bowls, SearcherError, "expected points of shape (2, 2), got TypeError: str of <U3"),
        (Raising, Bowls, SearcherError, "KeyError in small_functions.py, line"),
        (
            Small,
            Bowls,
            SearcherError,
            "box optimizer it: expected one that can be made for dimensions: 2, got ValueError in small_functions.py",
        ),
        (
            Halving,
            Undrawn,
            DataError,
            "functions bowls: expected 100 that can be drawn, got KeyError in small_functions",
        ),
        (Halving, Few, DataError, "functions bowls: expected finite minima of shape (100,), or None, got shape (3,)"),
        (
            Halving,
            Infinite,
            DataError,
            "functions bowls: expected finite minima of shape (100,), or None, got inf. Fix",
        ),
        (Halving, Boastful, DataError, "functions bowls: expected no value below the minimum 5."),
        (Imaginary, Bowls, SearcherError, "of complex128, where real numbers were due"),
        (Halving, Steep, DataError, "functions bowls: expected values of ±1e+100 at most, got 1e+200"),
        (Halving, Leaving, DataError, "got SystemExit in small_functions.py, line "),
        (Halving, Broken, DataError, "functions bowls: expected finite values of shape (100,), got nan"),
    ],
)
def test_a_broken_contract_is_one_line(factory: Any, family: Any, kind: type[HarnessError], said: str) -> None:
    with pytest.raises(kind) as caught:
        run(replace(CONTEST, family=family()), Method("it", factory, {}), first=0, count=2)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_may_be_below_the_minimum_by_rounding_and_no_more() -> None:
    part = run(replace(CONTEST, family=Rounded()), Method("it", Knowing, {}), first=0, count=1)
    assert (part.values < part.minima).all()
    for wrong, value in ((0.0, -1e-8), (-1e6, -1e6 - 1e-2)):
        least, exact = lowest(np.array([wrong])), np.array([wrong])
        assert value < least < exact
    assert np.isnan(lowest(np.array([np.nan])))


def test_apart_from_the_contest_a_value_below_the_minimum_is_one_line_too() -> None:
    with pytest.raises(DataError, match=r"expected no value below the minimum \d"):
        run_aside(replace(CONTEST, family=Boastful(), variant="1"), HALVING)
