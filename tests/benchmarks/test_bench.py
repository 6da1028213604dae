"""The command: its table, its exit codes, and a revision measured in turn with another in a repository made for it."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import bench
import pytest
from against import in_turn, measured
from printing import MARK

WORK = """
import time

import pytest
from harness.pace import PACE

def test_work(benchmark):
    benchmark.extra_info |= {"counters": {"calls": 1}, "bounds": {"calls": [None, 1]}}
    benchmark.pedantic(time.sleep, args=(PACE,), rounds=3)
"""
NEWER = """
from harness.newer import nothing

def test_newer(benchmark):
    benchmark.pedantic(nothing, rounds=3)
"""
BROKEN = """
def test_broken(benchmark):
    benchmark.extra_info |= {"counters": {"copies": 3}, "bounds": {"copies": [None, 2]}}
    benchmark.pedantic(len, args=("",))
"""


@pytest.fixture
def git(scratch: Path) -> Callable[..., str]:
    def call(*arguments: str) -> str:
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *who, *arguments], cwd=scratch, capture_output=True, text=True, check=True
        ).stdout.strip()

    call("init", "-q", "-b", "main")
    return call


@pytest.fixture
def history(scratch: Path, git: Callable[..., str]) -> Path:
    """Two commits: in the first, work takes 4 ms, in the second 50, and there is something newer."""
    pace = scratch / "harness" / "pace.py"
    pace.write_text("PACE = 0.004\n")
    git("add", ".")
    git("commit", "-q", "-m", "fast")
    pace.write_text("PACE = 0.05\n")
    (scratch / "harness" / "newer.py").write_text("def nothing() -> None: ...\n")
    (scratch / "tests" / "benchmarks" / "test_work.py").write_text(WORK)
    (scratch / "tests" / "benchmarks" / "test_newer.py").write_text(NEWER)
    git("add", ".")
    git("commit", "-q", "-m", "slow, and more of it")
    return scratch


def by_what_lies_there(tree: Path) -> Mapping[str, float]:
    """In place of a process: the time that the tree's sources say, a different few nanoseconds each time."""
    pace = float((tree / "harness" / "pace.py").read_text().split()[-1])
    return {"test_x.py::test_work": pace + next(by_what_lies_there.jitter) * 1e-8}  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    by_what_lies_there.jitter = itertools.count()  # type: ignore[attr-defined]


def test_each_tree_is_measured_by_code_of_its_own(history: Path, git: Callable[..., str], tmp_path: Path) -> None:
    older = tmp_path / "older"
    git("worktree", "add", "-q", "--detach", str(older), "HEAD~1")
    benchmarks = history / "tests" / "benchmarks"
    here, there = measured(history, benchmarks), measured(older, benchmarks)
    assert here["tests/benchmarks/test_work.py::test_work"] >= 0.05
    assert 0.004 <= there["tests/benchmarks/test_work.py::test_work"] < 0.05
    assert set(here) - set(there) == {"tests/benchmarks/test_newer.py::test_newer"}


def test_a_slower_revision_is_a_regression_and_leaves_nothing_behind(
    history: Path, git: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["--against", "HEAD~1"], root=history, measure=by_what_lies_there) == 1
    printed = capsys.readouterr().out
    assert "x: work" in printed
    assert "12.5" in printed
    assert "regression" in printed
    assert len(git("worktree", "list").splitlines()) == 1


def test_what_is_broken_off_leaves_nothing_behind(history: Path, git: Callable[..., str]) -> None:
    def broken_off(_: Path) -> Mapping[str, float]:
        assert len(git("worktree", "list").splitlines()) == 2
        raise SystemExit(143)

    with pytest.raises(SystemExit):
        bench.main(["--against", "HEAD~1"], root=history, measure=broken_off)
    assert len(git("worktree", "list").splitlines()) == 1


def test_a_faster_revision_is_none(history: Path, git: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    git("checkout", "-q", "HEAD~1")
    assert bench.main(["--against", "main"], root=history, measure=by_what_lies_there) == 0
    printed = capsys.readouterr()
    assert "0.08" in printed.out
    assert "faster" in printed.out
    assert "not committed" not in printed.err


def test_changes_that_are_not_committed_are_measured_and_said(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (history / "harness" / "pace.py").write_text("PACE = 0.004\n")
    assert bench.main(["--against", "HEAD"], root=history, measure=by_what_lies_there) == 0
    printed = capsys.readouterr()
    assert "faster" in printed.out
    assert "not committed" in printed.err


def test_the_order_is_turned_round_each_time() -> None:
    order: list[str] = []

    def measure(tree: Path) -> Mapping[str, float]:
        order.append(str(tree))
        return {"a": 1.0}

    here, there = in_turn(Path("h"), Path("t"), measure, rounds=3, say=lambda _: None)
    assert "".join(order) == "ht" + "ht" + "th" + "ht"
    assert here == there == {"a": [1.0, 1.0, 1.0]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--against", "nowhere"], "revision: expected a commit, branch or tag of this repository, got 'nowhere'"),
        (["--against", "HEAD", "--rounds", "2"], "rounds: expected at least 5, got 2"),
        (["--read", "missing.json"], "missing.json: expected a file that --json wrote, got FileNotFoundError"),
        (["--against", "HEAD", "--long"], "--long: expected nothing to compare with, got --against HEAD"),
        (["--against", "HEAD", "--json", "x.json"], "--json: expected nothing to compare with, got --against HEAD"),
        (["--against", "HEAD", "--read", "x.json"], "--read: expected nothing to compare with, got --against HEAD"),
        (["--write", "/dev/null/x.md"], "file /dev/null/x.md: expected a place that can be written, got /dev/null"),
        (["--json", "/dev"], "file /dev: expected a place that can be written, got no regular file"),
        (["--against", "HEAD", "--write", "x" * 300], f"file {'x' * 300}: expected a text that can be read"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    history: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(arguments, root=history, measure=by_what_lies_there) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(said)


@pytest.mark.parametrize(
    "content",
    [
        {"benchmarks": [{"name": "x"}], "machine_info": {"python_version": "3.11"}},
        {"benchmarks": [], "machine_info": {}},
        {"benchmarks": 3, "machine_info": {"python_version": "3.11"}},
        [],
    ],
)
def test_a_file_with_something_else_in_it_is_one_line(
    tmp_path: Path, content: object, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept.json").write_text(json.dumps(content))
    assert bench.main(["--read", str(tmp_path / "kept.json")], root=tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "kept.json: expected a file that --json wrote" in line


def test_a_benchmark_that_is_broken_here_fails_the_comparison(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(tree: Path) -> Mapping[str, float]:
        return {"test_x.py::test_sound": 1.0} | ({} if tree == history else {"test_x.py::test_broken": 1.0})

    assert bench.main(["--against", "HEAD"], root=history, measure=measure) == 1
    assert "does not run here" in capsys.readouterr().out


def test_a_folder_that_is_no_repository_is_one_line(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--against", "HEAD"], root=scratch, measure=by_what_lies_there) == 2
    assert capsys.readouterr().err.startswith("checkout: expected a git repository")


def test_without_git_it_is_one_line(
    history: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert bench.main(["--against", "HEAD"], root=history, measure=by_what_lies_there) == 2
    assert capsys.readouterr().err.startswith("git: expected the command on the path, got none")


def test_a_broken_bound_is_shown_and_fails_the_run(
    history: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (history / "tests" / "benchmarks" / "test_broken.py").write_text(BROKEN)
    page, kept = tmp_path / "page.md", tmp_path / "kept.json"
    page.write_text(f"# By hand\n\n{MARK}\n\nolder\n")
    assert bench.main(["--json", str(kept), "--write", str(page)], root=history) == 1
    printed = capfd.readouterr().out
    assert "1 of 2 bounds broken" in printed
    written = page.read_text()
    assert written.startswith(f"# By hand\n\n{MARK}\n")
    assert "older" not in written
    assert "| broken: broken | copies | 3 | ≤ 2 | FAIL |" in written
    assert "| work: work | calls | 1 | ≤ 1 | ok |" in written
    assert "| newer: newer | milliseconds |" in written
    assert len(json.loads(kept.read_text())["yardsticks"]) >= 2
    assert bench.main(["--read", str(kept)], root=history) == 1
