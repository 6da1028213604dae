"""What ``harness transfer`` takes of its options, and refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.cli import options
from harness.cli.main import app
from harness.race.header import TransferHeader
from harness.race.store.ledger import Ledger

sys.path.append(str(Path(__file__).parents[1] / "support"))

COMMON = ("--workers", "1", "--quiet")


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def headers(results: Path) -> list[TransferHeader]:
    return [each.header for each in Ledger.read(results).transfers() if isinstance(each.header, TransferHeader)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("adam, sgd", ["adam", "sgd"]),
        ("torch:SGD(momentum=0.9,nesterov=True),top:5", ["torch:SGD(momentum=0.9,nesterov=True)", "top:5"]),
        ("drop(m, 0.3) + noise,g", ["drop(m, 0.3) + noise", "g"]),
        ("torch:Adam(betas=(0.9,0.99),x='a,b'),g", ["torch:Adam(betas=(0.9,0.99),x='a,b')", "g"]),
        ("torch:Adam(betas=[0.9,0.99]),", ["torch:Adam(betas=[0.9,0.99])"]),
        ("g m id id left", ["g m id id left"]),
        ("g),m", ["g)", "m"]),
        ("", []),
    ],
)
def test_commas_of_formulas_and_optimizers_separate_nothing(text: str, parts: list[str]) -> None:
    assert options.split(text) == parts


def test_rules_are_taken_from_all_options_and_each_function_trains_once(tmp_path: Path) -> None:
    rules = ("--rules", "adam,exp(v) * m", "--rules", "sgd,m * exp(v)", "--rules", "adam")
    result = CliRunner().invoke(
        app, ["transfer", *rules, "--workloads", "toy-quadratic", "--seeds", "4", *COMMON, "--results", str(tmp_path)]
    )
    assert result.exit_code == 0
    assert "--rules names adam more than once" in result.stderr
    assert "is the same function as" in result.stderr
    (header,) = headers(tmp_path)
    assert (header.seed, len(header.transfer.candidates), header.transfer.chosen) == (4, 3, "")


def test_the_best_confirmed_rules_are_those_of_the_rules_board_by_validation(tmp_path: Path) -> None:
    common = (*COMMON, "--results", str(tmp_path))
    transfer = ("transfer", "--rules", "top:2,adam", "--workloads", "toy-rosenbrock", "--seeds", "0", *common)
    invoke("run", "--protocol", "toy-quadratic", "--children", "9", "--seeds", "0", *common)
    invoke("confirm", "--top", "4", "--seeds", "0-1", *common)
    invoke(*transfer)
    (board,) = json.loads(invoke("leaderboard", "--rules", "--format", "json", "--results", str(tmp_path)))[
        "rules_boards"
    ]
    found = [each for each in board["rules"] if not each["known"]]
    best = sorted(found, key=lambda each: -each["validation"]["mean"])[:2]
    (header,) = headers(tmp_path)
    assert list(header.transfer.candidates)[1:] == [each["tokens"] for each in best]
    assert header.transfer.chosen == (
        "the top 2 confirmed rules by mean validation score on fresh seeds; 1 named by hand"
    )
    invoke("confirm", "--rule", "m * exp(v)", "--protocol", "toy-quadratic", "--seeds", "0", *common)
    result = CliRunner().invoke(app, [*transfer, "--seeds", "1"])
    assert "Choose with --board: 1 is toy-quadratic" in str(result.exception)
    invoke(*transfer, "--seeds", "1", "--board", "2")
    assert headers(tmp_path)[-1].transfer.candidates[1:] == (str(_rule("m * exp(v)")),)


def _rule(text: str) -> Any:
    from harness.space.zoo import resolve

    return resolve(text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rules", "adam", "--workloads", "wrong"), "workload: expected "),
        (("--rules", "adam", "--workloads", "toy-quadratic-mini"), "expected a name without -mini"),
        (("--rules", "", "--workloads", "toy-quadratic"), "rules: expected at least one, got none"),
        (("--rules", "top:0", "--workloads", "toy-quadratic"), "a number from 1 after top:"),
        (("--rules", "top:3,top:4", "--workloads", "toy-quadratic"), "top: once"),
        (
            ("--rules", "adam", "--workloads", "toy-quadratic", "--board", "3"),
            "board: expected none without top:N, got 3",
        ),
        (("--rules", "top:3", "--workloads", "toy-quadratic"), "expected a ledger, got none"),
        (("--rules", "adam", "--workloads", ","), "workloads: expected at least one"),
        (("--rules", "adam", "--workloads", "table-signs"), "one that looks outcomes up"),
        (("--rules", "torch:Adam", "--workloads", "toy-quadratic"), "one that trains other optimizers, too"),
        (("--rules", "adam", "--workloads", "toy-quadratic", "--funnel", "1,3"), "expected one with a horizon"),
        (("--rules", "adam", "--workloads", "gated_lines:GATED", "--funnel", "3"), "at least two ascending rungs"),
        (("--rules", "adam", "--workloads", "gated_lines:GATED", "--funnel", "3,1"), "at least two ascending rungs"),
        (("--rules", "adam", "--workloads", "gated_lines:GATED", "--funnel", "0,1"), "at least 1"),
        (("--rules", "adam", "--workloads", "gated_lines:GATED", "--funnel", "a"), "numbers of epochs"),
        (
            ("--rules", "adam", "--workloads", "toy-quadratic", "--data", "lm=ptb"),
            "data of workload: expected one of toy-quadratic, got 'lm'",
        ),
        (("--rules", "adam", "--workloads", "quick", "--data", "a", "--data", "b"), "expected one, got a and b"),
        (("--rules", "adam", "--workloads", "quick", "--data", "toy"), "data: expected one of"),
        (("--rules", "adam", "--workloads", "quick", "--seeds", "x"), "seeds"),
    ],
)
def test_a_wrong_argument_is_one_line_and_leaves_no_checkpoints(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    results = tmp_path / "results"
    assert said in complaint(capsys, monkeypatch, "transfer", *arguments, "--workers", "1", "--results", str(results))
    assert not list((results / "checkpoints").glob("*"))
