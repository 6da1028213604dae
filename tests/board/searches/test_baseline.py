"""Which evaluations the many-draw baseline rests on, and what it makes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.board import wording
from harness.board.markdown import Format
from harness.board.searches.formats import render
from harness.board.searches.judging import boards
from harness.contracts import Rule
from harness.race.protocols import Budget
from harness.race.runs import RunState
from harness.space.grammar import Space
from harness.tasks.child.protocols import PAPER

SMALL, LARGE = Budget(4, 8), Budget(8, 16)


@pytest.fixture
def draws(run, trial):
    """A random run of distinct rules that earn these scores."""

    def make(*scores: float, **changes: object):
        rules = [
            Rule.parse(f"g {operand} id {unary} mul") for unary in ("id", "exp") for operand in ("g", "m", "v", "1")
        ]
        trials = tuple(trial(score, index, rule=rules[index]) for index, score in enumerate(scores))
        return run(trials=trials, **changes)

    return make


def references(*records, budget: Budget = SMALL):
    return next(board.references for board in boards(records) if board.budget == budget)


def test_the_curve_is_the_mean_over_seeds_of_the_expected_best(draws) -> None:
    (found,) = references(
        draws(0.1, 0.2, 0.3, 0.5), draws(0.4, 0.4, 0.4, 0.8, seed=3), draws(0.4, 0.4, 0.4, 0.8, seed=5)
    )
    # by hand: the best of k of 1, 2, 3, 5 tenths is 11/4, 23/6, 18/4, 5 of them; of 4, 4, 4, 8 it is 5, 6, 7, 8
    by_seed = [[0.275, 0.38333, 0.45, 0.5], [0.5, 0.6, 0.7, 0.8], [0.5, 0.6, 0.7, 0.8]]
    assert found.curve == pytest.approx([sum(each) / 3 for each in zip(*by_seed, strict=True)], abs=1e-4)
    assert found.areas == pytest.approx([sum(each) / 4 for each in by_seed], abs=1e-4)
    assert found.finals == pytest.approx((0.5, 0.8, 0.8))
    assert found.area.mean == pytest.approx(sum(found.areas) / 3)
    assert found.area.low is not None
    assert (found.seeds, found.evaluations) == ((0, 3, 5), 12)
    assert found.label == "random, many draws (12 evaluations)"


def test_a_longer_run_serves_a_smaller_budget_and_not_the_other_way_round(draws) -> None:
    short, long = draws(0.1, 0.2, 0.3, 0.4), draws(*(0.1 * n for n in range(1, 9)), budget=LARGE)
    (found,) = references(short, long)
    assert found.evaluations == 8  # the short run's draws are the long one's first, not four more
    assert found.finals == pytest.approx((0.1 * 4 * 9 / 5,))  # the best of 4 of 1 … 8 is 4·9/5 on average
    assert references(short, draws(*(0.1 * n for n in range(1, 9)), budget=LARGE, seed=1), budget=LARGE)[0].seeds == (
        1,
    )


def test_a_board_printed_alone_still_knows_the_others_draws(draws) -> None:
    short, long = draws(0.1, 0.2, 0.3, 0.4), draws(*(0.1 * n for n in range(1, 9)), budget=LARGE)
    (board,) = boards([short, long], only=short.header.comparable)
    assert board.budget == short.header.budget
    assert board.apart == ()
    assert board.references[0].evaluations == 8


def test_a_run_that_ended_early_left_nothing_to_draw(draws) -> None:
    (found,) = references(draws(0.1, 0.3))
    assert found.curve == pytest.approx((0.2, 0.3, 0.3, 0.3))


def test_a_run_that_its_cap_stopped_says_nothing_about_what_is_left(draws, trial) -> None:
    """As a run of a small budget, in which one duplicate was met, it counted as all that there is to draw."""
    whole = draws(*(0.1 * n for n in range(1, 9)), budget=LARGE)
    three = draws(0.8, 0.8, 0.8, budget=Budget(4, 4), seed=1)
    capped = replace(three, trials=(*three.trials, trial(0.8, 3, rule=three.trials[0].rule, charged=False)))
    (found,) = references(whole, capped, budget=LARGE)
    assert (found.seeds, found.evaluations) == ((0,), 8)


def test_an_unfinished_run_counts_up_to_its_first_gap(draws) -> None:
    whole = draws(*(0.1 * n for n in range(1, 9)), budget=LARGE, state=RunState.STOPPED)
    gap = replace(whole, trials=(*whole.trials[:5], *whole.trials[6:]))
    assert references(gap, draws(0.1, seed=1))[0].evaluations == 6
    early = replace(whole, trials=whole.trials[:3])
    assert references(early, draws(0.1, seed=1))[0].seeds == (1,)


def test_duplicates_and_other_searchers_draws_do_not_count(draws, run, trial) -> None:
    whole = draws(0.1, 0.2, 0.3, 0.4)
    twice = replace(whole, trials=(*whole.trials, trial(0.9, 4, charged=False)))
    assert references(twice, run(0.9, 0.9, 0.9, 0.9, searcher="evolution"))[0].finals == pytest.approx((0.4,))


def test_without_random_runs_there_is_none(run, draws) -> None:
    other = run(0.2, 0.3, 0.4, 0.5, searcher="evolution")
    assert references(other) == ()
    for change in ({"protocol": PAPER}, {"space": Space.of(blocks=1)}, {"data_fingerprint": "e" * 64}):
        assert references(other, draws(0.1, 0.2, 0.3, 0.4, started=2.0, **change)) == ()


def test_each_environment_has_its_own(draws) -> None:
    here = [draws(0.1, 0.2, 0.3, 0.4), draws(0.1, 0.2, 0.3, 0.8, environment={"torch": "2.14.0"}, started=2.0)]
    found = references(*here)
    assert [(each.label, each.finals) for each in found] == [
        ("random, many draws (4 evaluations) [env A]", pytest.approx((0.4,))),
        ("random, many draws (4 evaluations) [env B]", pytest.approx((0.8,))),
    ]


def test_it_is_shown_without_a_place_and_explained(draws) -> None:
    text = render(boards([draws(0.1, 0.2, 0.3, 0.4)]), Format.MD)
    row, progress = [line for line in text.splitlines() if line.startswith("|") and "many draws" in line]
    assert row.split("|")[1].strip() == ""
    assert wording.SPARKS[-1] in progress
    assert "0.400 (n = 1)" in row
    assert "closed form from the 4 evaluations" in text
