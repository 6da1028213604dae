"""Run the benchmarks and print their figures beside their bounds: ``python tests/benchmarks/bench.py``.

With ``--against REVISION``, measure that revision in turn with this one and say what became slower or faster. Exit code
1 if a bound is broken, a benchmark fails (with ``--against``, one that runs there) or a regression is found; 2 if
nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from against import BenchmarkError, Measure, changed, checked_out, in_turn, measured, program, surroundings
from judging import Verdict, compare, rounds_needed
from printing import MARK, Report, Sheet, above, comparisons_sheet, figures_sheet, machine, markdown, show, write
from rich.console import Console

from harness.errors import HarnessError, check_range, message
from harness.files import write_whole

HERE = Path(__file__).resolve().parent
ROUNDS = 8  # processes a side


def main(arguments: Sequence[str], *, root: Path = HERE.parent.parent, measure: Measure | None = None) -> int:
    """Run the command.

    Args:
        arguments: of the command line.
        root: the checkout whose benchmarks run.
        measure: times a source tree; by running the benchmarks unless a test has something faster.

    Returns:
        the exit code.
    """
    options = _parser().parse_args(arguments)
    try:
        _check(options)
        if options.against:
            return _compare(options, root, measure or partial(measured, benchmarks=_folder(root), only=options.only))
        reports, failed = [_read(path) for path in options.read], False
        if not reports:
            report, failed = _run(options, root)
            reports = [report]
        sheet = figures_sheet(reports)
        _publish(sheet, machine(reports[0]), options.write)
        return int(failed or any(row[-1] == "FAIL" for row in sheet.rows))
    except HarnessError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Run the benchmarks; see CONTRIBUTING.md.")
    parser.add_argument("--only", default="", metavar="WORDS", help="those whose name fits, as pytest's -k")
    parser.add_argument("--long", action="store_true", help="those that take minutes, too")
    parser.add_argument("--against", metavar="REVISION", help="measure that revision in turn with this one")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="processes a revision, for --against (%(default)s)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into a Markdown file, below its mark")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what was measured")
    parser.add_argument(
        "--read", type=Path, nargs="+", default=[], metavar="FILE", help="print what --json kept; measure nothing"
    )
    return parser


def _check(options: argparse.Namespace) -> None:
    """Complain before minutes of measuring, not after them.

    Raises:
        BenchmarkError: options do not go together, or a file to write cannot be.
    """
    for name in ("long", "json", "read"):
        if options.against and getattr(options, name):
            got, hint = f"--against {options.against}", "Leave one of them out"
            raise BenchmarkError(message(f"--{name}", expected="nothing to compare with", got=got, hint=hint))
    for path in (options.write, options.json):
        if path is None:
            continue
        what, hint = f"file {path}", "Check the path and its permissions"
        try:
            folder = next(each for each in path.absolute().parents if each.exists())
            writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
            if not writable or (path.exists() and not path.is_file()):
                got = "no regular file" if writable else folder
                raise BenchmarkError(message(what, expected="a place that can be written", got=got, hint=hint))
            if path is options.write:
                above(path)
        except (OSError, ValueError) as cause:
            raise BenchmarkError(message(what, expected="a text that can be read", got=cause, hint=hint)) from cause


def _folder(root: Path) -> Path:
    return root / "tests" / "benchmarks"


def _run(options: argparse.Namespace, root: Path) -> tuple[Report, bool]:
    """Run the benchmarks in a process of their own, and return their report and whether any test failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        chosen = [*(["-k", options.only] if options.only else []), *([] if options.long else ["-m", "not long"])]
        command = program(_folder(root), path, options=["-v", "--no-header", "--benchmark-quiet", *chosen])
        done = subprocess.run(command, cwd=root, env=surroundings(root), check=False)
        if not path.exists() or not path.stat().st_size:
            hint = "What pytest says above is the reason"
            raise BenchmarkError(message("benchmarks", expected="at least one to run", got="none", hint=hint))
        if options.json:
            write_whole(options.json, path.read_bytes())
        return _read(path), done.returncode != 0


def _read(path: Path) -> Report:
    try:
        report = json.loads(path.read_text())
        figures_sheet([report]), machine(report)  # all that will be read of it
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as cause:
        raise BenchmarkError(
            message(str(path), expected="a file that --json wrote", got=type(cause).__name__, hint="Measure again")
        ) from cause
    return report


def _compare(options: argparse.Namespace, root: Path, measure: Measure) -> int:
    """Measure another revision in turn with this one; 1 if something became slower, or runs there alone."""
    check_range("rounds", options.rounds, least=rounds_needed(1), error=BenchmarkError)
    console = Console(stderr=True)
    with checked_out(root, options.against) as tree:
        if changed(root):
            console.print("This checkout has changes that are not committed: they are measured as this revision's.")
        here, there = in_turn(root, tree, measure, rounds=options.rounds, say=console.print)
    if not here:
        hint = f"Try pytest {_folder(root)} --benchmark-enable"
        raise BenchmarkError(message("benchmarks", expected="at least one to run here", got="none", hint=hint))
    comparisons = compare(here, there)
    needed = rounds_needed(sum(name in there for name in here))
    if options.rounds < needed:
        console.print(f"With fewer than {needed} rounds the test cannot tell one change among so many benchmarks.")
    sheet = comparisons_sheet(comparisons, revision=options.against, rounds=options.rounds)
    _publish(sheet, "", options.write)
    return int(any(each.verdict in (Verdict.REGRESSION, Verdict.ONLY_THERE) for each in comparisons))


def _publish(sheet: Sheet, described: str, path: Path | None) -> None:
    console = Console()
    show(sheet, console)
    if described:
        console.print(described, highlight=False, markup=False)
    if path is not None:
        write(path, (described + "\n\n" if described else "") + markdown(sheet))
        console.print(f"Written into {path}, below {MARK}", highlight=False, markup=False)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a work tree is removed then, too
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
