"""What final bests earn on fresh seeds, on made-up runs whose figures are known by hand."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from confirming import confirmed

from harness.board.markdown import Format
from harness.board.searches.formats import render
from harness.board.searches.judging import boards
from harness.board.searches.pages import page
from harness.contracts import Status
from harness.race.runs import RunState
from harness.tasks.child.protocols import PAPER


@pytest.fixture
def searches(run):
    """``gp`` ends with rule 2 on seed 0 and rule 0 on seed 1; ``random`` with rule 1 both times."""
    return [
        run(0.2, 0.3, 0.5, searcher="gp"),
        run(0.6, 0.3, 0.4, searcher="gp", seed=1),
        run(0.2, 0.4, 0.3),
        run(0.2, 0.4, 0.3, seed=1),
    ]


def fresh(base, rules, *scores, **options):
    """One confirmation a fresh seed, of the first rules."""
    return confirmed(base, {str(rule): own for rule, own in zip(rules, scores, strict=False)}, **options)


def retrained(records):
    (board,) = boards(records)
    return board.retrained


def test_a_searcher_earns_what_its_final_bests_earn_on_fresh_seeds(searches, rules) -> None:
    made = fresh(searches[0].header, rules, [0.30, 0.34], [0.42, 0.44], [0.50, 0.54])
    found = retrained([*searches, *made])
    assert [(each.label, each.seeds) for each in found.rows] == [("random", (0, 1)), ("gp", (0, 1))]
    assert found.rows[1].scores == pytest.approx((0.52, 0.32)), "rule 2 for seed 0, rule 0 for seed 1"
    assert found.rows[0].scores == pytest.approx((0.43, 0.43))
    assert [each.mean.mean for each in found.rows] == pytest.approx([0.43, 0.42])
    assert (found.seeds, found.missing) == ((0, 1), ())
    (pair,) = found.comparisons
    assert (pair.first, pair.second, pair.pairs, pair.verdict) == ("random", "gp", 2, "underpowered")


def test_the_luck_of_a_search_does_not_count(searches, rules) -> None:
    made = fresh(searches[0].header, rules, [0.30, 0.34], [0.42, 0.44], [0.50, 0.54])
    lucky = [replace(each, trials=tuple(_raised(trial) for trial in each.trials)) for each in searches]
    assert retrained([*lucky, *made]) == retrained([*searches, *made])


def _raised(trial):
    return replace(trial, outcome=replace(trial.outcome, score=trial.outcome.score + 0.3))


def test_a_test_score_chooses_no_searcher(searches, rules) -> None:
    scores = ([0.30, 0.34], [0.42, 0.44], [0.50, 0.54])
    made = [fresh(searches[0].header, rules, *scores, test_gap=gap) for gap in (None, 0.01, 0.2)]
    first, *others = (retrained([*searches, *each]) for each in made)
    assert others == [first, first]


def test_a_searcher_with_one_final_best_that_was_not_retrained_is_left_out(searches, rules) -> None:
    found = retrained([*searches, *fresh(searches[0].header, rules[1:], [0.42, 0.44], [0.50, 0.54])])
    assert [each.label for each in found.rows] == ["random"]
    assert found.missing == ("gp",)
    (board,) = boards([*searches, *fresh(searches[0].header, rules[1:], [0.42, 0.44], [0.50, 0.54])])
    assert any("gp is left out of it" in note and "--finals" in note for note in page(board).notes)
    assert retrained([*searches, *fresh(searches[0].header, rules, [0.3])]) is None


def test_only_seeds_on_which_all_were_retrained_count(searches, rules) -> None:
    both = fresh(searches[0].header, rules, [0.30], [0.42], [0.50])
    more = [
        replace(each, header=replace(each.header, seed=each.header.seed + 100))
        for each in fresh(searches[0].header, rules[1:2], [0.99, 0.99, 0.99])
    ]
    found = retrained([*searches, *both, *more])
    assert found.seeds == (0,)
    assert [each.mean.mean for each in found.rows] == pytest.approx([0.42, 0.40])


@pytest.mark.parametrize(
    "changes",
    [{"protocol": PAPER}, {"data_fingerprint": "e" * 64}, {"state": RunState.STOPPED}],
    ids=["another protocol", "other data", "unfinished"],
)
def test_what_cannot_be_compared_does_not_count(searches, rules, changes) -> None:
    assert retrained([*searches, *fresh(searches[0].header, rules, [0.3], [0.4], [0.5], **changes)]) is None


def test_one_environment_measures_all_whatever_the_searches_had(searches, rules) -> None:
    elsewhere = fresh(searches[0].header, rules, [0.30], [0.42], [0.50], environment={"torch": "3"})
    half = fresh(searches[0].header, rules[1:2], [0.9, 0.9])
    found = retrained([*searches, *half, *elsewhere])
    assert (found.environment, len(found.rows)) == ({"torch": "3"}, 2)
    assert found.rows[0].scores == pytest.approx((0.42, 0.42)), "and scores of two are never mixed"


def test_a_run_that_found_nothing_has_chance_and_so_has_a_rule_that_fails(run, trial, rules) -> None:
    nothing = run(trials=(trial(0.1, status=Status.DIVERGED),))
    some = run(0.5, seed=1)
    found = retrained([nothing, some, *fresh(some.header, rules, [None, 0.3])])
    assert found.rows[0].scores == pytest.approx((0.1, 0.2))


def test_every_format_shows_it(searches, rules) -> None:
    records = [*searches, *fresh(searches[0].header, rules, [0.30, 0.34], [0.42, 0.44], [0.50, 0.54])]
    found = boards(records)
    (table,) = [each for each in page(found[0]).tables if each.title.startswith("Final best of each run")]
    assert table.title.endswith("on fresh seeds 0-1")
    assert [(row[1], row[3], row[4]) for row in table.rows] == [
        ("random", "0.430 (n = 2)", "-0.030"),
        ("gp", "0.420 (n = 2)", "+0.130"),
    ]
    (told,) = json.loads(render(found, Format.JSON))["boards"]
    assert [each["mean"]["mean"] for each in told["retrained"]["entrants"]] == pytest.approx([0.43, 0.42])
    assert "Difference in retrained score" in render(found, Format.MD)
    lines = {line["label"]: line for line in csv.DictReader(io.StringIO(render(found, Format.CSV)))}
    assert [float(lines[name]["retrained"]) for name in ("random", "gp")] == pytest.approx([0.43, 0.42])
    assert lines["gp"]["retrained_seeds"] == "0 1"


def test_without_confirmations_nothing_is_said_of_it(searches) -> None:
    found = boards(searches)
    assert found[0].retrained is None
    assert not any("retrained" in text.lower() for text in (*page(found[0]).notes, render(found, Format.MD)))
