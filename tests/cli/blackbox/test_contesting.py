"""``harness blackbox`` as a user gives it."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.board.blackbox.record import FOLDER
from harness.cli.blackbox.counts import counts
from harness.cli.main import app
from harness.library.blackbox import contesting

BOWLS, HALVING = "small_functions:Bowls", "small_functions:Halving"
TINY = ("--count", "6", "--steps", "4", "--quiet")


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def hold(results: Path, *more: str) -> str:
    return invoke("blackbox", *more, *TINY, "--results", str(results))


def test_the_command_holds_a_contest_and_prints_the_board_in_every_format(tmp_path: Path) -> None:
    asked = ("--problems", f"{BOWLS},{BOWLS}/1", "--entrants", f"random,{HALVING}(by=0.5,corner='origin')")
    text = hold(tmp_path, *asked, "--entrants", HALVING)
    assert f"{BOWLS}: regret after 4 steps; less is better" in text
    found = json.loads(hold(tmp_path, *asked, "--format", "json"))
    results = found["blackbox_boards"][0]["problems"][0]["results"]
    assert {each["label"] for each in results} == {"random", HALVING, f"{HALVING}(by=0.5, corner='origin')"}
    assert len(list(csv.DictReader(io.StringIO(hold(tmp_path, *asked, "--format", "csv"))))) == 6
    assert hold(tmp_path, *asked, "--format", "md").startswith("## Black-box optimizers")


def test_single_entrants_have_counts_of_their_own(tmp_path: Path) -> None:
    asked = ("--problems", BOWLS, "--entrants", f"random,{HALVING},{HALVING}(by=0.5)")
    text = hold(tmp_path, *asked, "--count", f"{HALVING}=3", "--count", f"{HALVING}(by=0.5)=2", "--format", "json")
    results = json.loads(text)["blackbox_boards"][0]["problems"][0]["results"]
    assert {each["label"]: each["count"] for each in results} == {"random": 6, HALVING: 3, f"{HALVING}(by=0.5)": 2}


def test_counts_are_read_with_commas_and_settings() -> None:
    assert counts([]) == {}
    assert counts(["10,gp=5", "rnn(cell='dnc', parallel=5) = 7"]) == {"": 10, "gp": 5, "rnn(cell='dnc', parallel=5)": 7}


def test_stopped_it_ends_with_130_says_how_to_resume_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--problems", BOWLS, "--entrants", f"random,{HALVING}")
    whole, done = contesting.run, list[int]()

    def interrupted(*given, **named):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(named["count"])
        return whole(*given, **named)

    command = ["blackbox", *asked, *TINY, "--results", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(contesting, "run", interrupted)
        patch.setattr(sys, "argv", ["harness", *command])
        result = CliRunner().invoke(app, command)
    assert result.exit_code == 130
    assert result.stdout == ""
    told = f"Stopped; completed parts are kept. To resume: harness blackbox --problems {BOWLS}"
    assert told in " ".join(result.stderr.split())
    found = json.loads(hold(tmp_path, *asked, "--format", "json"))
    assert len(found["blackbox_boards"][0]["problems"][0]["results"]) == 2
    assert len(list((tmp_path / FOLDER).glob("*.json"))) == 1


def test_repeated_names_count_once(tmp_path: Path) -> None:
    asked = ["--problems", f"{BOWLS},{BOWLS}", "--entrants", "random", "--entrants", "random"]
    result = CliRunner().invoke(app, ["blackbox", *asked, *TINY, "--results", str(tmp_path)])
    assert f"--problems names {BOWLS} more than once" in result.stderr
    assert "--entrants names random more than once" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--problems", "brannin", "--entrants", "random"), "Did you mean 'branin'?"),
        (("--problems", "branin", "--entrants", "rndom"), "Did you mean 'random'?"),
        (("--problems", "branin", "--entrants", ","), "entrants: expected at least one"),
        (("--problems", ",", "--entrants", "random"), "problems: expected at least one"),
        (("--problems", "branin", "--entrants", "random(by=1)"), "setting: expected nothing"),
        (
            ("--problems", "branin", "--entrants", "random", "--count", "ten"),
            "--count: expected N or ENTRANT=N, got 'ten'",
        ),
        (("--problems", "branin", "--entrants", "random", "--count", "gp="), "--count: expected N or ENTRANT=N"),
        (("--problems", "branin", "--entrants", "random", "--count", "1,2"), "--count of all entrants: expected one"),
        (
            ("--problems", "branin", "--entrants", "random", "--count", "gp=5"),
            "entrant of count: expected one of random",
        ),
        (("--problems", "branin", "--entrants", "random", "--steps", "0"), "steps: expected 1 to 10000, got 0"),
        (
            ("--problems", "small_functions:Filed", "--entrants", "random", "--functions-root", "nowhere"),
            "functions filed: expected a file height.txt",
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
    assert said in complaint(capsys, monkeypatch, "blackbox", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FOLDER).write_text("a file")
    asked = ("--problems", BOWLS, "--entrants", "random", *TINY, "--results", str(tmp_path))
    assert "expected a place that can be written" in complaint(capsys, monkeypatch, "blackbox", *asked)
