"""What other programs read of transfers: every format is parsed back, with hostile names in it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from transferring import FIRST, HOSTILE, PICTURES, ended, rising, rung, transferred

from harness.board.markdown import Format
from harness.board.transfer.formats import COLUMNS, render
from harness.board.transfer.judging import transfer_boards
from harness.board.transfer.pages import EMPTY
from harness.contracts import Metric


def test_json_holds_what_its_schema_says(board) -> None:
    document = json.loads(render([board], Format.JSON))
    assert document["schema"] == 1
    (found,) = document["transfer_boards"]
    assert set(found) == {
        *("chosen", "commits", "hardware", "candidates", "workloads", "across", "unfinished", "notes"),
    }
    pictures, words = found["workloads"]
    assert set(pictures) == {
        *("label", "protocol", "epochs", "task", "data", "environment", "seeds", "figure", "metric", "unit", "adam"),
        *("targets", "results", "comparisons", "funnel"),
    }
    assert (pictures["label"], pictures["figure"], pictures["adam"]) == ("pictures-mini", "test", "adam")
    assert pictures["targets"][0] == {"seed": 0, "validation": 0.6}
    best = pictures["results"][0]
    assert set(best) == {
        *(
            "label",
            "key",
            "places",
            "group",
            "validation",
            "test",
            "best_validation",
            "test_at_best",
            "figures",
            "time",
        ),
        *("diverged", "errors", "children"),
    }
    assert (best["label"], best["places"]) == ("powersign", [1, 4])
    assert best["test"]["mean"] == best["test"]["figure"]["mean"] == pytest.approx(0.705)
    assert best["time"]["needed"] == [100, *[200] * 5], "ADAM ends with 0.60 to 0.65"
    assert set(best["children"][0]) == {
        *("seed", "status", "validation", "test", "best_validation", "best_epoch", "test_at_best", "figures"),
        *("learning_rate", "examples", "seconds", "sweep", "curve"),
    }
    assert pictures["results"][-1]["time"]["median"] == "never"
    assert words["metric"] == {"name": "perplexity", "unit": "", "score": "1 / x", "better": "less"}
    first = words["results"][0]["test"]["figure"]
    assert first["low"] < first["mean"] < first["high"], "perplexities ascend though scores fall"
    assert words["results"][0]["group"] == "underpowered"
    assert words["results"][0]["figures"]["BLEU"]["count"] == 3
    assert words["results"][-1]["test"]["figure"]["mean"] is None, "the perplexity of the score 0 is infinite"
    assert {each["verdict"] for each in words["comparisons"]} == {"underpowered"}
    assert found["across"]["profiles"][-1]["ratios"] == ["never", "never"]
    assert found["unfinished"][0]["done"] == 1


def test_csv_has_one_line_a_cell_that_reads_back(board) -> None:
    text = render([board], Format.CSV)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert text.count("\n") == 1 + len(rows) == 1 + 2 * 4
    assert tuple(rows[0]) == COLUMNS
    assert all(None not in row and None not in row.values() for row in rows)
    by = {(row["workload"], row["label"]): row for row in rows}
    best = by["pictures-mini", "powersign"]
    assert float(best["value"]) == float(best["test"]) == pytest.approx(0.705)
    assert [float(each) for each in best["tests"].split()] == pytest.approx([0.68 + seed / 100 for seed in range(6)])
    assert (best["time_median"], best["time_reached"], best["times"]) == ("200.0", "6", f"100.0{' 200.0' * 5}")
    assert (best["tokens"].count(" "), best["standing"]) == (9, "finished")
    words = by["words-mini", "adam"]
    assert float(words["value_low"]) < float(words["value"]) < float(words["value_high"])
    assert json.loads(words["figures"])["BLEU"] == pytest.approx(20.012, abs=1e-3)
    assert by["words-mini", "g * v"]["time_median"] == "never"
    assert by["words-mini", "g * v"]["value"] == "inf"


def test_a_stopped_candidate_has_a_line_without_figures() -> None:
    (board,) = transfer_boards([*rung(1, FIRST), *rung(2, {"m": 0.5, "adam": 0.6}), *rung(3, {"adam": 0.7})])
    rows = {row["label"]: row for row in csv.DictReader(io.StringIO(render([board], Format.CSV)))}
    assert (rows["sgd"]["standing"], rows["sgd"]["value"], rows["sgd"]["place_best"]) == ("stopped at 1", "", "")
    assert (rows["adam"]["standing"], rows["adam"]["value"]) == ("finished", "0.7")
    (found,) = json.loads(render([board], Format.JSON))["transfer_boards"]
    funnel = found["workloads"][0]["funnel"]
    assert funnel["rungs"] == [1, 2, 3]
    assert {each["label"]: each["stopped"] for each in funnel["entered"]}["momentum"] == 2


def test_markdown_has_the_wide_matrix_and_whole_tables(board, hostile) -> None:
    text = render([board], Format.MD)
    assert "Matrix: the final test figure with its 95% interval over seeds" in text
    assert "0.705 \\[0.693, 0.720\\] (1–4)" in text
    assert "(underpowered)" in text
    assert text.count("### Matrix") == 1
    for page in (text, render([hostile], Format.MD)):
        tables = re.findall(r"(?:^\|.*\n?)+", page, re.MULTILINE)
        assert len(tables) >= 6
        for table in tables:
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().splitlines()}) == 1
        assert "\x1b" not in page


def test_hostile_names_come_back_whole_from_json(hostile) -> None:
    (found,) = json.loads(render([hostile], Format.JSON))["transfer_boards"]
    assert (found["chosen"], found["hardware"]) == (HOSTILE, [HOSTILE])
    assert "\x1b" not in render([hostile], Format.CSV)


def test_a_metric_that_only_the_task_knows_is_shown_as_the_score() -> None:
    odd = replace(PICTURES, metric=Metric("beauty", score=""))
    (found,) = transfer_boards(transferred({"g": rising([0.5]), "m": [ended(0.1, 0.2, 0.25)]}, odd))
    assert "| `momentum` | 0.250 (n = 1) (underpowered) |" in render([found], Format.MD)


def test_without_transfers_each_format_says_so() -> None:
    assert render([], Format.MD) == f"{EMPTY}\n"
    assert json.loads(render([], Format.JSON)) == {"schema": 1, "transfer_boards": []}
    assert render([], Format.CSV).count("\n") == 1
