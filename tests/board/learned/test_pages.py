"""The board as text: every figure, and what has to be said beside it."""

from __future__ import annotations

import math

import pytest
from comparing import BEST, MIDDLE, RATES, WORST, comparison, entrant
from rich.console import Console

from harness.board.learned.judging import board
from harness.board.learned.pages import page, ratio
from harness.board.learned.record import Comparison
from harness.board.terminal import show_page


def shown(*comparisons: Comparison, width: int = 80) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    show_page(page(board(comparisons)), console)
    return console.export_text()


def table(title: str, *comparisons: Comparison) -> list[tuple[str, ...]]:
    found = page(board(comparisons))
    return next([*each.rows] for each in found.tables if title in each.title)


def test_finals_have_places_mean_interval_median_and_logarithm() -> None:
    rows = table("f after 4 steps, over 8 fresh problems", comparison({"sgd": WORST, "lstm": BEST}))
    assert [(row[0], row[1], row[2], row[4], row[5]) for row in rows] == [
        ("1", "lstm", "0.01025", "0.01", "−1.99"),
        ("2", "sgd", "1.038", "1", "0.01"),
    ]
    assert all(" to " in row[3] for row in rows)


def test_the_lstm_is_not_tuned_and_quadratics_are_also_divided_by_ten() -> None:
    rows = table("the chosen λ", comparison({"sgd": WORST, "lstm": BEST}))
    assert [(row[0], row[1], row[3], row[4], row[5]) for row in rows] == [
        ("lstm", "not tuned", "0.001025", "0.001", "0 of 8"),
        ("sgd", "0.1", "0.1038", "0.1", "0 of 8"),
    ]
    assert "Divided by 10" in shown(comparison({"lstm": BEST}))
    assert "not tuned" not in str(table("the chosen λ", comparison({"sgd": WORST})))
    other = comparison({"sgd": WORST}, problems="mnist")
    assert len(table("the chosen λ", other)[0]) == 4
    assert "Divided" not in shown(other)


def test_medians_are_shown_by_step() -> None:
    rows = table("median of f by step", comparison({"sgd": [1.0] * 8}))
    assert rows == [("sgd", "100", "31.62", "10", "3.162", "1")]


def test_a_pair_is_a_ratio_of_geometric_means() -> None:
    (problems,) = board([comparison({"sgd": [1.0] * 8, "adam": [0.1] * 8})]).problems
    assert ratio(problems.pairs[0]) == ("10", "10 to 10")
    assert ratio(problems.pairs[0].turned()) == ("0.1", "0.1 to 0.1")


def test_what_diverged_is_said() -> None:
    text = shown(comparison({"adam": MIDDLE, "sgd": [*WORST[:7], math.inf]}))
    assert "1 of 8" in text
    assert "∞" in text


def test_a_λ_at_an_end_or_without_a_finite_value_is_noted() -> None:
    made = comparison({"adam": MIDDLE})
    ends = made.with_entrant(entrant("sgd", WORST, rate=RATES[0]))
    assert "λ of sgd is at an end of those tried" in shown(ends, width=500)
    lost = made.with_entrant(entrant("sgd", WORST, rate=RATES[0], validation=tuple((rate, None) for rate in RATES)))
    assert "sgd diverged at every λ" in shown(lost, width=500)
    assert "at an end" not in shown(lost, width=500)
    assert "at an end" not in shown(made, width=500)


def test_few_problems_are_underpowered() -> None:
    few = comparison({"adam": MIDDLE[:5], "sgd": WORST[:5]})
    said = "With 2 candidates it takes 6 problems to compare every pair; fewer can show no difference, however large."
    assert f"quadratic: underpowered. {said} Raise --count." in shown(few, width=500)
    assert [row[0] for row in table("f after", few)] == ["underpowered", "underpowered"]
    assert "underpowered" not in shown(comparison({"adam": MIDDLE, "sgd": WORST}))


def test_the_more_candidates_the_more_problems_it_takes() -> None:
    scales = {name: 10.0**place for place, name in enumerate(("adam", "sgd", "momentum", "rmsprop", "addsign"))}
    few, enough = (
        comparison({name: [end * scale for end in MIDDLE[:1] * count] for name, scale in scales.items()})
        for count in (8, 9)
    )
    assert "With 5 candidates it takes 9 problems to compare every pair" in shown(few, width=500)
    assert {row[0] for row in table("f after", few)} == {"underpowered"}
    assert {row[-1] for row in table("pairs", few)} == {"underpowered"}
    assert "underpowered" not in shown(enough, width=500)
    assert [row[0] for row in table("f after", enough)] == ["1", "2", "3", "4", "5"]
    alone = comparison({"adam": MIDDLE[:2]})
    assert "underpowered" not in shown(alone, width=500)


@pytest.mark.parametrize("width", [80, 120])
def test_a_board_fits_the_terminal(width: int) -> None:
    names = ("lstm", "sgd", "adam", "torch:SGD(momentum=0.9, nesterov=True)")
    made = comparison({name: [end * (place + 1) for end in MIDDLE] for place, name in enumerate(names)}, data="mnist")
    assert max(map(len, shown(made, width=width).splitlines())) <= width
