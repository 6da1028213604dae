"""The answer in a sentence: it claims no more than the tests show."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from confirming import confirmed

from harness.board.comparison import pairs_needed
from harness.board.report.answers import against_baseline, better, rules_verdict, verdict
from harness.board.rules import pages as rules_pages
from harness.board.rules.judging import rules_boards
from harness.board.searches import pages as search_pages
from harness.board.searches.judging import boards
from harness.race.runs import RunState
from harness.race.startup import RECORD


def judged(*records):
    (board,) = boards(records)
    return board, board.comparisons, verdict(board)


def race(run, seeds: int, **scores: float):
    return [
        run(score, score + seed / 1000 * (place + 1), seed=seed, searcher=name)
        for seed in range(seeds)
        for place, (name, score) in enumerate(scores.items())
    ]


def test_a_clear_winner_is_named_with_its_interval(run) -> None:
    board, compared, told = judged(*race(run, 6, gp=0.5, random=0.2))
    assert told.answer == "gp works best here."
    assert "95% interval" in told.because
    assert better(compared[0]) == "gp"
    assert compared[0].adjusted == pytest.approx(2 / 2**6)
    assert against_baseline(board) == "Shown to beat random search: gp."


def test_five_seeds_show_nothing(run) -> None:
    _, compared, told = judged(*race(run, 5, gp=0.5, random=0.2))
    assert [each.verdict for each in compared] == ["underpowered"]
    assert told.answer.startswith("Underpowered")


def test_so_many_pairs_need_more_seeds(run) -> None:
    board, compared, told = judged(*race(run, 6, gp=0.5, rl=0.4, tpe=0.3, random=0.2))
    assert not any(better(each) for each in compared)
    assert told.answer == "No searcher is shown to be the best."
    assert f"it takes {pairs_needed(6)} shared seeds" in told.because
    assert against_baseline(board) == "None is shown to beat random search."


def test_the_seeds_needed_are_for_the_pairs_that_are_tested(run) -> None:
    level = [
        run(0.2, 0.5 if (seed + (name == "gp")) % 2 else 0.4, seed=seed, searcher=name)
        for seed in range(6)
        for name in ("gp", "rl")
    ]
    late = [run(0.2, 0.3, seed=seed, searcher=name) for name in ("tpe", "evolution") for seed in range(2)]
    _, compared, told = judged(*level, *late)
    assert [each.verdict for each in compared].count("underpowered") == len(compared) - 1
    assert told.answer == "No searcher is shown to be the best."
    assert f"With 4 searchers it takes {pairs_needed(6)} shared seeds to compare every pair." in told.because
    assert "before any difference" not in told.because, "six seeds could have shown one"


def test_equals_are_not_told_apart(run) -> None:
    records = [
        run(0.2, 0.5 if (seed + (name == "gp")) % 2 else 0.4, seed=seed, searcher=name)
        for seed in range(8)
        for name in ("gp", "rl")
    ]
    _, compared, told = judged(*records)
    assert [each.verdict for each in compared] == ["not separated"]
    assert told.answer == "No searcher is shown to be the best."


def test_each_is_held_against_random_search_of_its_own_environment(run) -> None:
    other = {"torch": "2.14.0"}
    here = race(run, 8, gp=0.5, random=0.4)
    there = race(run, 8, rl=0.45, random=0.1)
    there = [replace(each, header=replace(each.header, environment=other), started=2.0) for each in there]
    board, compared, _ = judged(*here, *there)
    assert next(pair for pair in compared if {pair.first, pair.second} == {"gp [env A]", "random [env B]"}).different
    rl_behind = {"rl [env B]", "random [env A]"}
    assert better(next(pair for pair in compared if {pair.first, pair.second} == rl_behind)) == "rl [env B]"
    told = "Shown to beat the random search of its own environment: gp [env A] and rl [env B]."
    assert against_baseline(board) == told
    board, _, _ = judged(*here, *(each for each in there if each.header.searcher == "rl"))
    assert against_baseline(board) == "Shown to beat random [env A] search: gp [env A]."


def test_who_is_worse_than_random_search_is_worse_than_something_named(run) -> None:
    board, _, _ = judged(*race(run, 8, gp=0.2, random=0.5))
    assert against_baseline(board) == ("None is shown to beat random search. Shown to be worse than random search: gp.")


def unequal(run, **scores: list[float]):
    """Runs of searchers whose lists of scores, one a seed from 0 on, are of different lengths."""
    return [run(score, seed=seed, searcher=name) for name, own in scores.items() for seed, score in enumerate(own)]


def test_the_winner_over_shared_seeds_is_named_though_another_has_the_higher_mean(run) -> None:
    lucky_later = [0.5 + seed / 1000 for seed in range(8)] + [0.9 + seed / 1000 for seed in range(8)]
    board, _, told = judged(
        *unequal(
            run,
            a=lucky_later,
            b=[0.6 + seed / 500 for seed in range(8)],
            c=[0.2 + seed / 300 for seed in range(16)],
        )
    )
    assert [(row.label, row.places) for row in board.rows] == [("a", (2, 2)), ("b", (1, 1)), ("c", (3, 3))]
    assert told.answer == "b works best here."
    assert "b has a mean area, 0.607" in told.because
    assert "Not all have finished the same seeds" in told.because


def test_who_is_shown_to_be_better_is_never_listed_as_not_told_apart(run) -> None:
    lucky_later = [0.5 + seed / 1000 for seed in range(10)] + [0.9 + seed / 1000 for seed in range(10)]
    swinging = [0.6 + (0.05 if seed % 2 else -0.05) for seed in range(10)]
    board, _, told = judged(
        *unequal(
            run,
            a=lucky_later,
            b=[0.6 + seed / 500 for seed in range(10)],
            c=[0.2 + seed / 300 for seed in range(20)],
            d=swinging,
        )
    )
    assert (board.rows[0].label, board.rows[0].places[0]) == ("a", 3)
    assert told.answer == "No searcher is shown to be the best."
    assert "but over shared seeds b and d are shown to be better; 5 of 6 pairs differ significantly" in told.because
    assert "Not separated" not in told.because


def test_who_leads_with_equals_says_which(run) -> None:
    _, _, told = judged(
        *unequal(
            run,
            a=[0.6 + seed / 500 for seed in range(10)],
            b=[0.6 + (0.05 if seed % 2 else -0.05) for seed in range(10)],
            c=[0.2 + seed / 300 for seed in range(10)],
        )
    )
    assert told.answer == "a leads, but not alone."
    assert told.because.endswith("significantly ahead of c. Not separated from it: b.")


def confirmed_verdict(run, scores):
    (board,) = rules_boards([], confirmed(run(0.1).header, scores))
    return rules_verdict(board)


MOMENTUM = [0.6 + seed / 500 for seed in range(10)]
AHEAD = [0.7 + seed / 300 for seed in range(10)]


def test_a_rule_that_beats_the_best_known_optimizer_is_counted_among_the_others(run) -> None:
    told = confirmed_verdict(run, {"g": [0.5] * 10, "m": MOMENTUM, "g * v": AHEAD, "g * g2": [0.3] * 10})
    assert told.answer == "1 of 2 other rules beats the best known optimizer."
    assert "Too few" not in told.because


def test_known_optimizers_alone_are_not_underpowered(run) -> None:
    assert confirmed_verdict(run, {"g": [0.5] * 10, "m": MOMENTUM}).answer == "Only known optimizers were confirmed."


def test_too_few_fresh_seeds_say_nothing(run) -> None:
    told = confirmed_verdict(run, {"m": MOMENTUM[:5], "g * v": AHEAD[:5]})
    assert told.answer == "Underpowered: too few fresh seeds to say."
    assert "With 1 rule to compare it takes 6 seeds" in told.because


def test_a_rule_named_late_is_said_to_be_short_of_seeds_and_no_more(run) -> None:
    header = run(0.1).header
    first = confirmed(header, {"m": MOMENTUM, "g * g2": [0.3 + seed / 300 for seed in range(10)]})
    late = confirmed(header, {"m": MOMENTUM[:2], "g * v": AHEAD[:2]}, started=9.0)
    (board,) = rules_boards([], first + late)
    told = rules_verdict(board)
    assert told.answer == "No rule is shown to beat the best known optimizer."
    assert "Too few seeds yet to judge g * v." in told.because


def test_so_many_rules_need_more_fresh_seeds(run) -> None:
    others = {f"g * clip(v, 1e-{each})": AHEAD[:6] for each in (3, 4, 5)}
    told = confirmed_verdict(run, {"m": MOMENTUM[:6]} | others)
    assert told.answer == "No rule is shown to beat the best known optimizer."
    assert f"it takes {pairs_needed(3)} seeds" in told.because


def test_one_searcher_or_none_is_no_comparison(run) -> None:
    assert judged(run(0.5))[2].answer == "Only random has finished, so there is nothing to compare."
    assert judged(run(0.5, state=RunState.STOPPED))[2].answer == "No search has finished yet."


@pytest.mark.parametrize("searchers", [2, 3, 5, 8])
@pytest.mark.parametrize("seeds", [1, 3, 6, 8])
def test_page_and_terminal_ask_for_the_same_number_of_seeds(run, searchers: int, seeds: int) -> None:
    names = ("random", "gp", "rl", "tpe", "evolution", "a", "b", "c")[:searchers]
    board, _, told = judged(*race(run, seeds, **{name: 0.3 + place / 50 for place, name in enumerate(names)}))
    needed = pairs_needed(searchers * (searchers - 1) // 2)
    notes = " ".join(search_pages.notes(board))
    asked = set(re.findall(r"takes (\d+) |at least (\d+) ", f"{told.because} {notes}"))
    assert asked == ({(str(needed), "")} if seeds < needed else set())
    assert (f"takes {needed} shared seeds" in told.because) == (f"takes {needed} shared seeds" in notes)
    assert set(re.findall(r"--seeds 0-(\d+)", notes)) <= {str(needed - 1)}


def test_searches_that_never_searched_count_among_the_pairs_that_are_corrected_for(run) -> None:
    idle = [run(0.3, seed=seed, searcher="tpe", provenance={RECORD: "4"}) for seed in range(6)]
    board, _, told = judged(*race(run, 6, gp=0.5, random=0.2), *idle)
    assert [row.label for row in board.rows if not row.searched] == ["tpe"]
    assert f"With 3 searchers it takes {pairs_needed(3)} shared seeds" in told.because
    assert f"with 3 searchers it takes {pairs_needed(3)} shared seeds" in " ".join(search_pages.notes(board))


@pytest.mark.parametrize("rules", [1, 3])
@pytest.mark.parametrize("seeds", [3, 6, 8])
def test_page_and_terminal_ask_for_the_same_number_of_fresh_seeds(run, rules: int, seeds: int) -> None:
    others = {f"g * clip(v, 1e-{each})": AHEAD[:seeds] for each in (3, 4, 5)[:rules]}
    (board,) = rules_boards([], confirmed(run(0.1).header, {"m": MOMENTUM[:seeds]} | others))
    needed, because, notes = pairs_needed(rules), rules_verdict(board).because, " ".join(rules_pages.notes(board))
    asked = f"to compare it takes {needed} seeds before any difference can be shown"
    assert (asked in because) == (asked in notes) == (seeds < needed)
    assert not re.findall(r"at least (\d+) seeds", because + notes)
