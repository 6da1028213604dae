"""Measure two source trees in turn: whole processes of this revision's benchmarks, each importing one of the trees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError, message

# Enough to see a change of 15% over eight processes, and little enough that a process takes seconds.
BRIEF = ("--benchmark-max-time=0.15", "--benchmark-min-rounds=3", "--benchmark-warmup=off")
QUICK_ONES = "not long and not thorough"
Times = dict[str, list[float]]
Measure = Callable[[Path], Mapping[str, float]]


class BenchmarkError(HarnessError):
    """The benchmarks cannot be run or compared here."""


def program(benchmarks: Path, report: Path, *, options: Sequence[str] = ()) -> list[str]:
    """The command that runs a folder of benchmarks and writes what pytest-benchmark knows into ``report``.

    ``-P``, so that the checkout that the benchmarks lie in is not imported just because pytest is started there.
    """
    settings = benchmarks.parent.parent / "pyproject.toml"
    pytest = [sys.executable, "-P", "-m", "pytest", "-c", str(settings), "--rootdir", str(settings.parent)]
    only = ["-p", "no:cacheprovider", "--benchmark-enable", "--benchmark-only", f"--benchmark-json={report}"]
    return [*pytest, str(benchmarks), *only, *options]


def surroundings(tree: Path) -> dict[str, str]:
    """The environment in which a process and its children import the packages of ``tree``."""
    return os.environ | {"PYTHONPATH": str(tree)}


def measured(tree: Path, benchmarks: Path, *, only: str = "") -> dict[str, float]:
    """Run the quick benchmarks once, in a process that imports ``tree``: the best time of each, in seconds.

    What fails there is left out: an older revision may lack what a newer benchmark imports.

    Raises:
        BenchmarkError: the process imported something else.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = [*BRIEF, "-m", QUICK_ONES, "-q", "--continue-on-collection-errors", *(["-k", only] if only else [])]
        command = program(benchmarks, report, options=options)
        subprocess.run(command, cwd=tree, env=surroundings(tree), capture_output=True, check=False)
        if not report.exists():
            return {}
        found = json.loads(report.read_text() or "{}")
    imported = found.get("machine_info", {}).get("measured", "")
    if imported and Path(imported).resolve() != tree.resolve():
        raise BenchmarkError(
            message("measured code", expected=f"that of {tree}", got=imported, hint="Uninstall what shadows it")
        )
    return {each["fullname"]: each["stats"]["min"] for each in found.get("benchmarks", [])}


def in_turn(
    here: Path, there: Path, measure: Measure, *, rounds: int, say: Callable[[str], None]
) -> tuple[Times, Times]:
    """Measure both trees ``rounds`` times, the order turned round each time.

    Here, there, there, here, here, there: what a machine does for minutes, such as getting warm, falls on both alike.
    One process each before the first does not count: it fills the caches of compiled code.

    Returns:
        the times of here and of there, by benchmark.
    """
    times: dict[Path, Times] = {here: {}, there: {}}
    say("Starting each once, uncounted")
    for tree in (here, there):
        measure(tree)
    for turn in range(rounds):
        say(f"Round {turn + 1} of {rounds}")
        for tree in (here, there) if turn % 2 == 0 else (there, here):
            for name, seconds in measure(tree).items():
                times[tree].setdefault(name, []).append(seconds)
    return times[here], times[there]


@contextmanager
def checked_out(root: Path, revision: str) -> Iterator[Path]:
    """Check ``revision`` out into a temporary work tree beside the repository's own, which stays as it is.

    Raises:
        BenchmarkError: git is missing, ``root`` is no repository, or it has no such revision.
    """
    commit = _commit(root, revision)
    folder = Path(tempfile.mkdtemp(prefix="benchmarks-"))
    try:
        _git(root, "worktree", "add", "--quiet", "--detach", str(folder / "tree"), commit)
        yield folder / "tree"
    finally:
        _git(root, "worktree", "remove", "--force", str(folder / "tree"), check=False)
        shutil.rmtree(folder, ignore_errors=True)


def changed(root: Path) -> bool:
    """Whether the checkout holds changes that are not committed: they are measured as this revision's."""
    return bool(_git(root, "status", "--porcelain", "--untracked-files=no"))


def _commit(root: Path, revision: str) -> str:
    if shutil.which("git") is None:
        raise BenchmarkError(message("git", expected="the command on the path", got="none", hint="Install it"))
    if not _git(root, "rev-parse", "--git-dir", check=False):
        hint = "--against needs the history: clone the repository"
        raise BenchmarkError(message("checkout", expected="a git repository", got=root, hint=hint))
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}", check=False)
    if not commit:
        expected, hint = "a commit, branch or tag of this repository", "git log lists them; a shallow clone lacks most"
        raise BenchmarkError(message("revision", expected=expected, got=repr(revision), hint=hint))
    return commit


def _git(root: Path, *arguments: str, check: bool = True) -> str:
    """What a git command prints; without ``check``, nothing if it fails."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode and check:
        raise BenchmarkError(
            message(
                f"git {arguments[0]}",
                expected="it to succeed",
                got=(done.stderr.strip() or f"exit code {done.returncode}"),
                hint="Try it by hand",
            )
        )
    return "" if done.returncode else done.stdout.strip()
