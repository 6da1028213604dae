"""What ``harness confirm`` takes from the searches, and refuses to take for theirs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.cli.main import app
from harness.contracts import NamedProtocol
from harness.race import conditions
from harness.race.protocols import NoData
from harness.race.store.ledger import Ledger
from harness.tasks.toy import protocols
from harness.tasks.toy.protocols import TOY_QUADRATIC

CONFIRM = ("confirm", "--top", "1", "--seeds", "0", "--workers", "1", "--quiet", "--results")


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def searched(tmp_path: Path) -> str:
    """A store with one finished search."""
    common = ("--protocol", "toy-quadratic", "--children", "3", "--seeds", "0", "--workers", "1", "--quiet")
    invoke("run", *common, "--results", str(tmp_path))
    return str(tmp_path)


def test_another_protocol_of_the_searched_ones_name_is_refused(searched, capsys, monkeypatch) -> None:
    newer = dataclasses.replace(TOY_QUADRATIC, version=2)
    monkeypatch.setattr(protocols, "NAMED_TOY_QUADRATIC", NamedProtocol(newer))
    line = complaint(capsys, monkeypatch, *CONFIRM, searched)
    assert f"protocol toy-quadratic: expected v1 ({TOY_QUADRATIC.hash}), by which the searches" in line
    assert f"got v2 ({newer.hash})." in line
    invoke(*CONFIRM, searched, "--protocol", "toy-quadratic")


def test_other_data_of_the_searched_ones_name_is_refused(searched, capsys, monkeypatch) -> None:
    monkeypatch.setattr(conditions, "NO_DATA", NoData(fingerprint="other"))
    line = complaint(capsys, monkeypatch, *CONFIRM, searched)
    assert "data set none: expected fingerprint none, as the searches had it, got other." in line
    invoke(*CONFIRM, searched, "--data", "auto")


def test_final_bests_are_retrained_on_the_seeds_asked_for_and_judged_on_the_searchers_board(tmp_path) -> None:
    common = ("--workers", "1", "--quiet", "--results", str(tmp_path))
    race = ("race", "--searchers", "gp,random", "--protocol", "toy-quadratic", "--children", "12", "--seeds", "0-1")
    invoke(*race, *common)
    invoke("confirm", "--finals", "--seeds", "100-101", *common)
    (board,) = json.loads(invoke("leaderboard", "--format", "json", "--results", str(tmp_path)))["boards"]
    assert board["retrained"]["seeds"] == [100, 101]
    assert {each["label"] for each in board["retrained"]["entrants"]} == {"gp", "random"}
    told = invoke("leaderboard", "--rules", "--format", "json", "--results", str(tmp_path))
    (rules,) = json.loads(told)["rules_boards"]
    assert (rules["seeds"], rules["nominated"]) == ([100, 101], "the final best of every run")
    finals = {each["best"]["key"] for each in board["entrants"]}
    assert finals <= {each["key"] for each in rules["rules"]}
    before = Ledger.read(tmp_path).rows()
    invoke("confirm", "--finals", "--seeds", "100-101", *common)
    assert Ledger.read(tmp_path).rows() == before, "the same command has nothing left to do"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("torch:AdamX", "candidate torch:AdamX, optimizer: expected one of"),
        ("torch:Adam(lr=0.1)", "candidate torch:Adam, lr: expected none, got 0.1."),
        ("torch:Adam(bets=1)", "Did you mean 'betas'?"),
        ("torch:LBFGS", "one that needs a closure"),
        ("torch:Muon()", "one that updates only matrices"),
        ("torch:Adam(eps=open('x'))", "nothing is evaluated"),
        ("torch:", "expected an optimizer as NAME(option=value, ...)"),
        ("troch:Adam", "Did you mean 'torch'?"),
        (":Adam", "family of a candidate: expected one of learned, nos, torch, got ''."),
        ("g * nonsense", "nonsense"),
    ],
)
def test_what_is_no_candidate_is_refused_before_anything_is_made(text, said, tmp_path, capsys, monkeypatch) -> None:
    assert said in complaint(capsys, monkeypatch, *CONFIRM, str(tmp_path / "new"), "--candidate", text)
    assert not (tmp_path / "new").exists()


def test_a_task_of_rules_alone_refuses_other_candidates_in_one_line(tmp_path, capsys, monkeypatch) -> None:
    arguments = ("confirm", "--protocol", "toy-quadratic", "--seeds", "0", "--workers", "1", "--quiet")
    line = complaint(capsys, monkeypatch, *arguments, "--results", str(tmp_path), "--candidate", "torch:Adam")
    assert "task 'toy-quadratic' of protocol 'toy-quadratic': expected one that trains other optimizers, too" in line
    assert not Ledger.read(tmp_path).rows()


def test_a_rule_as_a_candidate_is_the_rule(tmp_path) -> None:
    arguments = ("--protocol", "toy-quadratic", "--seeds", "0", "--workers", "1", "--quiet", "--results", str(tmp_path))
    invoke("confirm", "--rule", "m * exp(g2)", *arguments)
    before = Ledger.read(tmp_path).rows()
    invoke("confirm", "--candidate", "m * exp(g2)", *arguments)
    assert Ledger.read(tmp_path).rows() == before
    said = invoke("confirm", "--candidate", "m * exp(g2)", "--candidate", "exp(g2) * m", *arguments)
    assert "'exp(g2) * m' is the same function as 'm * exp(g2)'" in said


def test_a_board_that_decides_nothing_is_said_to_be_unused(searched) -> None:
    hand = ("confirm", "--rule", "g", "--board", "1", *CONFIRM[3:], searched)
    told = "--board is not used: it decides --protocol and --data, and both are given"
    assert told in invoke(*hand, "--protocol", "toy-quadratic", "--data", "auto")
    assert told not in invoke(*hand, "--protocol", "toy-quadratic")
