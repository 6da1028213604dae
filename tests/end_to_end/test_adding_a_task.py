"""The steps for adding a task, followed to the letter by an outside package: they end with a race on it and a board."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import PATIENCE_SECONDS

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def section() -> str:
    """The steps, on whatever page they are."""
    found = [
        part
        for page in PAGES
        for part in re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if part.startswith("## Add a task") and "```python" in part
    ]
    assert len(found) == 1, "the steps are on one page"
    return found[0]


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", section(), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


@dataclass
class Outsider:
    """Somebody with a folder of their own, in which the harness is installed and nothing else is.

    Attributes:
        folder: where they work.
        said: what each command printed, by the command.
    """

    folder: Path
    said: dict[str, str]

    def follow(self, block: str) -> None:
        """Type the commands of a block."""
        for line in block.splitlines():
            self.said[line] = self.type(line)

    def type(self, line: str, *, status: int = 0) -> str:
        program, *words = shlex.split(line)
        assert program == "harness"
        done = subprocess.run(
            [sys.executable, "-m", "harness", *words],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    def install(self, block: str) -> None:
        """Leave what pip leaves of a package's entry points, as its ``pyproject.toml`` has them."""
        (self.folder / "outside-1.0.dist-info").mkdir()
        info = self.folder / "outside-1.0.dist-info"
        groups = tomllib.loads(block)["project"]["entry-points"]
        lines = [
            line
            for group, points in groups.items()
            for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n", encoding="utf-8")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Outsider:
    """All steps, in order."""
    outsider = Outsider(tmp_path_factory.mktemp("outside"), {})
    (module,) = blocks("python")
    (outsider.folder / "regression.py").write_text(module, encoding="utf-8")
    check, race, registered = blocks("sh")
    outsider.follow(check)
    outsider.follow(race)
    outsider.said["confirmed too early"] = outsider.type("harness confirm --top 1 --seeds 0", status=2)
    (entry_points,) = blocks("toml")
    outsider.install(entry_points)
    outsider.follow(registered)
    return outsider


def said(outsider: Outsider, command: str) -> str:
    (text,) = [text for line, text in outsider.said.items() if line.startswith(command)]
    return text


def test_the_task_of_the_page_conforms(followed: Outsider) -> None:
    (last,) = re.findall(r"^(\d+) of (\d+) checks passed$", said(followed, "harness conformance"), re.MULTILINE)
    assert last[0] == last[1]


def test_a_race_named_by_module_and_attribute_ends_with_a_board_in_the_metric(followed: Outsider) -> None:
    race, board = said(followed, "harness race --protocol regression:PROTOCOL"), said(followed, "harness leaderboard")
    for text in (race, board):
        assert "evolution" in text
        assert "random" in text
        assert "mean squared error; score 1 / (1 + x), less of it is better" in text
        assert "accuracy" not in text
    assert race == board


def test_once_registered_the_protocol_is_listed_and_the_race_is_the_same(followed: Outsider) -> None:
    assert "a line in ten dimensions" in " ".join(said(followed, "harness ls protocols").split())
    named = said(followed, "harness race --protocol regression ")
    before = said(followed, "harness race --protocol regression:PROTOCOL")
    assert named.split("Median best so far")[0] == before.split("Median best so far")[0]  # not run once more
    assert "reached 0.99" in named  # the registered targets


def test_rules_are_confirmed_by_it(followed: Outsider) -> None:
    board = said(followed, "harness confirm")
    assert "Confirmed rules" in board
    assert "mean squared error" in board
    line = followed.said["confirmed too early"]
    assert "protocol of the searches: expected one that is registered here, got 'regression'." in line
    assert "--protocol regression:PROTOCOL" in line


def test_the_runs_are_shown_and_taken_in_where_the_package_is_not(followed: Outsider, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    before = followed.type("harness leaderboard --rules --format md")
    followed.type(f"harness export --to {shlex.quote(str(runs))}")
    elsewhere = Outsider(tmp_path, {})
    elsewhere.type("harness import runs --results theirs")
    assert elsewhere.type("harness leaderboard --rules --format md --results theirs") == before
    board = elsewhere.type("harness leaderboard --results theirs")
    assert "mean squared error; score 1 / (1 + x), less of it is better" in board
    elsewhere.type("harness report --results theirs --to page.html")
    assert "mean squared error" in (tmp_path / "page.html").read_text(encoding="utf-8")
