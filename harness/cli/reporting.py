"""``harness report``: one HTML file that shows all that the ledger holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.output import announce

if TYPE_CHECKING:
    from harness.board.report.document import Sighting
    from harness.contracts import Origin
    from harness.race.ledger import Ledger

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
    from harness.files import write_whole
    from harness.race.ledger import Ledger

    with Ledger.read(results) as ledger:
        store = ledger.judged()
        records = chosen(store, board=board)
        asked = replay is not False
        lineage, notes = _retraced(ledger, sightings(records), trusted=bool(replay)) if asked else (None, [])
    page = render(compose(records, store=store, lineage=lineage, notes=notes)).encode()
    path = results / FILE_NAME if to is None else to
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
    from harness.errors import HarnessError
    from harness.race.retracing import origins
    from harness.registry import Kind, entries, load
    from harness.settings import check

    runs: dict[str, list[Sighting]] = defaultdict(list)
    for each in seen:
        runs[each.header.identity].append(each)
    found: dict[tuple[str, int], Origin] = {}
    notes = []
    for identity, own in runs.items():
        header = own[0].header
        if not trusted and header.searcher not in entries(Kind.SEARCHER):
            notes.append(f"{header.name} was not replayed: {header.searcher} is not registered. --replay imports it.")
            continue
        try:
            factory = load(Kind.SEARCHER, header.searcher)
            version = getattr(factory, "version", 1)
            if version != header.searcher_version:
                notes.append(f"{header.name} was made by version {header.searcher_version}, and here is {version}.")
                continue
            searcher = factory(header.space, seed=header.seed, **check(factory, header.settings))
            told = origins(header, ledger.archive(identity).entries, searcher, indexes={each.index for each in own})
        except Exception as error:  # a searcher may be anyone's, and no report fails for what it raises
            kind = "" if isinstance(error, HarnessError) else f"{type(error).__name__}: "
            notes.append(f"{header.name} could not be replayed: {kind}{error}")
            continue
        found |= {(identity, index): origin for index, origin in told.items()}
    return found, notes
