"""Run a tool over the packages as they are installed: ``python tests/architecture/as_installed.py mypy``.

``searchers/`` and ``tasks/`` are installed as ``harness.searchers`` and ``harness.tasks``. Mypy and the import linter
read folders and cannot know that. So the tool runs in a copy in which the folders lie where they are imported from, and
its messages name the files as they lie in the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def package_folders(root: Path = ROOT) -> dict[str, Path]:
    """Each package that has a folder of its own, and that folder in the checkout, as pyproject.toml maps them."""
    setuptools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    return {package: root / folder for package, folder in setuptools["package-dir"].items()}


def lay_out(destination: Path, root: Path = ROOT) -> Path:
    """Copy all packages into a folder, each where it is imported from, and pyproject.toml beside them."""
    for package, folder in sorted(package_folders(root).items()):  # a package before those inside it
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, destination.joinpath(*package.split(".")), ignore=skipped)
    shutil.copy(root / "pyproject.toml", destination)
    return destination


def as_in_checkout(text: str, root: Path = ROOT) -> str:
    """Rewrite the paths in a tool's messages: ``harness/tasks/sweep.py`` lies in ``tasks/sweep.py``."""
    for package, folder in sorted(package_folders(root).items(), reverse=True):  # the inner ones first
        installed = os.sep.join(package.split(".")) + os.sep
        text = text.replace(installed, f"{folder.relative_to(root)}{os.sep}")
    return text


def run_tool(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run a command of this environment in a folder; its exit status, and all it said with the checkout's paths."""
    tool = shutil.which(command[0], path=str(Path(sys.executable).parent)) or command[0]
    done = subprocess.run(
        [tool, *command[1:]],
        cwd=folder,
        env=os.environ | {"MYPY_CACHE_DIR": str(ROOT / ".mypy_cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, as_in_checkout(done.stdout)


def main(command: Sequence[str]) -> int:
    """Run a tool over a fresh copy of the checkout."""
    if not command:
        print("usage: python tests/architecture/as_installed.py TOOL [OPTION ...]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        status, said = run_tool(command, lay_out(Path(folder)))
    print(said, end="")
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
