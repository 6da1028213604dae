"""``harness export`` and ``harness import``: runs out of the store as files, and files of runs into it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.terminal.output import announce, complain
from harness.errors import HarnessError, LedgerError, check_choice, message

if TYPE_CHECKING:
    from harness.race.store.archive import Archive
    from harness.race.store.ledger import Ledger
    from harness.race.store.rows import RunRow

FOLDER = "export"  # beside the ledger, unless the user names another


class TransferFormat(StrEnum):
    """What ``export`` writes."""

    JSONL = "jsonl"
    CSV = "csv"


def export(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Names from `harness runs`; all if none is given.")
    ] = None,
    results: options.Results = options.DEFAULT_RESULTS,
    to: Annotated[Path | None, typer.Option(help="Folder for the files; by default export/ beside the ledger.")] = None,
    format: Annotated[
        TransferFormat, typer.Option(help="jsonl: a file for each run, to import again. csv: tables to analyse.")
    ] = TransferFormat.JSONL,
) -> None:
    """Write runs as files: whole, to publish them or to import them elsewhere, or as tables for analysis."""
    from harness.board.csv_tables import tables
    from harness.files import write_whole
    from harness.race.store.archive import encode
    from harness.race.store.ledger import Ledger

    folder = results / FOLDER if to is None else to
    with Ledger.read(results) as ledger:
        rows = _chosen(ledger.rows(), runs or [], results)
        archives = _read(ledger, rows)
        if format is TransferFormat.CSV:
            files = tables(archives)
            for name, content in files.items():
                write_whole(folder / name, content)
            announce(f"{_counted(len(rows))} in {', '.join(files)} in {folder}")
            return
        written: set[str] = set()
        for archive in archives:
            name = archive.file_name
            if name.lower() in written:  # a shortened or sanitized name can be another run's
                name = f"{archive.header.identity}-{name}"
            written.add(name.lower())
            write_whole(folder / name, encode(archive))
    announce(f"{_counted(len(rows))} in {folder}")


def import_(
    sources: Annotated[
        list[Path], typer.Argument(metavar="FILE|FOLDER...", help="Files that `harness export` wrote, or their folder.")
    ],
    results: options.Results = options.DEFAULT_RESULTS,
) -> None:
    """Take in runs that `harness export` wrote; damaged or invalid files are rejected one by one."""
    from harness.cli.terminal.live import counting
    from harness.race.store.archive_reading import decode
    from harness.race.store.ledger import Ledger

    paths = _files(sources)
    taken, held = 0, 0
    refused: list[HarnessError] = []
    ledger: Ledger | None = None  # not made for files that are refused
    with ExitStack() as stack, counting("import") as watch:
        for number, path in enumerate(paths, 1):
            try:
                archive = decode(path)
                ledger = ledger or stack.enter_context(Ledger.open(results))
                fresh = ledger.adopt(archive)
                taken, held = taken + fresh, held + (not fresh)
            except HarnessError as error:
                refused.append(error)
            watch(number, len(paths))
    if len(paths) > 1:
        for refusal in refused:
            complain(str(refusal))
    if held:
        announce(f"{_counted(held)} already in {results}, the very same: left as they are")
    if taken:
        announce(f"{_counted(taken)} taken into {results}")
    if len(refused) == 1 and len(paths) == 1:
        raise refused[0]
    if refused:
        raise typer.Exit(LedgerError.exit_code)


def _chosen(rows: Sequence[RunRow], names: Sequence[str], results: Path) -> list[RunRow]:
    """The runs named, or all, in the order they were begun.

    Raises:
        LedgerError: a name is not a run's, or there are no runs.
    """
    if not rows:
        raise LedgerError(message(f"results folder {results}", expected="runs", got="none", hint="Start one there"))
    known, identities = {row.header.name for row in rows}, {row.identity for row in rows}
    for name in names:
        if name not in identities:
            check_choice("run", name, known, error=LedgerError, hint="`harness runs` lists all")
    options.distinct(names, "export")
    return [row for row in rows if not names or {row.header.name, row.identity} & set(names)]


def _read(ledger: Ledger, rows: Sequence[RunRow]) -> Iterator[Archive]:
    from harness.cli.terminal.live import counting

    with counting("export") as watch:
        for number, row in enumerate(rows, 1):
            yield ledger.archive(row.identity)
            watch(number, len(rows))


def _files(sources: Sequence[Path]) -> list[Path]:
    """The files named, and those of the folders named.

    Raises:
        LedgerError: a folder has none.
    """
    from harness.race.store.archive import COMPRESSED, SUFFIX

    found: list[Path] = []
    for source in sources:
        inside = [source]
        if os.path.isdir(source):
            inside = sorted([*source.glob(f"*{SUFFIX}"), *source.glob(f"*{SUFFIX}{COMPRESSED}")])
        if not inside:
            hint = "Name the folder that `harness export` wrote"
            raise LedgerError(message(f"folder {source}", expected=f"*{SUFFIX} files", got="none", hint=hint))
        found += inside
    return [Path(path) for path in options.distinct(list(map(str, found)), "import")]


def _counted(runs: int) -> str:
    return f"{runs} run{'' if runs == 1 else 's'}"
