"""``harness learn compare`` and ``harness ls problems`` as a user gives them."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.board.learned.record import FOLDER, read
from harness.cli.main import app
from harness.registry import BUILT_IN, Kind
from harness.tasks.learned import comparing

sys.path.append(str(Path(__file__).parents[2] / "support"))

TINY = ("--count", "6", "--steps", "3", "--quiet")


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def compare(results: Path, *more: str) -> str:
    return invoke("learn", "compare", *more, *TINY, "--results", str(results))


def test_the_command_compares_and_prints_the_board_in_every_format(tmp_path: Path) -> None:
    asked = ("--problems", "quadratic", "--candidates", "sgd,torch:SGD(momentum=0.9,nesterov=True)")
    text = compare(tmp_path, *asked, "--candidates", "adam")
    assert "quadratic: f after 3 steps, over 6 fresh problems" in text
    found = json.loads(compare(tmp_path, *asked, "--format", "json"))
    results = found["learned_boards"][0]["problems"][0]["results"]
    assert {each["label"] for each in results} == {"sgd", "torch SGD(momentum=0.9, nesterov=True)", "adam"}
    assert len(list(csv.DictReader(io.StringIO(compare(tmp_path, *asked, "--format", "csv"))))) == 3
    assert compare(tmp_path, *asked, "--format", "md").startswith("## Learned optimizers")


def test_stopped_it_ends_with_130_says_how_to_resume_and_goes_on_to_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--problems", "quadratic", "--candidates", "sgd,adam,nag")
    compare(tmp_path / "whole", *asked)
    whole, done = comparing.compare, list[str]()

    def interrupted(candidate, *given, **named):
        if done:
            raise KeyboardInterrupt
        done.append(str(candidate))
        return whole(candidate, *given, **named)

    command = ["learn", "compare", *asked, *TINY, "--results", str(tmp_path / "stopped")]
    with monkeypatch.context() as patch:
        patch.setattr(comparing, "compare", interrupted)
        patch.setattr(sys, "argv", ["harness", *command])
        result = CliRunner().invoke(app, command)
    assert result.exit_code == 130
    assert result.stdout == ""
    told = "Stopped; completed candidates are kept. To resume: harness learn compare --problems quadratic"
    assert told in " ".join(result.stderr.split())
    (path,) = (tmp_path / "stopped" / FOLDER).iterdir()
    assert [each.name for each in read(path).candidates] == ["sgd"]
    compare(tmp_path / "stopped", *asked)
    (expected,) = (tmp_path / "whole" / FOLDER).iterdir()
    assert path.read_bytes() == expected.read_bytes()


def test_repeated_names_count_once(tmp_path: Path) -> None:
    asked = ["--problems", "quadratic,quadratic", "--candidates", "sgd", "--candidates", "sgd"]
    result = CliRunner().invoke(app, ["learn", "compare", *asked, *TINY, "--results", str(tmp_path)])
    assert "--problems names quadratic more than once" in result.stderr
    assert "--candidates names sgd more than once" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--problems", "quadrtic", "--candidates", "sgd"), "Did you mean 'quadratic'?"),
        (("--problems", "quadratic", "--candidates", "adm"), "Did you mean 'adam'?"),
        (("--problems", "quadratic", "--candidates", ","), "candidates: expected at least one"),
        (("--problems", ",", "--candidates", "sgd"), "problems: expected at least one"),
        (("--problems", "quadratic", "--candidates", "top:2"), "expected a ledger, got none"),
        (("--problems", "quadratic", "--candidates", "sgd", "--data", "a", "--data", "b"), "got a and b"),
        (("--problems", "quadratic", "--candidates", "sgd", "--count", "3000"), "count: expected 1 to 2000"),
        (("--problems", "quadratic", "--candidates", "sgd", "--data", "mnist=a"), "data of problems"),
        (
            ("--problems", "quadratic", "--candidates", "sgd", "--board", "3"),
            "board: expected none without top:N, got 3",
        ),
        (
            ("--problems", "quadratic", "--candidates", "learned:file(path='no.safetensors')"),
            "weights in no.safetensors",
        ),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setenv("HARNESS_RESULTS", str(tmp_path))
    assert said in complaint(capsys, monkeypatch, "learn", "compare", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_families_of_problems_are_listed_with_their_variants() -> None:
    listed = invoke("ls", "problems")
    assert all(name in listed for name in BUILT_IN[Kind.PROBLEM])
    assert "[L2L] §3.1" in listed
    one = invoke("ls", "problems", "quadratic")
    assert "ten dimensions, 100 steps" in one
    assert "it reads no data" in one
    variants = invoke("ls", "problems", "small_problems:Bowls")
    assert "small_problems:Bowls/steep" in variants
    assert [line.split()[1:3] for line in variants.splitlines()[2:4]] == [["4", "yes"], ["5", "no"]]


def test_an_unknown_family_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Did you mean 'quadratic'?" in complaint(capsys, monkeypatch, "ls", "problems", "quadratc")


def test_learned_optimizers_are_listed_among_candidates() -> None:
    assert "learned" in invoke("ls", "candidates").split()
