"""What other programs read: every format is parsed back, with hostile names in it."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from harness.board.markdown import Format
from harness.board.searches import pages as search_pages
from harness.board.searches.formats import render
from harness.board.searches.judging import boards
from harness.contracts import Metric, Status
from harness.race.protocols import StoredProtocol
from harness.race.runs import RunState
from harness.tasks.child.protocols import PAPER

HOSTILE = 'evil|name`[red]"quoted",\r\nnext\x1b[31m<b>*'


@pytest.fixture
def several(run):
    return boards(
        [
            *(run(0.2, 0.4, 0.5 + seed / 100, seed=seed) for seed in range(3)),
            run(0.3, 0.3, searcher=HOSTILE, data=HOSTILE, settings={"a": HOSTILE}, environment={HOSTILE: HOSTILE}),
            run(0.1, seed=8, state=RunState.STOPPED, searcher=HOSTILE),
            run(0.6, protocol=PAPER, started=2.0),
        ]
    )


def test_json_holds_what_its_schema_says(several) -> None:
    document = json.loads(render(several, Format.JSON))
    assert document["schema"] == 2
    first, second = document["boards"]
    assert set(first) == {
        *("comparable", "space", "protocol", "data", "budget", "commits", "hardware"),
        *("entrants", "comparisons", "retrained", "references", "rules", "unfinished", "notes"),
    }
    row = first["entrants"][0]
    assert (row["searcher"], row["seeds"], row["best"]["score"]) == ("random", [0, 1, 2], 0.52)
    assert row["area"]["low"] < row["area"]["mean"] < row["area"]["high"]
    assert len(row["curve"]) == len(row["band"]["low"]) == first["budget"]["children"]
    assert row["targets"][2] == {"target": 0.45, "reached": 3, "seeds": 3, "median": 3.0, "children": [3, 3, 3]}
    assert row["against_random"] is None
    assert first["entrants"][1]["searcher"] == HOSTILE
    assert first["entrants"][1]["area"]["low"] is None
    (pair,) = first["comparisons"]
    assert (pair["pairs"], pair["p"], pair["p_holm"], pair["verdict"]) == (1, 1.0, None, "underpowered")
    assert pair["difference"] == {"mean": pytest.approx(0.1), "low": None, "high": None}
    (reference,) = first["references"]
    assert (reference["label"], reference["seeds"]) == ("random, many draws (9 evaluations) [env B]", [0, 1, 2])
    assert set(reference) == {
        *("label", "environment", "evaluations", "seeds", "areas", "finals", "area", "final", "curve"),
    }
    assert reference["final"]["mean"] == pytest.approx(0.51)
    assert len(reference["curve"]) == first["budget"]["children"]
    assert second["protocol"]["name"] == "paper"
    assert "Not ranked with board 1: different protocol." in second["notes"]


def test_a_board_says_what_it_measures_and_shows_scores_as_figures_of_that(run) -> None:
    metric = Metric("height", "m", "1 / x")
    head = {"name": "walk", "version": 1, "task": "nowhere:Walk", "learning_rates": (0.01,), "chance": 0.0}
    walk = StoredProtocol(**head, metric=metric, numbers={"steps": 7})
    found = boards([run(0.2, 0.4, 0.5, protocol=walk), run(0.0, 0.25, searcher="gp", protocol=walk)])
    page = search_pages.page(found[0])
    assert ("metric", "height (m); score 1 / x, less of it is better") in page.facts
    tables = {table.title.partition(" (")[0]: table for table in page.tables}
    for title, figures in {"Best of each searcher": ["2", "4"], "Best distinct rules": ["2", "2.5", "5"]}.items():
        place = [column.title for column in tables[title].columns].index("height (m)")
        assert [row[place] for row in tables[title].rows][: len(figures)] == figures
    (board,) = json.loads(render(found, Format.JSON))["boards"]
    assert board["protocol"] == {
        "name": "walk",
        "version": 1,
        "hash": walk.hash,
        "metric": {"name": "height", "unit": "m", "score": "1 / x"},
    }


def test_what_is_a_score_and_no_more_is_shown_as_ever(several) -> None:
    (page, _) = search_pages.pages(several)
    assert "metric" not in dict(page.facts)
    assert set(json.loads(render(several, Format.JSON))["boards"][0]["protocol"]) == {"name", "version", "hash"}


def test_csv_has_one_line_an_entrant_that_reads_back(several) -> None:
    text = render(several, Format.CSV)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert text.count("\n") == 1 + len(rows)
    assert [(row["board"], row["searcher"][:4]) for row in rows] == [
        *(("1", "rand"), ("1", "evil"), ("1", "")),
        *(("2", "rand"), ("2", "")),
    ]
    assert rows[2]["label"] == "random, many draws (9 evaluations) [env B]"
    assert (rows[2]["place_best"], rows[2]["children"], rows[2]["seeds"]) == ("", "9", "0 1 2")
    assert float(rows[2]["area_low"]) < float(rows[2]["area"]) < float(rows[2]["area_high"])
    assert all(None not in row and None not in row.values() for row in rows)
    assert rows[0]["seeds"] == "0 1 2"
    assert float(rows[0]["area_low"]) < float(rows[0]["area"])
    assert rows[1]["area_low"] == ""
    assert json.loads(rows[1]["settings"]) == {"a": HOSTILE}
    assert "\x1b" not in text


def test_csv_of_a_run_without_a_good_rule(run, trial) -> None:
    text = render(boards([run(trials=(trial(0.1, status=Status.ERROR),))]), Format.CSV)
    row, _ = csv.DictReader(io.StringIO(text))
    assert (row["best_rule"], row["errors"]) == ("", "1")


def test_markdown_tables_stay_whole(several) -> None:
    text = render(several, Format.MD)
    tables = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    assert len(tables) >= 6
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table
    assert "\x1b" not in text
    prose = re.sub(
        r"(?<!\\)(`+) .*? \1|(?<!\\)`[^`]+`", "", text
    )  # without code spans, which are shown letter by letter
    assert "evil" in prose
    assert "<b>" not in prose
    assert "[red]" not in prose


def test_markdown_shows_formulas_letter_by_letter(run, rules) -> None:
    assert f"| `{rules[0].infix}` |" in render(boards([run(0.5)]), Format.MD)


def test_every_pair_is_in_every_format(run) -> None:
    found = boards(
        [
            run(0.1 + place / 10 + seed / 500 * (place + 1), seed=seed, searcher=name)
            for place, name in enumerate(("random", "gp", "rl"))
            for seed in range(8)
        ]
    )
    board = json.loads(render(found, Format.JSON))["boards"][0]
    verdicts = {(each["first"], each["second"]): each for each in board["comparisons"]}
    assert set(verdicts) == {("rl", "gp"), ("rl", "random"), ("gp", "random")}
    assert {each["p_holm"] for each in verdicts.values()} == {3 * 2 / 2**8}
    assert all(each["detectable"] > 0 and each["exact"] for each in verdicts.values())
    assert board["entrants"][0]["against_random"] == verdicts["rl", "random"]
    document = render(found, Format.MD)
    assert "| rl |  | +0.107 (0.023) | +0.214 (0.023) |" in document
    assert "| random | -0.214 (0.023) | -0.107 (0.023) |  |" in document
    first = next(csv.DictReader(io.StringIO(render(found, Format.CSV))))
    assert (first["random_pairs"], first["random_verdict"]) == ("8", "different")
    assert float(first["random_difference"]) == pytest.approx(0.214)
    assert float(first["random_low"]) < 0.214 < float(first["random_high"])
    assert [each["reached"] for each in json.loads(first["targets"])] == [0, 0, 0]


@pytest.mark.parametrize("format", list(Format))
def test_no_boards_is_a_valid_document(format) -> None:
    text = render((), format)
    assert text.endswith("\n")
    if format is Format.JSON:
        assert json.loads(text)["boards"] == []
    elif format is Format.CSV:
        assert list(csv.DictReader(io.StringIO(text))) == []
    else:
        assert "harness run" in text


def test_no_column_is_there_twice(several) -> None:
    header = render(several, Format.CSV).splitlines()[0].split(",")
    assert len(set(header)) == len(header)
