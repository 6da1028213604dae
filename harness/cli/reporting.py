"""``harness report``: one HTML file that shows all that the ledger holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.terminal.output import announce

if TYPE_CHECKING:
    from harness.board.report.document import Sighting
    from harness.contracts import Origin
    from harness.race.store.ledger import Ledger

FILE_NAME = "report.html"


def report(
    results: options.Results = options.DEFAULT_RESULTS,
    to: Annotated[
        Path | None, typer.Option(help="The file to write.", show_default=f"{FILE_NAME} in the results folder")
    ] = None,
    board: Annotated[
        int | None, typer.Option(help="One board alone, by its number on `harness leaderboard`.", min=1)
    ] = None,
    replay: Annotated[
        bool | None,
        typer.Option(
            "--replay/--no-replay",
            help="Ask the searchers where the confirmed rules came from. With --replay that imports whatever "
            "module:attribute a run names, so say it only of runs that you trust.",
            show_default="ask the registered searchers",
        ),
    ] = None,
) -> None:
    """Write one HTML file with tables, curves and rules, which opens offline and holds its data for download."""
    from harness.board.report.document import chosen, sightings
    from harness.board.report.document import report as compose
    from harness.board.report.page import render
    from harness.cli.terminal.live import counting
    from harness.files import check_place, unicode_text, write_whole
    from harness.race.store.ledger import Ledger

    path = results / FILE_NAME if to is None else to
    with Ledger.read(results) as ledger:
        check_place(path)
        with counting("reading the store"):
            store = ledger.judged()
            records = chosen(store, board=board)
            seen = sightings(records)
        lineage, notes = (None, []) if replay is False else _retraced(ledger, seen, trusted=bool(replay))
    with counting("drawing the report"):
        page = unicode_text(render(compose(records, store=store, lineage=lineage, notes=notes))).encode()
    write_whole(path, page)
    announce(f"{path}: {len(records)} runs, {len(page) / 1e6:.1f} MB; open it in any browser")


def _retraced(
    ledger: Ledger, seen: Sequence[Sighting], *, trusted: bool
) -> tuple[dict[tuple[str, int], Origin], list[str]]:
    """Where the proposals of interest came from, and a note for each run that could not be asked.

    Args:
        ledger: the store.
        seen: the proposals.
        trusted: import searchers that are not registered, too: a store may name any module.
    """
    from harness.cli.terminal.live import counting

    runs: dict[str, list[Sighting]] = defaultdict(list)
    for each in seen:
        runs[each.header.identity].append(each)
    found: dict[tuple[str, int], Origin] = {}
    notes = []
    lengths = {identity: 1 + max(each.index for each in own) for identity, own in runs.items()}
    done, total = 0, sum(lengths.values())
    with counting("replaying searches, proposals") as watch:
        for identity, own in runs.items():

            def replayed(made: int, before: int = done, most: int = lengths[identity]) -> None:
                watch(before + min(made, most), total)  # the last batch may go beyond the proposals of interest

            told, note = _told(ledger, own, trusted=trusted, watch=replayed)
            found |= {(identity, index): origin for index, origin in told.items()}
            notes += [note] * bool(note)
            done += lengths[identity]
            watch(done, total)
    return found, notes


def _told(
    ledger: Ledger, own: Sequence[Sighting], *, trusted: bool, watch: Callable[[int], None]
) -> tuple[dict[int, Origin], str]:
    """Where the proposals of interest of one run came from by their indexes, and why it could not be asked, if so."""
    from harness.errors import HarnessError
    from harness.race.origins import origins
    from harness.registry import Kind, entries, load
    from harness.settings import check

    header, indexes = own[0].header, {each.index for each in own}
    if not trusted and header.searcher not in entries(Kind.SEARCHER):
        return {}, f"{header.name} was not replayed: {header.searcher} is not registered. --replay imports it."
    try:
        factory = load(Kind.SEARCHER, header.searcher)
        version = getattr(factory, "version", 1)
        if version != header.searcher_version:
            return {}, f"{header.name} was made by version {header.searcher_version}, and here is {version}."
        searcher = factory(header.space, seed=header.seed, **check(factory, header.settings))
        history = ledger.archive(header.identity).entries
        return origins(header, history, searcher, indexes=indexes, watch=watch), ""
    except Exception as error:  # a searcher may be anyone's, and no report fails for what it raises
        kind = "" if isinstance(error, HarnessError) else f"{type(error).__name__}: "
        return {}, f"{header.name} could not be replayed: {kind}{error}"
