"""Entrants that never searched: said plainly, never placed, on every board and in the report."""

from __future__ import annotations

import csv
import io
import json

import pytest
from confirming import confirmed

from harness.board.markdown import Format
from harness.board.report.document import report
from harness.board.report.page import render as page
from harness.board.searches import pages as search_pages
from harness.board.searches.formats import render
from harness.board.searches.judging import boards

SEEDS = range(6)
TOLD = "No search: all children of tpe were start-up draws, which no result had decided, so it has no place."


@pytest.fixture
def records(run) -> list:
    """Evolution searches from its second child on; tpe, ahead of all, never does; random need not."""
    begun = {"evolution": "1", "tpe": "4", "random": "0", "mine:Own": ""}
    scores = {"evolution": (0.3, 0.4, 0.6), "tpe": (0.5, 0.6, 0.8), "random": (0.2, 0.2, 0.3), "mine:Own": (0.1, 0.1)}
    return [
        run(*(score + seed / 500 for score in scores[name]), searcher=name, seed=seed, provenance={"startup": told})
        for name, told in begun.items()
        for seed in SEEDS
    ]


def test_who_never_searched_has_no_place_and_takes_none(records) -> None:
    (board,) = boards(records)
    rows = {row.label: row for row in board.rows}
    assert {label: (row.startup, row.searched) for label, row in rows.items()} == {
        "tpe": (4, False),
        "evolution": (1, True),
        "random": (0, True),
        "Own": (None, True),
    }
    assert rows["evolution"].places == (1, 3), "nothing is shown over six pairs, but nobody is placed before it"
    (table, *_), notes = search_pages.tables(board), search_pages.notes(board)
    shown = [row[:2] for row in table.rows]
    assert shown[:4] == [("none", "tpe"), ("1–3", "evolution"), ("1–3", "random"), ("1–3", "Own")]
    assert any(note.startswith(TOLD) for note in notes)


def test_every_entrants_start_up_is_shown_with_what_came_of_it(records) -> None:
    (board,) = boards(records)
    (table,) = (each for each in search_pages.tables(board) if each.title.startswith("What the search added"))
    assert table.rows == (
        ("tpe", "all 4: no search", "", "0.805"),
        ("evolution", "1 of 4", "0.305", "0.605"),
        ("random", "none", "", "0.305"),
        ("Own", "not told", "", "0.105"),
    )
    (alone,) = boards([each for each in records if each.header.searcher == "random"])
    assert not any(each.title.startswith("What the search added") for each in search_pages.tables(alone))


def test_a_run_that_ended_within_its_start_up_did_not_search(run) -> None:
    (board,) = boards([run(0.1, 0.2, searcher="gp", provenance={"startup": "3"})])  # of a budget of 4, none left
    assert not board.rows[0].searched


def test_programs_are_told_too(records) -> None:
    board = boards(records)
    entrants = {each["label"]: each for each in json.loads(render(board, Format.JSON))["boards"][0]["entrants"]}
    assert {label: (each["startup"], each["searched"]) for label, each in entrants.items()} == {
        "tpe": (4, False),
        "evolution": (1, True),
        "random": (0, True),
        "Own": (None, True),
    }
    lines = {each["label"]: each for each in csv.DictReader(io.StringIO(render(board, Format.CSV)))}
    assert (lines["tpe"]["startup"], lines["tpe"]["searched"], lines["Own"]["startup"]) == ("4", "false", "")
    written = render(board, Format.MD)
    assert "| none | tpe |" in written
    assert TOLD in written


def test_the_reports_answer_is_not_who_never_searched(records) -> None:
    found = report(records)
    (section,) = found.searches
    assert "tpe" not in section.verdict.answer
    assert "evolution has the highest mean area" in section.verdict.because
    assert section.verdict.because.endswith("All children of tpe were start-up draws, so it does not count as search.")
    assert "tpe" not in section.baseline
    shown = page(found)
    assert "all 4: no search" in shown
    assert TOLD in shown


def test_a_report_of_no_search_at_all_says_so(records) -> None:
    (section,) = report([each for each in records if each.header.searcher == "tpe"]).searches
    assert section.verdict.answer == "No search went beyond its start-up draws."


def test_who_never_searched_has_no_place_on_fresh_seeds_either(records) -> None:
    scores = {str(rule): [0.4, 0.4] for record in records for rule in (trial.rule for trial in record.trials)}
    fresh = confirmed(records[0].header, scores)
    (board,) = boards([*records, *fresh])
    assert board.retrained is not None
    assert {row.label for row in board.retrained.rows} == {"evolution", "random", "Own"}
    assert board.retrained.missing == ()
