"""An empty path, as an unset variable of the shell gives, is refused: it would mean the current folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.main import app


@pytest.mark.parametrize(
    "command",
    [
        ["runs", "--results", ""],
        ["run", "--searcher", "random", "--results="],
        ["learn", "searcher", "--dimensions", "1", "--to", ""],
        ["table", "build", "signs", "--to", ""],
    ],
)
def test_it_is_one_line_and_nothing_is_written(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, command)
    said = f"{done.exception}{done.output}"
    assert "expected the path of a file or folder, got an empty one. Give one, or leave the option out" in said
    assert done.exit_code != 0
    assert os.listdir(tmp_path) == []
