"""What is installed: the packages that the folders hold, under the one name ``harness``."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from as_installed import ROOT, package_folders

SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
SHIPPED = (*SETUPTOOLS["package-dir"].values(), "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml")
DOCUMENTED = ("docs", "results", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "constraints.txt", "tox.ini")
LEFT_OUT = ("__pycache__", "reference", "*.jsonl", "*.gz", "*.html", "*.sqlite*")
BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, sys.argv[1])(sys.argv[2]))
"""
LOWEST = ("blackbox", "frames", "transfer", "test", "publish")  # the extras whose lower bounds are tested


def installed() -> set[str]:
    """Where each file in the packages' folders is installed."""
    return {
        Path(*package.split("."), path.relative_to(folder)).as_posix()
        for package, folder in package_folders().items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def folders_of_modules() -> set[str]:
    return {path.rpartition("/")[0] for path in installed() if path.endswith(".py")}


def build(what: str, source: Path, destination: Path) -> Path:
    """Build the wheel or the sdist of a source tree with this environment's setuptools."""
    destination.mkdir(exist_ok=True)
    command = [sys.executable, "-c", BUILD, f"build_{what}", str(destination)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return destination / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree: building writes into it."""
    folder = tmp_path_factory.mktemp("source")
    for name in (*SHIPPED, *DOCUMENTED):
        if (ROOT / name).is_dir():
            left_out = LEFT_OUT if name in DOCUMENTED else LEFT_OUT[:1]
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*left_out))
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def files_of(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_the_package_list_is_the_folders() -> None:
    assert sorted(SETUPTOOLS["packages"]) == sorted(folder.replace("/", ".") for folder in folders_of_modules())


def test_every_folder_of_modules_is_a_package() -> None:
    assert {f"{folder}/__init__.py" for folder in folders_of_modules()} <= installed()


def test_the_wheel_holds_the_packages_files_and_nothing_else(source: Path, tmp_path: Path) -> None:
    files = {name for name in files_of(build("wheel", source, tmp_path)) if ".dist-info/" not in name}
    assert files == installed()
    assert {name.split("/")[0] for name in files} == {"harness"}
    assert {"harness/py.typed", "harness/board/report/page.html", "harness/tasks/toy/__init__.py"} <= files


def test_the_sdist_builds_the_same_wheel(source: Path, tmp_path: Path) -> None:
    sdist = build("sdist", source, tmp_path / "sdist")
    shutil.unpack_archive(sdist, tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert {"LICENSE", "README.md", "searchers", "tasks"} <= {path.name for path in unpacked.iterdir()}
    direct = files_of(build("wheel", source, tmp_path / "direct"))
    assert files_of(build("wheel", unpacked, tmp_path / "again")) == direct


def test_the_sdist_holds_what_the_documentation_is_built_from(source: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(build("sdist", source, tmp_path / "sdist"), tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert {*DOCUMENTED, *SHIPPED} <= {path.name for path in unpacked.iterdir()}
    assert not (unpacked / "docs" / "reference").exists()
    pages = [path.relative_to(unpacked) for path in unpacked.rglob("*.md")]
    assert {Path("docs/index.md"), Path("results/LEADERBOARD.md")} <= set(pages)
    for page in pages:
        links = re.findall(r"\]\(([^)\s#]+)", re.sub(r"`[^`\n]*`", "", (unpacked / page).read_text(encoding="utf-8")))
        missing = [link for link in links if "://" not in link and not (unpacked / page.parent / link).exists()]
        assert [link for link in missing if "reference/" not in link] == [], page


def test_the_lowest_versions_that_are_tested_are_those_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *(each for name in LOWEST for each in extras[name])]
    declared.remove("optimizer-harness[blackbox,frames,transfer]")
    tested = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert sorted(tested) == sorted(each.replace(">=", "==") for each in declared)
