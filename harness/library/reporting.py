"""``harness.report``: one HTML file that shows everything in a results folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from harness import plain
from harness.board.blackbox.record import stored as contests
from harness.board.learned.record import stored
from harness.board.report.document import Report, chosen, sightings
from harness.board.report.document import report as compose
from harness.board.report.lineage import lineage
from harness.board.report.page import render
from harness.files import check_place, unicode_text, write_whole
from harness.library import REPORT, arguments
from harness.library.arguments import ResultsLike
from harness.race.store.ledger import Ledger

Watch = Callable[[int, int], None]
Counting = Callable[[str], AbstractContextManager[Watch]]
"""Follows a piece of work, given its name; yields a function that the work calls with (done, total)."""


def _unwatched(_: str) -> AbstractContextManager[Watch]:
    return nullcontext(lambda _done, _total: None)


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written.

    Attributes:
        path: path of its file.
        runs: how many runs it shows.
        size: size of the file in bytes.
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
    """Write one HTML file with tables, curves and rules, which opens offline and contains its data for download.

    Args:
        results: the results folder, or the board that a race returned, whose folder is then used.
        to: the file; None for ``report.html`` in the results folder.
        board: number of the only board to show, as on ``harness leaderboard``; None for all.
        replay: whether to ask the searchers where the confirmed rules came from. True imports whatever
            ``module:attribute`` a run names, so use it only for runs that you trust. None asks the registered
            searchers, False none.
        counting: follows each step of the work.

    Returns:
        The file, with its size and the number of runs.

    Raises:
        HarnessError: there is no store or no such board, or the file cannot be written.

    Example:
        >>> import harness
        >>> board = harness.run("random", protocol="toy-quadratic", children=3, seeds=1, progress=False)
        >>> harness.report(board).path.name
        'report.html'
    """
    folder = arguments.folder(results)
    board = plain.whole_or_none("board", board, least=1)
    replay = None if replay is None else plain.flag("replay", replay)
    counting = plain.callback("counting", counting)
    path = folder / REPORT if to is None else plain.path("to", to)
    learned = stored(folder) if board is None else []
    blackbox = contests(folder) if board is None else []
    if (learned or blackbox) and not Ledger.exists(folder):
        check_place(path)
        return _written(path, compose([], learned=learned, blackbox=blackbox))
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
        made = compose(records, store=store, lineage=found, notes=notes, learned=learned, blackbox=blackbox)
        return _written(path, made)


def _written(path: Path, made: Report) -> Written:
    page = unicode_text(render(made)).encode()
    write_whole(path, page)
    return Written(path, len(made.records), len(page))
