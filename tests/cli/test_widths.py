"""Every table that a command prints, on narrow terminals: no line is too wide, and no word is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.main import app
from harness.cli.terminal.output import console, hanging

PUBLISHED = Path(__file__).parents[2] / "results" / "published" / "runs"
LISTS = ("protocols", "searchers", "tasks", "data", "rules", "spaces")
DETAILS = (("protocols", "paper"), ("searchers", "rl"), ("tasks", "child"), ("rules", "adam"), ("spaces", "arxiv2"))
BOARDS = (["runs"], ["leaderboard", "--top", "50"], ["leaderboard", "--rules"])
LONG, MARKS = 16, "(:./_="  # characters from which a word may be broken, and behind what


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("store"))
    invoke(200, "import", str(PUBLISHED), "--results", folder)
    return folder


def invoke(width: int, *arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(width)}, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def check(width: int, *arguments: str) -> None:
    narrow, wide = invoke(width, *arguments), invoke(400, *arguments)
    assert max(map(len, narrow.splitlines())) <= width
    assert "…" not in narrow
    whole = set(wide.split()) | {"no", "room", "for:"}
    long = [word for word in whole if len(word) > LONG]
    broken = [word for word in set(narrow.split()) - whole if not any(allowed(word, other) for other in long)]
    assert [word for word in broken if not set(word) <= set("─—-")] == []


def allowed(part: str, word: str) -> bool:
    """Whether a part is what is left of a word that is broken behind marks alone."""
    start = word.find(part)
    return start >= 0 and (start == 0 or word[start - 1] in MARKS) and (word.endswith(part) or part[-1] in MARKS)


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("arguments", [*((each,) for each in LISTS), *DETAILS])
def test_lists_break_no_word(width: int, arguments: tuple[str, ...]) -> None:
    check(width, "ls", *arguments)


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("arguments", BOARDS)
def test_boards_break_no_word(width: int, arguments: list[str], store: str) -> None:
    check(width, *arguments, "--results", store)


def test_what_hangs_behind_a_label_breaks_no_pair_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = ["1e-05: 0.000", "0.0001: 0.000", "0.001: 0.005"]
    hanging(console(), "sweep  ", pairs, gap="  ")
    assert capsys.readouterr().out == "sweep  1e-05: 0.000  0.0001: 0.000  0.001: 0.005\n"
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    hanging(console(), "sweep  ", pairs, gap="  ")
    assert capsys.readouterr().out == "sweep  1e-05: 0.000  0.0001: 0.000\n       0.001: 0.005\n"
