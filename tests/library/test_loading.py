"""``harness.load``: a store as arrays, frames and boards; and boards that show themselves."""

from __future__ import annotations

import builtins
import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import harness
from harness.cli.main import app
from harness.errors import HarnessError, LedgerError, SettingError
from harness.library.columns import Columns
from harness.race.store.ledger import Ledger

PUBLISHED = Path(__file__).parents[2] / "results" / "published" / "runs"


@pytest.fixture(scope="module")
def confirmed(raced: harness.Board) -> harness.RulesBoard:
    return harness.confirm(raced, ["exp(g)"], top=1, seeds=2, progress=False)


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_runs_are_one_row_each(raced: harness.Board) -> None:
    runs = harness.load(raced.results).runs.where(kind="search")
    assert runs["searcher"].tolist() == ["gp", "random", "gp", "random"]
    assert runs["seed"].tolist() == [0, 0, 1, 1]
    assert runs["children"].tolist() == [6] * 4
    assert (runs["proposals"] == runs["children"] + runs["duplicates"]).all()
    for row in raced.rows:
        own = runs.where(searcher=row.searcher)
        assert own["area"].tolist() == list(row.areas)
        assert own["best"].tolist() == list(row.finals)


def test_trials_are_what_the_ledger_holds_with_what_is_plotted(raced: harness.Board) -> None:
    trials = harness.load(raced).trials
    with Ledger.read(raced.results) as ledger:
        records = [record for record in ledger.runs() if record.header.searches]
    for record in records:
        own = trials.where(run=record.header.name)
        assert own["tokens"].tolist() == [str(trial.rule) for trial in record.trials]
        assert own["score"].tolist() == [trial.outcome.score for trial in record.trials]
        assert own["charged"].tolist() == [trial.charged for trial in record.trials]
        assert (np.diff(own["best"]) >= 0).all()
        charged = own.where(charged=True)
        assert charged["child"].tolist() == [1, 2, 3, 4, 5, 6]
        assert charged["best"].max() == charged["score"].max()


def test_evaluations_are_each_once(raced: harness.Board) -> None:
    store = harness.load(raced)
    evaluations = store.evaluations
    of = ("key", "protocol_hash", "fingerprint", "environment", "child_seed")
    identities = list(zip(*(evaluations[name].tolist() for name in of), strict=True))
    assert len(set(identities)) == len(identities)
    assert evaluations.rows == (store.trials["source"] == "trained").sum()
    ended = evaluations.where(status="ok")
    assert all(curve[-1] == score for curve, score in zip(ended["curve"], ended["score"], strict=True))
    assert {sweep.shape for sweep in ended["sweep"]} == {(7, 2)}


@pytest.mark.usefixtures("confirmed")
def test_boards_are_those_of_the_command(raced: harness.Board) -> None:
    store = harness.load(raced)
    results = ("--results", str(raced.results))
    (board,), (rules,) = store.boards, store.rules_boards
    assert board.render("json") == printed("leaderboard", "--format", "json", *results)
    assert rules.render("json") == printed("leaderboard", "--rules", "--format", "json", *results)
    assert str(board).split() == printed("leaderboard", *results).split()
    assert str(rules).split() == printed("leaderboard", "--rules", *results).split()


@pytest.mark.usefixtures("confirmed")
def test_boards_show_themselves(raced: harness.Board, confirmed: harness.RulesBoard) -> None:
    for board in (raced, confirmed):
        page = board._repr_html_()
        assert page.count("<table>") == page.count("</table>") >= len(board.page().tables)
        assert board.page().title in page
        assert repr(board) == str(board)
        assert board._repr_markdown_() == board.render()
    with pytest.raises(HarnessError, match="format: expected one of csv, json, md, got 'xml'"):
        raced.render("xml")


def test_html_holds_nothing_that_would_be_run(raced: harness.Board) -> None:
    named = dataclasses.replace(raced, hardware=("<script>alert(1)</script> <img src=x>",))
    assert "<script" not in named._repr_html_()
    assert "<img" not in named._repr_html_()


def test_exported_files_are_read_like_their_store(raced: harness.Board, tmp_path: Path) -> None:
    files = harness.export(raced, tmp_path)
    stored, read = harness.load(raced), harness.load(tmp_path)
    assert len(files) == stored.runs.rows == read.runs.rows
    for name in ("runs", "trials", "evaluations"):
        mine, theirs = getattr(stored, name), getattr(read, name)
        assert list(mine) == list(theirs)
        for column in mine:
            for one, other in zip(mine[column], theirs[column], strict=True):
                np.testing.assert_equal(one, other)
    assert [board.render("json") for board in stored.boards] == [board.render("json") for board in read.boards]
    assert harness.load(files[0]).runs.rows == 1


def test_published_runs_are_read_without_torch() -> None:
    code = (
        "import json, sys, harness\n"
        "store = harness.load(sys.argv[1])\n"
        "print(json.dumps([store.runs.rows, len(store.boards), len(store.rules_boards), 'torch' in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(PUBLISHED)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [len(list(PUBLISHED.iterdir())), 1, 5, False]


def test_a_frame_has_every_column(raced: harness.Board) -> None:
    pytest.importorskip("pandas", reason="the extra `frames` is not installed")
    store = harness.load(raced)
    for table in (store.runs, store.trials, store.evaluations):
        frame = table.frame()
        assert list(frame.columns) == list(table)
        assert len(frame) == table.rows
    best = store.trials.frame().groupby(["searcher", "seed"])["best"].max()
    assert best["gp", 0] == store.trials.where(searcher="gp", seed=0)["best"][-1]
    assert "<table" in (store.runs._repr_html_() or "")


def test_without_pandas_a_frame_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    table = Columns({"a": np.arange(2)})
    with pytest.raises(HarnessError, match=r"frame: expected pandas, got none. Install it: pip install"):
        table.frame()
    assert table._repr_html_() is None
    assert repr(table) == "2 rows of a"


def test_a_column_that_is_none_is_one_clear_line() -> None:
    table = Columns.of({"score": float, "curve": object}, [(None, np.array([1.0])), (0.5, np.array([]))])
    assert np.isnan(table["score"][0])
    assert table["curve"][0].tolist() == [1.0]
    assert "score" in table
    assert "socre" not in table
    with pytest.raises(SettingError, match="Did you mean 'score'"):
        table["socre"]
    with pytest.raises(SettingError, match="Did you mean 'score'"):
        table.where(socre=1)
    assert Columns.of({"score": float}, []).rows == 0


def test_a_folder_without_a_store_is_one_clear_line(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / "file.jsonl"):
        with pytest.raises(LedgerError, match="expected a ledger, got none"):
            harness.load(place)
    (tmp_path / "file.jsonl").write_text("{}\n")
    with pytest.raises(LedgerError, match="line 1: expected a run that `harness export` wrote"):
        _ = harness.load(tmp_path).runs
