"""The start-up of a search on the command line: small budgets lower it, and a search that will be none is announced."""

from __future__ import annotations

from pathlib import Path

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.cli.main import app
from harness.race.store.ledger import Ledger

TOY = ("--protocol", "toy-quadratic", "--workers", "1", "--quiet", "--seeds", "0")


def invoke(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_a_run_without_options_learns_and_its_record_says_from_when(tmp_path: Path) -> None:
    """All but the protocol, which only has to be quick, is the default."""
    out, err = invoke("run", *TOY, "--results", str(tmp_path))
    assert "will not search" not in err
    assert "5 of 12" in out
    with Ledger.read(tmp_path) as ledger:
        (record,) = ledger.runs()
    assert record.header.settings["initial"] == 3
    assert record.header.provenance["startup"] == "5"


def test_searches_that_will_be_none_are_announced_and_never_placed(tmp_path: Path) -> None:
    own = ("--set", "tpe.startup=25", "--set", "evolution.initial=25", "--children", "6")
    out, err = invoke("race", "--searchers", "tpe,evolution,random-plain", *own, *TOY, "--results", str(tmp_path))
    hint = "its start-up takes all 6 children of a run. Raise --children, or lower"
    assert f"tpe will not search: {hint} startup and batch with --set" in err
    assert f"evolution will not search: {hint} initial and batch with --set" in err
    assert "random-plain will not" not in err
    assert out.count("all 6: no search") == 2
    assert "No search: all children of" in out


def test_a_factory_that_misstates_its_start_up_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "misstated.py").write_text(
        "class Mine:\n"
        "    def __init__(self, space, *, seed: int): ...\n"
        "    @staticmethod\n"
        "    def startup(settings): return {'draws': 3}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    said = complaint(capsys, monkeypatch, "run", "--searcher", "misstated:Mine", "--results", str(tmp_path / "r"))
    assert "startup of Mine: expected whole numbers by the names of its settings" in said
