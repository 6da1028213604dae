"""The rules' board as people and programs read it, hostile names included."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from confirming import confirmed
from rich.console import Console

from harness.board.markdown import Format
from harness.board.rules import pages as rules_pages
from harness.board.rules.formats import render
from harness.board.rules.judging import rules_boards
from harness.board.terminal import show_page
from harness.contracts import Metric
from harness.race.protocols import StoredProtocol
from harness.race.runs import RunState
from harness.tasks.child.protocols import PAPER

HOSTILE = 'evil|name`[red]"quoted",\r\nnext\x1b[31m<b>*'
SCORES = {
    "g": [0.50, 0.51, 0.52, 0.50, 0.51, 0.52],
    "m": [0.60, 0.62, 0.61, 0.60, 0.62, 0.61],
    "g * m * exp(g * m)": [0.70, 0.71, 0.72, 0.70, 0.71, None],
}


@pytest.fixture
def found(run):
    searches = [run(0.9, seed=seed, searcher=HOSTILE) for seed in range(2)]
    header = searches[0].header
    provenance = {"commit": "0123456789abcdef+changes", "processor": HOSTILE}
    shared = {"searched": header.comparable, "provenance": provenance}
    text = str(searches[0].trials[0].rule)
    first = confirmed(header, SCORES | {text: [0.8] * 6}, **shared)
    left = replace(first[-1], state=RunState.STOPPED, trials=first[-1].trials[:2])
    return rules_boards(searches, [*first[:-1], left, *confirmed(header, SCORES, protocol=PAPER, started=9.0)])


def printed(found, *, width: int = 80, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    console = Console(file=file, width=width, markup=True)
    for page in rules_pages.pages(found):
        show_page(page, console)
    file.flush()
    return raw.getvalue().decode(encoding)


def test_it_says_what_matters(found) -> None:
    text = " ".join(printed(found).split())  # sentences as they are, wherever they were folded
    for wanted in (
        "Confirmed rules 1",
        "Confirmed rules 2",
        "quick v1",
        "synthetic (ffffffffffff)",
        "0-4, fresh",
        "4 children a search",
        "0123456789ab+changes",
        "best known",
        "difference from momentum",
        "too few",
        "too narrow for so few seeds",
        "exact sign-flip test",
        "Holm's",
        "Underpowered: 5 pairs cannot give p below 0.062",
        "Unfinished seeds",
        "2 of 4",
        "test images of the data set",
    ):
        assert wanted in text, wanted
    assert "Underpowered" not in printed(found[1:])
    assert "0.062" in printed(found[1:]), "two rules beside the best known: Holm doubles 2/2⁶"


def test_the_test_is_called_what_it_is_and_the_fewest_pairs_are_told(run) -> None:
    header = run(0.1).header
    many = {"m": [0.6] * 21, "g * v": [0.7 + seed / 500 for seed in range(21)]}
    (board,) = rules_boards([], confirmed(header, many))
    assert "p: sampled sign-flip test" in " ".join(rules_pages.notes(board))
    few = confirmed(header, {"m": [0.6] * 2, "g * g2": [0.7] * 2}, started=9.0)
    (board,) = rules_boards([], [*confirmed(header, {"m": [0.6] * 5, "g * v": [0.7] * 5}), *few])
    assert "2 pairs cannot give p below 0.5," in " ".join(rules_pages.notes(board))


def test_a_p_that_is_small_is_never_printed_as_none_at_all(run) -> None:
    scores = {"m": [0.6 + seed / 1000 for seed in range(16)], "g * v": [0.7 + seed / 500 for seed in range(16)]}
    (board,) = rules_boards([], confirmed(run(0.1).header, scores))
    assert 0 < board.rules[0].paired.adjusted < 0.0001
    assert "< 0.0001" in printed([board])
    assert "0.000 " not in printed([board])


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits(found, width: int) -> None:
    assert max(map(len, printed(found, width=width).splitlines())) <= width


def test_it_prints_without_unicode(found) -> None:
    assert "rate" in printed(found, encoding="ascii")


def test_an_interval_is_printed_by_its_ends_which_lie_unlike(run) -> None:
    header = run(0.1).header
    scores = {"m": [0.6] * 6, "g * v": [0.6, 0.6, 0.61, 0.6, 0.61, 0.9]}
    (board,) = rules_boards([], confirmed(header, scores, test_gap=None))
    lucky = board.rules[0].paired.difference
    assert lucky.high - lucky.mean > 2 * (lucky.mean - lucky.low)
    text = printed([board])
    assert f"{lucky.mean:+.3f} [{lucky.low:+.3f}, {lucky.high:+.3f}]" in text
    assert "±" not in text


def test_every_table_of_rules_names_them(found) -> None:
    named = ("What they earn", "Against the best known optimizer", "What they cost", "Where they were found")
    first = {table.title.partition(",")[0]: table for table in rules_pages.page(found[0]).tables}
    for title in named:
        assert first[title].columns[-1].title == "rule"
        assert all(row[-1] in ("sgd", "momentum") or "(" in row[-1] for row in first[title].rows)


def test_failures_are_listed_where_there_were_any(run) -> None:
    def costs(scores) -> tuple[list[str], str]:
        (board,) = rules_boards([], confirmed(run(0.1).header, scores))
        (table,) = [each for each in rules_pages.page(board).tables if each.title == "What they cost"]
        return [column.title for column in table.columns], " ".join(rules_pages.notes(board))

    titles, told = costs(SCORES)
    assert titles == ["", "diverged", "λ", titles[3], "reached", "means", "nodes", "rule"]
    assert "No retraining" not in told
    titles, told = costs({"g": [0.5] * 6, "m": [0.6] * 6})
    assert titles == ["", "λ", titles[2], "reached", "means", "nodes", "rule"]
    assert "No retraining diverged or ended in an error." in told


WALK = StoredProtocol(
    name="walk",
    version=1,
    task="nowhere:Walk",
    learning_rates=(0.01,),
    chance=0.1,
    metric=Metric("height", "m", "1 / x"),
    numbers={"steps": 7},
)


def test_a_protocol_that_is_like_no_child_is_shown_in_its_metric_without_what_it_does_not_count(run) -> None:
    records = confirmed(run(0.1).header, SCORES, protocol=WALK)
    (board,) = found = rules_boards([], records)
    assert board.figure == "test score"
    tables = {table.title: table for table in rules_pages.page(board).tables}
    earned, costs = tables["What they earn"], tables["What they cost"]
    assert [column.title for column in earned.columns] == ["", "test", "validation", "height (m)", "rule"]
    (momentum,) = [row for row in earned.rows if row[-1] == "momentum"]
    assert momentum[3] == f"{1 / 0.60:.4g}"  # of the median test score
    titles = ["", "diverged", "λ", "reached 0.559", "means", "nodes", "rule"]
    assert [column.title for column in costs.columns] == titles
    assert {row[-1]: row[3] for row in costs.rows}["momentum"] == "6 of 6"
    assert all(one.target_examples is None for rule in board.rules for one in rule.retrainings)
    told = " ".join(rules_pages.notes(board))
    assert "Test: the score on all test examples of the data set" in told
    assert "training examples" not in told
    assert "Reached 0.559: retrainings whose validation score reached nine tenths" in told
    assert ("metric", "height (m); score 1 / x, less of it is better") in rules_pages.page(board).facts
    (read,) = json.loads(render(found, Format.JSON))["rules_boards"]
    assert read["protocol"]["metric"] == {"name": "height", "unit": "m", "score": "1 / x"}


def test_what_a_child_on_images_earns_is_called_accuracy(found) -> None:
    assert [board.figure for board in found] == ["test accuracy", "test accuracy"]
    assert "metric" not in printed(found)
    assert "all test images of the data set" in " ".join(printed(found).split())
    assert all("metric" not in board["protocol"] for board in json.loads(render(found, Format.JSON))["rules_boards"])


def test_no_rules_say_how_to_get_some() -> None:
    assert "harness confirm" in render([], Format.MD)
    assert json.loads(render([], Format.JSON)) == {"schema": 1, "rules_boards": []}
    assert list(csv.DictReader(io.StringIO(render([], Format.CSV)))) == []


def test_json_holds_every_figure(found) -> None:
    first, second = json.loads(render(found, Format.JSON))["rules_boards"]
    assert (first["figure"], second["protocol"]["name"]) == ("test", "paper")
    assert first["searched"]["comparable"] == found[0].searched.comparable
    assert first["rules"][0]["finders"] == [{"label": HOSTILE, "seeds": [0, 1], "score": 0.9}]
    for told, each in zip(first["rules"], found[0].rules, strict=True):
        assert told["tokens"] == str(each.rule)
        assert told["test"]["mean"] == each.test.mean
        assert [one["validation"] for one in told["retrainings"]] == [one.validation for one in each.retrainings]
        assert [one["status"] for one in told["retrainings"]] == [one.status.value for one in each.retrainings]
        assert (told["paired"] is None) == (each.paired is None)
    assert [each["state"] for each in first["unfinished"]] == ["stopped"]


def test_csv_has_a_line_for_every_rule(found) -> None:
    lines = list(csv.DictReader(io.StringIO(render(found, Format.CSV))))
    rules = [each for board in found for each in board.rules]
    assert len(lines) == len(rules) == 4 + 3
    for line, each in zip(lines, rules, strict=True):
        assert line["key"] == each.key
        assert float(line["test"]) == each.test.mean
        assert [float(value) for value in line["tests"].split()] == [one.test for one in each.retrainings]
        assert (line["p"] == "") == (each.paired is None)


def test_markdown_keeps_its_tables_whole(found) -> None:
    text = render(found, Format.MD)
    assert "\x1b" not in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 5 + 3
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1


def test_another_optimizer_stands_beside_rules_under_its_name(run) -> None:
    header = run(0.1).header
    scores = {"m": [0.6] * 6, "g * v": [0.55] * 6, "torch:AdamW(weight_decay=0.1)": [0.7] * 6}
    (board,) = boards = rules_boards([], confirmed(header, scores))
    named, (best, *others) = "torch AdamW(weight_decay=0.1)", board.rules
    assert (best.infix, best.known, best.means, best.complexity) == (named, "", None, None)
    assert best.key.startswith("torch:AdamW(")
    assert best.paired is not None
    assert all(each.complexity for each in others)
    (told,) = json.loads(render(boards, Format.JSON))["rules_boards"]
    first = told["rules"][0]
    assert (first["rule"], first["tokens"], first["means"], first["complexity"]) == (named, str(best.rule), None, None)
    row, *_ = csv.DictReader(io.StringIO(render(boards, Format.CSV)))
    assert (row["rule"], row["means"], row["complexity"]) == (named, "", "")
    assert f"`{named}`" in render(boards, Format.MD)
    assert "Neither is known for other optimizers." in " ".join(printed(boards).split())
    assert "Neither is known" not in printed(rules_boards([], confirmed(header, {"m": [0.6] * 6})))
