"""``harness export``, ``harness import`` and ``harness rule export``, by the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.cli.main import app


def invoke(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def boards(results: Path) -> list[str]:
    formats = ("text", "json", "md", "csv")
    return [invoke("leaderboard", "--results", str(results), "--format", each) for each in formats]


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of four finished runs."""
    results = tmp_path_factory.mktemp("raced")
    small = ("--operands", "g,m,adam", "--unary", "id,neg", "--binary", "mul,left", "--blocks", "1", "--quiet")
    arguments = ("race", "--searchers", "random,evolution", "--children", "4", "--seeds", "0-1", *small)
    invoke(*arguments, "--protocol", "toy-quadratic", "--workers", "1", "--results", str(results))
    return results


def test_boards_from_an_import_are_identical(raced: Path, tmp_path: Path) -> None:
    told = invoke("export", "--results", str(raced), "--to", str(tmp_path / "files"))
    assert "4 runs in" in told
    assert len(contents(tmp_path / "files")) == 4
    told = invoke("import", str(tmp_path / "files"), "--results", str(tmp_path / "other"))
    assert "4 runs taken into" in told
    assert boards(tmp_path / "other") == boards(raced)
    invoke("export", "--results", str(raced), "--to", str(tmp_path / "again"))
    invoke("export", "--results", str(tmp_path / "other"), "--to", str(tmp_path / "from-import"))
    assert contents(tmp_path / "files") == contents(tmp_path / "again") == contents(tmp_path / "from-import")


def test_an_import_answers_a_replay(raced: Path, tmp_path: Path) -> None:
    invoke("export", "--results", str(raced), "--to", str(tmp_path / "files"))
    invoke("import", str(tmp_path / "files"), "--results", str(tmp_path / "other"))
    small = ("--operands", "g,m,adam", "--unary", "id,neg", "--binary", "mul,left", "--blocks", "1", "--quiet")
    arguments = ("run", "--searcher", "random", "--children", "3", "--seeds", "0", *small, "--evaluator", "replay")
    invoke(*arguments, "--protocol", "toy-quadratic", "--workers", "1", "--results", str(tmp_path / "other"))


def test_runs_are_chosen_by_name_and_tables_written(raced: Path, tmp_path: Path) -> None:
    name = next(word for word in invoke("runs", "--results", str(raced)).split() if word.startswith("random-s1-"))
    invoke("export", name, "--results", str(raced), "--to", str(tmp_path))
    assert list(contents(tmp_path)) == [f"{name}.jsonl"]
    invoke("export", name, "--results", str(raced), "--to", str(tmp_path / "tables"), "--format", "csv")
    assert set(contents(tmp_path / "tables")) == {"runs.csv", "trials.csv", "sweeps.csv", "curves.csv"}
    assert contents(tmp_path / "tables")["runs.csv"].count(b"\n") == 2


def test_files_are_taken_or_refused_one_by_one(raced: Path, tmp_path: Path) -> None:
    invoke("export", "--results", str(raced), "--to", str(tmp_path / "files"))
    first, second, *_ = sorted((tmp_path / "files").iterdir())
    first.write_bytes(first.read_bytes().replace(b'"source": "trained"', b'"source": "borrowed"', 1))
    second.write_bytes(second.read_bytes()[:-2])
    told = invoke("import", str(tmp_path / "files"), "--results", str(tmp_path / "other"), code=2)
    assert f"{first}, line 2: expected" in told
    assert f"{second}, line " in told
    assert "2 runs taken into" in told
    assert "Traceback" not in told
    invoke("export", "--results", str(raced), "--to", str(tmp_path / "files"))
    told = invoke("import", str(tmp_path / "files"), "--results", str(tmp_path / "other"))
    assert "2 runs already in" in told
    assert "2 runs taken into" in told


def test_what_a_terminal_has_no_letter_for_is_escaped(raced: Path) -> None:
    for arguments, escaped in (
        (["leaderboard", "--results", str(raced)], "rate"),
        (["rule", "show", "powersign"], "\\u2514\\u2500\\u2500"),
    ):
        assert escaped in printed(arguments, "latin-1").decode("latin-1")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "ascii", "utf-8"])
def test_what_another_program_reads_is_utf_8_whatever_the_encoding(raced: Path, encoding: str) -> None:
    source = printed(["rule", "export", "powersign"], encoding).decode("utf-8")
    assert "w ← w" in source
    compile(source, "exported", "exec")
    board = printed(["leaderboard", "--results", str(raced), "--format", "md"], encoding).decode("utf-8")
    assert board.startswith("## Leaderboard")
    assert "λ" in board
    shown = json.loads(printed(["rule", "show", "powersign", "--format", "json"], encoding).decode("utf-8"))
    assert shown["infix"] == "g * exp(sign(g) * sign(m))"


def printed(arguments: list[str], encoding: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["import", "no/such/file.jsonl"], "got nothing there"),
        (["import", "x" * 300], "got File name too long"),
        (["import", os.devnull], "got something else"),
        (["export", "--results", "no/such/folder"], "expected a ledger"),
        (["rule", "export", "powersin"], "Did you mean 'powersign'?"),
        (["rule", "export", "g", "--name", "os; abort()"], "class name"),
        (["rule", "export", "g", "--name", "A", "--format", "svg"], "--name"),
        (["rule", "export", "g", "--to", "/"], "no regular file"),
    ],
)
def test_a_mistake_is_one_line(capsys, monkeypatch, tmp_path, arguments: list[str], expected: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in complaint(capsys, monkeypatch, *arguments)
    assert not list(tmp_path.iterdir())


def test_an_unknown_run_and_a_folder_of_none_are_one_line(raced, tmp_path, capsys, monkeypatch) -> None:
    results = ("--results", str(raced))
    assert "Did you mean 'random-s0-" in complaint(capsys, monkeypatch, "export", "random-s0-toy", *results)
    assert "*.jsonl files, got none" in complaint(capsys, monkeypatch, "import", str(tmp_path))


def test_a_refused_file_leaves_no_store(tmp_path, capsys, monkeypatch) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"{}\n")
    line = complaint(capsys, monkeypatch, "import", str(tmp_path / "x.jsonl"), "--results", str(tmp_path / "new"))
    assert "line 1: expected a run that `harness export` wrote" in line
    assert not (tmp_path / "new").exists()


def test_a_rule_is_exported_to_a_file_or_printed(tmp_path) -> None:
    source = invoke("rule", "export", "powersign")
    assert "class Powersign(Optimizer):" in source
    invoke("rule", "export", "powersign", "--to", str(tmp_path / "p.py"))
    assert (tmp_path / "p.py").read_text(encoding="utf-8") == source
    assert invoke("rule", "export", "g * v", "--name", "Mine").count("Mine") == 2
    assert invoke("rule", "export", "g", "--format", "latex").startswith("% g")
    assert invoke("rule", "export", "g", "--format", "dot").startswith("digraph")
    assert invoke("rule", "export", "g", "--format", "svg").startswith("<svg")


def test_of_many_runs_the_nearest_alone_is_named(tmp_path, capsys, monkeypatch) -> None:
    """Fifty names, and as many identities, were listed in one line."""
    published = Path(__file__).parents[2] / "results" / "published" / "runs"
    results = ("--results", str(tmp_path))
    assert CliRunner().invoke(app, ["import", str(published), *results]).exit_code == 0
    line = complaint(capsys, monkeypatch, "export", "nosuchrun", *results)
    names = len(list(published.iterdir()))
    assert f"run: expected one of {names} names, got 'nosuchrun'. The nearest is '" in line
    assert line.endswith("'; `harness runs` lists all.\n")
    line = complaint(capsys, monkeypatch, "export", "tpe-s0", *results)
    assert line == f"harness: run: expected one of {names} names, got 'tpe-s0'. Did you mean 'tpe-s0-quick-a8ed2a4f'?\n"
