"""The direction of imports, as pyproject.toml states it to the import linter."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINTER, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)


def copy(destination: Path) -> Path:
    for name in ("harness", "searchers", "tasks"):
        shutil.copytree(ROOT / name, destination / name)
    shutil.copy(ROOT / "pyproject.toml", destination)
    return destination


def test_imports_point_one_way() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


def test_a_searcher_that_imports_a_task_is_caught(tmp_path: Path) -> None:
    root = copy(tmp_path)
    (root / "searchers" / "random_search.py").write_text("import harness.tasks.toy\n")
    done = lint(root)
    assert done.returncode != 0
    assert "searchers and tasks are independent BROKEN" in done.stdout


def test_a_space_that_knows_the_race_is_caught(tmp_path: Path) -> None:
    root = copy(tmp_path)
    with (root / "harness" / "space" / "vocabulary.py").open("a") as module:
        module.write("import harness.race.loop\n")
    done = lint(root)
    assert done.returncode != 0
    assert "cli → board → race → space → contracts BROKEN" in done.stdout
