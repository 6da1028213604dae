"""``harness leaderboard --transfer`` on what there is, on nothing, and on a damaged ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.board.transfer.pages import EMPTY
from harness.cli.main import app


def invoke(*arguments: str):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def store(tmp_path: Path) -> str:
    folder = str(tmp_path / "store")
    rules = ("--rules", "adam,sgd", "--workloads", "toy-quadratic", "--seeds", "0-1", "--workers", "1", "--quiet")
    assert invoke("transfer", *rules, "--results", folder).exit_code == 0
    return folder


def test_it_shows_transfers_and_nothing_else(store: str) -> None:
    shown = invoke("leaderboard", "--transfer", "--results", store)
    assert shown.exit_code == 0
    assert "toy-quadratic: final validation score" in shown.stdout
    assert "underpowered" in shown.stdout
    assert "No searches yet" in invoke("leaderboard", "--results", store).stdout, "a transfer is no search"
    assert "No confirmed rules yet" in invoke("leaderboard", "--rules", "--results", store).stdout
    assert shown.stdout == invoke("leaderboard", "--transfer", "--watch", "--results", store).stdout


def test_a_store_without_transfers_says_how_to_get_some(tmp_path: Path) -> None:
    folder = str(tmp_path)
    run = ("run", "--searcher", "random", "--protocol", "toy-quadratic", "--children", "2", "--seeds", "0", "--quiet")
    assert invoke(*run, "--workers", "1", "--results", folder).exit_code == 0
    assert EMPTY in invoke("leaderboard", "--transfer", "--results", folder).stdout
    assert EMPTY in invoke("leaderboard", "--transfer", "--format", "md", "--results", folder).stdout


def test_options_that_do_not_fit_are_told(store: str, capsys, monkeypatch) -> None:
    assert "--top is not used" in invoke("leaderboard", "--transfer", "--top", "3", "--results", store).stderr
    both = complaint(capsys, monkeypatch, "leaderboard", "--transfer", "--rules", "--results", store)
    assert "board: expected --rules or --transfer, got both. Give one of them." in both


def test_a_damaged_ledger_is_one_clear_line(store: str, capsys, monkeypatch) -> None:
    ledger = Path(store) / "ledger.sqlite"
    for beside in Path(store).glob("ledger.sqlite-*"):
        beside.unlink()
    ledger.write_bytes(ledger.read_bytes()[:100] + b"\xff" * 5_000)
    told = complaint(capsys, monkeypatch, "leaderboard", "--transfer", "--results", store)
    assert "expected" in told
    assert str(ledger) in told
