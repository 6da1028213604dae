"""Which rules searches put forward."""

from __future__ import annotations

import pytest

from harness.board.rules.levels import standing
from harness.board.rules.nominating import finders, nominations, way
from harness.board.rules.plan import _searched
from harness.board.searches.judging import boards
from harness.contracts import Rule, Status
from harness.errors import LedgerError
from harness.race.runs import RunState
from harness.tasks.child.protocols import PAPER


def nominated(records, *, top: int = 1, **options):
    return nominations(records, boards(records)[0], top=top, **options)


def leads(records):
    return standing(records, chance=0.1).leads


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


def test_each_searcher_nominates_its_best(run, trial, rules) -> None:
    other = run(trials=(trial(0.9, rule=rules[2]),), searcher="gp")
    records = [run(0.2, 0.5), other, run(0.99, protocol=PAPER, started=2.0)]
    assert [(each.rule, each.score) for each in nominated(records)] == [(rules[2], 0.9), (rules[1], 0.5)]
    assert [each.rule for each in nominated(records, top=2)] == [rules[2], rules[1], rules[0]]


def test_a_lucky_seed_does_not_nominate_alone(run, trial, rules) -> None:
    """Seed 1 raises every rule by 0.05, and three rules are known on both seeds; the best rule is seed 0's."""
    shared = [Rule.parse(text) for text in ("g * exp(v)", "m * exp(v)", "g * exp(g2)")]
    quiet = [trial(0.40, place, rule=rule) for place, rule in enumerate(shared)]
    lucky = [trial(0.45, place, rule=rule) for place, rule in enumerate(shared)]
    records = [
        run(trials=(*quiet, trial(0.44, 3, rule=rules[2]))),
        run(trials=(*lucky, trial(0.46, 3, rule=rules[1])), seed=1),
    ]
    (first,) = nominated(records)
    assert (first.rule, first.score) == (rules[2], 0.44), "not the highest score, 0.46 of seed 1"
    assert first.lead - leads(records)[rules[1].key] == pytest.approx(0.44 - 0.46 + 0.05 * 3 / 4, abs=0.01)


def test_a_rule_is_not_nominated_for_the_luckiest_of_its_children(run, trial, rules) -> None:
    often = [run(trials=(trial(score, 0),), seed=seed) for seed, score in enumerate((0.3, 0.5, 0.3))]
    once = run(trials=(trial(0.42, 0, rule=rules[1]),), seed=3)
    assert [each.rule for each in nominated([*often, once])] == [rules[1]]
    assert [(each.rule, each.score) for each in nominated([*often, once], top=2)][1] == (rules[0], 0.5)


def test_finals_are_the_best_of_every_run(run, rules) -> None:
    records = [
        run(0.2, 0.5, 0.3),
        run(0.9, 0.4, 0.95, seed=1),
        run(0.1, 0.5, 0.3, searcher="gp", seed=2),
        run(0.99, 0.1, seed=3, state=RunState.STOPPED),
    ]
    assert {each.rule for each in nominated(records, top=0, finals=True)} == {rules[1], rules[2]}
    assert {each.rule for each in nominated(records, top=0, finals=True, unfinished=True)} == set(rules)
    both = nominated(records, top=1, finals=True)
    assert {each.rule for each in both} >= {rules[1], rules[2]}, "and the best by lead"


def test_the_way_is_told_in_full() -> None:
    assert way(top=3, finals=False) == "the top 3 of each searcher by lead over their seeds"
    assert way(top=0, finals=True, unfinished=True) == "the final best of every run; unfinished runs too"
    assert way(top=0, finals=True, by_hand=2).endswith("; 2 named by hand")
    assert way(top=0, finals=False, by_hand=2) == "", "nothing was chosen among what searches found"


def test_a_rule_that_two_searchers_found_is_nominated_once_with_its_best_score(run, rules) -> None:
    records = [run(0.6)]
    records.append(run(0.7, searcher="gp", seed=1))
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
