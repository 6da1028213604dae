"""A project may have a tasks.py and a searchers.py of its own, as projects with celery or invoke do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = ("run", "--protocol", "toy-quadratic", "--children", "3", "--seeds", "0", "--results", "results", "--workers")
TASKS = "raise SystemExit('tasks.py was imported')\n"
SEARCHERS = "raise SystemExit('searchers.py was imported')\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "searchers.py").write_text(SEARCHERS)
    return tmp_path


def inside(project: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def script() -> str:
    found = shutil.which("harness", path=str(Path(sys.executable).parent))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "options",
    [("1", "--searcher", "rl"), ("1", "--searcher", "searchers.gp:GeneticProgramming"), ("2", "--searcher", "tpe")],
    ids=["rl", "former name", "two workers"],
)
def test_a_run_imports_neither(project: Path, options: tuple[str, ...]) -> None:
    done = inside(project, [sys.executable, "-m", "harness", *RUN, *options])  # the current folder is first on the path
    assert done.returncode == 0, done.stderr
    assert "Leaderboard" in done.stdout


def test_the_command_imports_neither(project: Path) -> None:
    done = inside(project, [script(), *RUN, "1", "--searcher", "random"])
    assert done.returncode == 0, done.stderr
    assert "Leaderboard" in done.stdout


def test_the_projects_own_modules_are_imported_by_their_names(project: Path) -> None:
    (project / "tasks.py").write_text("NAME = 'ours'\n")
    (project / "searchers.py").write_text("from harness.searchers.random_search import RandomSearch as Mine\n")
    code = "import tasks, searchers; from harness import RuleOptimizer; print(tasks.NAME, searchers.Mine.__module__)"
    done = inside(project, [sys.executable, "-c", code])
    assert (done.returncode, done.stdout) == (0, "ours harness.searchers.random_search\n"), done.stderr
    done = inside(project, [sys.executable, "-m", "harness", *RUN, "1", "--searcher", "searchers:Mine"])
    assert done.returncode == 0, done.stderr
    assert "searchers:Mine seed 0: 3 of 3 children" in done.stderr


def test_pytest_runs_there(project: Path) -> None:
    """The README's other command, and of all tests those that name tasks and searchers."""
    root = Path(__file__).parents[2]
    tests = [str(root / "tests" / name) for name in ("test_front_door.py", "test_settings.py")]
    done = inside(
        project, [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={root}", *tests]
    )
    assert done.returncode == 0, done.stdout
