"""``harness.report``: one HTML file that shows all that a results folder holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from harness.board.report.document import chosen, sightings
from harness.board.report.document import report as compose
from harness.board.report.lineage import lineage
from harness.board.report.page import render
from harness.files import check_place, unicode_text, write_whole
from harness.library import REPORT, arguments
from harness.library.arguments import ResultsLike
from harness.race.store.ledger import Ledger

Watch = Callable[[int, int], None]
Counting = Callable[[str], AbstractContextManager[Watch]]
"""Begins to follow some work, which tells how far it has come as (done, of how many)."""


def _unwatched(_: str) -> AbstractContextManager[Watch]:
    return nullcontext(lambda _done, _total: None)


@dataclass(frozen=True, slots=True)
class Written:
    """A report.

    Attributes:
        path: its file.
        runs: that it shows.
        size: in bytes.
    """

    path: Path
    runs: int
    size: int

    def __fspath__(self) -> str:
        return str(self.path)


def report(
    results: ResultsLike,
    to: str | os.PathLike[str] | None = None,
    *,
    board: int | None = None,
    replay: bool | None = None,
    counting: Counting = _unwatched,
) -> Written:
    """Write one HTML file with tables, curves and rules, which opens offline and holds its data for download.

    Args:
        results: the results folder, or the board that a race returned, whose folder is then meant.
        to: the file; None for ``report.html`` in the results folder.
        board: one board alone, by its number on ``harness leaderboard``.
        replay: ask the searchers where the confirmed rules came from. True imports whatever ``module:attribute`` a run
            names, so say it only of runs that you trust; None asks the registered searchers, False none.
        counting: follows each of its steps.

    Returns:
        The file and what it shows.

    Raises:
        HarnessError: there is no store or no such board, or the file cannot be written.

    Example:
        >>> import harness
        >>> board = harness.run("random", protocol="toy-quadratic", children=3, seeds=1, progress=False)
        >>> harness.report(board).path.name
        'report.html'
    """
    folder = arguments.folder(results)
    path = folder / REPORT if to is None else Path(to)
    with Ledger.read(folder) as ledger:
        check_place(path)
        with counting("reading the ledger"):
            store = ledger.judged()
            records = chosen(store, board=board)
            seen = sightings(records)
        found, notes = None, list[str]()
        if replay is not False:
            with counting("replaying searches, proposals") as watch:
                found, notes = lineage(ledger, seen, trusted=bool(replay), watch=watch)
    with counting("drawing the report"):
        page = unicode_text(render(compose(records, store=store, lineage=found, notes=notes))).encode()
    write_whole(path, page)
    return Written(path, len(records), len(page))
