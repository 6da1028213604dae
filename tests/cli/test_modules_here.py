"""Modules of the current folder are found by the installed script as by ``python -m harness``: by real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MINE = (
    "from harness.searchers.random_search import RandomSearch\n"
    "class Mine(RandomSearch):\n"
    '    """A searcher of one\'s own."""\n'
)
RUN = ("--protocol", "toy-quadratic", "--children", "2", "--seeds", "0", "--workers", "1")


def script(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run what pip makes of the entry point, which lies in a folder of its own, from another folder."""
    elsewhere = folder / "bin" / "harness.py"
    elsewhere.parent.mkdir(exist_ok=True)
    elsewhere.write_text("import sys\nfrom harness.cli.main import main\nsys.exit(main())\n")
    elsewhere = elsewhere.rename(elsewhere.with_suffix(""))
    command = [sys.executable, str(elsewhere), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_searcher_of_the_current_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    done = script(tmp_path, "run", "--searcher", "mine:Mine", *RUN)
    assert done.returncode == 0, done.stderr
    assert "Mine" in done.stdout


def test_a_task_and_its_protocol_of_the_current_folder_are_raced_and_confirmed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import dataclasses\n"
        "from harness.tasks.toy.quadratic import QuadraticTask\n"
        "from harness.tasks.toy.protocols import TOY_QUADRATIC\n"
        "class Task(QuadraticTask):\n"
        '    """A task of one\'s own."""\n'
        "PROTOCOL = dataclasses.replace(TOY_QUADRATIC, name='my-protocol', task='mine:Task')\n"
    )
    mine = ("--protocol", "mine:PROTOCOL", "--seeds", "0", "--workers", "1")
    done = script(tmp_path, "run", "--searcher", "random", *mine, "--children", "2")
    assert done.returncode == 0, done.stderr
    assert "protocol my-protocol v1" in done.stderr
    done = script(tmp_path, "confirm", "--top", "1", *mine)
    assert done.returncode == 0, done.stderr
    refused = script(tmp_path, "confirm", "--top", "1", "--seeds", "0")
    assert refused.returncode == 2
    assert "got 'my-protocol'." in refused.stderr


def test_a_module_of_the_current_folder_hides_no_other(tmp_path: Path) -> None:
    for name in ("rich", "typer", "numpy", "statistics"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not the one that is meant')\n")
    done = script(tmp_path, "ls", "rules")
    assert done.returncode == 0, done.stderr


def test_who_asks_python_not_to_look_there_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    (tmp_path / "mine.py").write_text(MINE)
    done = script(tmp_path, "run", "--searcher", "mine:Mine", *RUN)
    assert done.returncode == 2
    assert "No module named 'mine'" in done.stderr
