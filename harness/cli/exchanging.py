"""``harness export``, ``import`` and ``report``: runs of the store as files, and back, and as one page."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.terminal.output import announce, complain
from harness.errors import LedgerError
from harness.library import EXPORT, REPORT


class ExportFormat(StrEnum):
    """What ``export`` writes."""

    JSONL = "jsonl"
    BUNDLE = "bundle"
    CSV = "csv"


def export(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Names from `harness runs`; all if none is given.")
    ] = None,
    results: options.Results = options.DEFAULT_RESULTS,
    to: Annotated[Path | None, typer.Option(help="Folder for the files; by default export/ beside the ledger.")] = None,
    format: Annotated[
        ExportFormat,
        typer.Option(
            help="jsonl: a file for each run, to import again. bundle: one small file of runs on tables, likewise. "
            "csv: tables to analyse."
        ),
    ] = ExportFormat.JSONL,
) -> None:
    """Write runs to files: complete, to publish or import them elsewhere, or as tables for analysis."""
    from harness.library.exporting import export as write
    from harness.library.live import counting

    names = options.distinct(runs or [], "export")
    with counting("export") as watch:
        files = write(results, to, runs=names, format=format.value, watch=watch)
    folder = results / EXPORT if to is None else to
    if format is not ExportFormat.JSONL:
        announce(f"{', '.join(path.name for path in files)} in {folder}")
    else:
        announce(f"{_counted(len(files))} in {folder}")


def import_(
    sources: Annotated[
        list[Path], typer.Argument(metavar="FILE|FOLDER...", help="Files that `harness export` wrote, or their folder.")
    ],
    results: options.Results = options.DEFAULT_RESULTS,
) -> None:
    """Import runs that `harness export` wrote; damaged or invalid files are rejected one by one."""
    from harness.library.exporting import files, import_runs
    from harness.library.live import counting

    paths = [Path(path) for source in sources for path in files(source)]
    paths = [Path(path) for path in options.distinct(list(map(str, paths)), "import")]
    with counting("import") as watch:
        done = import_runs(paths, results, watch=watch)
    if len(paths) > 1:
        for refusal in done.refused:
            complain(str(refusal))
    if done.held:
        announce(f"{_counted(done.held)} already in {results}, the very same: left as they are")
    if done.taken:
        announce(f"{_counted(done.taken)} taken into {results}")
    if done.refused and len(paths) == 1:
        raise done.refused[0]
    if done.refused:
        raise typer.Exit(LedgerError.exit_code)


def report(
    results: options.Results = options.DEFAULT_RESULTS,
    to: Annotated[
        Path | None, typer.Option(help="The file to write.", show_default=f"{REPORT} in the results folder")
    ] = None,
    board: Annotated[
        int | None, typer.Option(help="Only this board, by its number on `harness leaderboard`.", min=1)
    ] = None,
    replay: Annotated[
        bool | None,
        typer.Option(
            "--replay/--no-replay",
            help="Ask the searchers where the confirmed rules came from. --replay imports whatever "
            "module:attribute a run names, so use it only for runs that you trust.",
            show_default="ask the registered searchers",
        ),
    ] = None,
) -> None:
    """Write one HTML file with tables, curves and rules, which opens offline and contains its data for download."""
    from harness.library.live import counting
    from harness.library.reporting import report as write

    written = write(results, to, board=board, replay=replay, counting=counting)
    announce(f"{written.path}: {written.runs} runs, {written.size / 1e6:.1f} MB; open it in any browser")


def _counted(runs: int) -> str:
    return f"{runs} run{'' if runs == 1 else 's'}"
