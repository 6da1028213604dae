"""From records to a board: places, ties and order."""

from __future__ import annotations

import pytest
from contests import BEST, MIDDLE, WORST, conditions, ran, record

from harness.board.blackbox.judging import board
from harness.board.blackbox.pages import UNTESTED, matrix, sign
from harness.board.blackbox.summary import summary


def test_the_best_comes_first_and_has_the_first_place_alone() -> None:
    (problem,) = board([record({"random": WORST, "cmaes": BEST, "tpe": MIDDLE})]).problems
    assert [each.label for each in problem.results] == ["cmaes", "tpe", "random"]
    assert [each.places for each in problem.results] == [(1, 1), (2, 2), (3, 3)]
    assert problem.figure == "minimum so far"
    assert all(pair.different for pair in problem.pairs)
    assert problem.results[0].final.mean == pytest.approx(sum(BEST) / 8, rel=1e-5)
    found = problem.pair("random", "cmaes")
    assert found is not None
    assert found.test is not None
    assert found.test.difference.mean < 0, "in minus the figure, more is better"
    other = problem.pair("cmaes", "random")
    assert other is not None
    assert other.test is not None
    assert other.test.difference.mean == -found.test.difference.mean
    assert problem.pair("cmaes", "nobody") is None


def test_equals_share_their_places() -> None:
    nearly = [each + 0.01 * (-1) ** place for place, each in enumerate(MIDDLE)]
    (problem,) = board([record({"a": MIDDLE, "b": nearly, "c": WORST})]).problems
    assert {each.label: each.places for each in problem.results} == {"a": (1, 2), "b": (1, 2), "c": (3, 3)}


def test_fewer_than_six_functions_are_not_compared() -> None:
    (problem,) = board([record({"a": BEST[:5], "b": WORST[:5]})]).problems
    assert [each.compared for each in problem.results] == [False, False]
    assert [pair.verdict for pair in problem.pairs] == ["underpowered"]


def test_many_functions_are_no_comparison_with_entrants_of_few() -> None:
    many = [*BEST, *BEST]
    (problem,) = board([summary(conditions(), [ran("a", many), ran("b", MIDDLE[:3]), ran("c", WORST[:3])])]).problems
    assert [each.compared for each in problem.results] == [False] * 3
    assert sign(problem, "a", "b") == UNTESTED
    assert "? too few functions in common" in matrix(problem).title
    (other,) = board([record({"a": BEST, "b": MIDDLE, "c": MIDDLE})]).problems
    assert "too few functions" not in matrix(other).title


def test_of_different_functions_the_order_is_that_of_the_tests() -> None:
    """The slow entrant met only the easy functions, so its mean is lower, though it is worse on each of them."""
    quick = [*BEST[:6], *[5.0] * 60]
    (problem,) = board([summary(conditions(), [ran("quick", quick), ran("slow", MIDDLE[:6])])]).problems
    assert problem.results[0].final.mean > problem.results[1].final.mean
    assert [each.label for each in problem.results] == ["quick", "slow"]


def test_contests_of_one_name_are_told_apart_and_workers_are_named() -> None:
    found = board(
        [
            record({"a": BEST}),
            record({"a": BEST}, seed=3),
            record({"a": BEST}, workers=5),
            record({"a": BEST}, variant=""),
        ]
    )
    labels = [each.label for each in found.problems]
    assert labels[0].startswith("gp/2, seed 0, 5 steps (")
    assert labels[1].startswith("gp/2, seed 3, 5 steps (")
    assert labels[2:] == ["gp/2, 5 workers", "gp"]
    assert (found.commits, found.hardware) == (("0123456789abcdef",), ("a processor",))


def test_labels_come_by_their_mean_place_in_the_lists() -> None:
    first = record({"a": BEST, "b": MIDDLE, "c": WORST})
    second = record({"a": MIDDLE, "c": WORST, "b": BEST}, seed=1)
    third = record({"b": BEST, "a": MIDDLE}, seed=2)
    assert board([first, second, third]).labels == ["b", "a", "c"]
