"""``--evaluator replay``, by the command: a small space is trained once and searched again without training."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.main import app, main
from harness.race import conditions
from harness.race.store.ledger import Ledger

SPACE = ("--operands", "g,m,adam", "--unary", "id,neg", "--binary", "mul,left", "--blocks", "1")
SMALL = ("run", *SPACE, "--protocol", "toy-quadratic", "--workers", "1", "--quiet")
EVERYTHING = "200"  # children: more than the space has functions


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def trials(results: Path, searcher: str, children: int):
    (found,) = [
        record
        for record in Ledger.read(results).runs()
        if (record.header.searcher, record.header.budget.children) == (searcher, children)
    ]
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which random search has trained every function of the space, for seed 4."""
    results = tmp_path_factory.mktemp("whole")
    invoke(*SMALL, "--searcher", "random", "--children", EVERYTHING, "--seeds", "4", "--results", str(results))
    return results


@pytest.fixture
def untrainable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the task nor its data can be loaded, as where they are not installed."""

    def missing(*_: object, **__: object) -> None:
        raise AssertionError("a replay needs neither task nor data")

    monkeypatch.setattr(conditions, "task_and_data", missing)


@pytest.mark.usefixtures("untrainable")
@pytest.mark.parametrize(("searcher", "children"), [("random", 5), ("evolution", 8)])
def test_a_store_is_searched_again_without_training(whole, searcher, children) -> None:
    board = invoke(
        *(*SMALL, "--searcher", searcher, "--children", str(children), "--seeds", "4"),
        *("--evaluator", "replay", "--results", str(whole)),
    )
    assert "Leaderboard" in board
    assert "many draws" in board
    replayed, trained = trials(whole, searcher, children), trials(whole, "random", int(EVERYTHING))
    assert replayed.standing == "finished"
    assert replayed.header.provenance["evaluator"] == "replay"
    assert trained.header.provenance["evaluator"] == "train"
    assert dict(replayed.header.environment) == dict(trained.header.environment)
    scores = {trial.rule.key: trial.outcome for trial in trained.trials}
    assert sum(trial.charged for trial in replayed.trials) == children
    assert all(trial.outcome == scores[trial.rule.key] for trial in replayed.trials)


def refusal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, results: Path, *arguments: str) -> str:
    """The one line with which the command refuses a replay."""
    monkeypatch.setattr(sys, "argv", ["harness", *SMALL, "--searcher", "random", *arguments])
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--evaluator", "replay", "--results", str(results)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("harness: ")]
    assert len(lines) == 1
    return lines[0]


def test_an_unknown_rule_is_refused_and_the_run_kept(tmp_path, capsys, monkeypatch) -> None:
    train = (*SMALL, "--searcher", "random", "--seeds", "4", "--results", str(tmp_path), "--children")
    invoke(*train, "2")
    line = refusal(capsys, monkeypatch, tmp_path, "--children", "6", "--seeds", "4")
    assert "replay of rule" in line
    assert "toy-quadratic v1" in line
    assert "seed 4" in line
    refused = trials(tmp_path, "random", 6)
    assert refused.standing == "stopped"
    assert 2 <= len(refused.trials) < 6
    invoke(*train, "6")
    assert trials(tmp_path, "random", 6).standing == "finished"


@pytest.mark.usefixtures("untrainable")
def test_a_store_without_the_seed_or_no_store_is_refused(whole, tmp_path, capsys, monkeypatch) -> None:
    assert "got only those of seed 4" in refusal(capsys, monkeypatch, whole, "--seeds", "7")
    assert "expected a ledger" in refusal(capsys, monkeypatch, tmp_path / "none")
    assert not (tmp_path / "none").exists()
