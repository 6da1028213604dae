"""Which rules searches put forward."""

from __future__ import annotations

import pytest

from harness.board.leaderboard import boards
from harness.board.nominating import finders, nominations
from harness.cli.confirming import _searched
from harness.contracts import Status
from harness.errors import LedgerError
from harness.race.protocol import PAPER
from harness.race.records import RunState


def nominated(records, *, top: int = 1, **options):
    return nominations(records, boards(records)[0], top=top, **options)


@pytest.mark.parametrize(("board", "got"), [(None, "3"), (1, "1"), (2, "2")])
def test_searches_that_cannot_nominate_are_counted_on_the_board_asked_for(run, board: int | None, got: str) -> None:
    stopped = {"state": RunState.STOPPED}
    records = [run(0.2, **stopped), *(run(0.3, seed=seed, protocol=PAPER, started=2.0, **stopped) for seed in (0, 1))]
    with pytest.raises(LedgerError, match=f"got {got} unfinished"):
        _searched(records, board=board, unfinished=False)
    with pytest.raises(LedgerError, match="got only boards 1 to 2"):
        _searched(records, board=3, unfinished=False)
    with pytest.raises(LedgerError, match="got none"):
        _searched([], board=board, unfinished=False)


def test_each_searcher_nominates_its_best(run, rules) -> None:
    records = [run(0.2, 0.5, 0.3), run(0.9, 0.4, 0.8, searcher="gp"), run(0.99, protocol=PAPER, started=2.0)]
    assert [(each.rule, each.score) for each in nominated(records)] == [(rules[0], 0.9), (rules[1], 0.5)]
    assert [(each.rule, each.score) for each in nominated(records, top=2)] == [
        (rules[0], 0.9),
        (rules[2], 0.8),
        (rules[1], 0.5),
    ]


def test_a_rule_that_two_searchers_found_is_nominated_once_with_its_best_score(run, rules) -> None:
    records = [run(0.6), run(0.7, searcher="gp")]
    assert [(each.rule, each.score) for each in nominated(records)] == [(rules[0], 0.7)]
    (found,) = finders(records, records[0].header.comparable, {rules[0].key}).values()
    assert [(each.label, each.score) for each in found] == [("gp", 0.7), ("random", 0.6)]


def test_two_strings_of_one_function_take_one_place(run, rules, trial) -> None:
    swapped = trial(0.8, 1, rule=type(rules[0]).parse("m g id id mul #1 g exp id mul"))
    record = run(trials=(trial(0.9, 0), swapped, trial(0.1, 2, rule=rules[1])))
    assert swapped.rule.key == rules[0].key
    assert [each.rule for each in nominated([record], top=2)] == [rules[0], rules[1]]


def test_unfinished_runs_nominate_only_when_asked_to(run, rules) -> None:
    records = [run(0.2), run(0.1, 0.9, seed=1, state=RunState.STOPPED)]
    assert [each.rule for each in nominated(records)] == [rules[0]]
    assert [each.rule for each in nominated(records, unfinished=True)] == [rules[1]]


def test_what_failed_is_not_nominated(run, trial) -> None:
    record = run(trials=(trial(0.1, status=Status.DIVERGED),))
    assert nominated([record]) == []
