"""``harness runs`` and ``harness leaderboard``: list the runs of the ledger, and compare them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.terminal import watching
from harness.cli.terminal.output import console, document
from harness.errors import SettingError, message

if TYPE_CHECKING:
    from harness.board.page import Page
    from harness.board.rules.board import RulesBoard
    from harness.board.searches.board import Board
    from harness.board.transfer.board import TransferBoard
    from harness.race.header import RunHeader


TOP = 10  # best rules that a board lists


class BoardFormat(StrEnum):
    """How a board is printed."""

    TEXT = "text"
    MD = "md"
    JSON = "json"
    CSV = "csv"


def runs(results: options.Results = options.DEFAULT_RESULTS) -> None:
    """List every run with its state: finished, running, stopped, or interrupted."""
    from harness.board.fitting import FittedColumn, fitted
    from harness.race.store.ledger import Ledger

    with Ledger.read(results) as ledger:
        records = ledger.results()
    if not records:
        console().print(f"No runs yet in {results}: start one with `harness run`.", soft_wrap=True)
        return
    columns = [
        FittedColumn("run", whole=True),
        FittedColumn("state"),
        FittedColumn("children", right=True),
        FittedColumn("best", right=True),
    ]
    columns.append(FittedColumn("data and space", spare=True))
    rows = []
    for record in records:
        header = record.header
        charged = record.results.charged_scores
        best = f"{max(charged):.3f}" if charged else ""
        children = f"{len(charged)} of {header.budget.children}"
        rows.append((header.name, record.standing, children, best, f"{header.data}, {_purpose(header)}"))
    out = console()
    out.print(fitted(columns, rows, out.width))


def leaderboard(
    results: options.Results = options.DEFAULT_RESULTS,
    format: Annotated[BoardFormat, typer.Option(help="How to print it.")] = BoardFormat.TEXT,
    top: Annotated[int, typer.Option(help="How many of the searches' best rules to list.", min=0)] = TOP,
    rules: Annotated[
        bool, typer.Option("--rules", help="Show the rules that `harness confirm` retrained instead.")
    ] = False,
    transfer: Annotated[
        bool, typer.Option("--transfer", help="Show what `harness transfer` trained on other workloads instead.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh until all runs finish; a pipe gets only the last board.")
    ] = False,
) -> None:
    """Compare the searchers, and list the best rules they found; only equals are ranked together."""
    if rules and transfer:
        raise SettingError(message("board", expected="--rules or --transfer", got="both", hint="Give one of them"))
    if rules:
        options.tell_unused({"--top": top != TOP}, "--rules lists all rules that were retrained")
    if transfer:
        options.tell_unused({"--top": top != TOP}, "--transfer lists all candidates")
    if watch:
        view = _rules_view if rules else _transfer_view if transfer else partial(_view, top=top)
        watching.watch(partial(view, results))
    if rules:
        print_rules_boards(results, format)
    elif transfer:
        print_transfer_boards(results, format)
    else:
        print_boards(results, format, top=top)


def print_rules_boards(results: Path, format: BoardFormat, *, only: str = "") -> None:
    """Print the boards of a store's confirmed rules.

    Args:
        results: folder of the ledger.
        format: the output format.
        only: ``rules.judging.group_of`` a header, to print only that group's board; empty for all.
    """
    from harness.board.markdown import Format
    from harness.board.rules import pages as rules_pages
    from harness.board.rules.formats import render
    from harness.board.terminal import show_page
    from harness.library.boards import rules_boards
    from harness.library.live import counting

    with counting("judging the rules"):
        found = rules_boards(results, only=only)
    if format is not BoardFormat.TEXT:
        document(render(found, Format(format.value)))
        return
    for page in rules_pages.pages(found):
        show_page(page, console())
    if not found:
        console().print(rules_pages.EMPTY, soft_wrap=True)


def print_transfer_boards(results: Path, format: BoardFormat, *, only: str | None = None) -> None:
    """Print the boards of a store's transfers.

    Args:
        results: folder of the ledger.
        format: the output format.
        only: how candidates were chosen, to print only the board of those chosen so; None for all.
    """
    from harness.board.markdown import Format
    from harness.board.terminal import show_page
    from harness.board.transfer import pages as transfer_pages
    from harness.board.transfer.formats import render
    from harness.library.boards import transfer_boards
    from harness.library.live import counting

    with counting("judging the transfers"):
        found = transfer_boards(results, only=only)
    if format is not BoardFormat.TEXT:
        document(render(found, Format(format.value)))
        return
    for page in transfer_pages.pages(found):
        show_page(page, console())
    if not found:
        console().print(transfer_pages.EMPTY, soft_wrap=True)


def _purpose(header: RunHeader) -> str:
    """Return the space that a run searches, or what it does instead."""
    from harness.race.header import ConfirmationHeader, TableHeader, TransferHeader

    if isinstance(header, ConfirmationHeader):
        return f"confirms {len(header.confirmation.rules)} {header.confirmation.noun}"
    if isinstance(header, TableHeader):
        return f"fills table {header.table}, part {header.settings.get('part', '')}"
    if isinstance(header, TransferHeader):
        funnel, count = header.transfer.funnel, len(header.transfer.candidates)
        rung = "" if funnel is None else f" to epoch {header.protocol.epochs} of {funnel.rungs[-1]}"
        return f"transfers {count} candidate{'s' * (count != 1)}{rung}"
    return f"{header.space.edition} n={header.space.blocks}"


def print_boards(results: Path, format: BoardFormat, *, top: int = 10, only: str = "") -> None:
    """Print the boards of a store.

    Args:
        results: folder of the ledger.
        format: the output format.
        top: how many of the best rules to list on each board.
        only: a header's ``comparable``, to print only that group's board; empty for all.
    """
    from harness.board.markdown import Format
    from harness.board.searches.formats import render
    from harness.board.terminal import show
    from harness.library.boards import boards
    from harness.library.live import counting

    with counting("judging the runs"):
        found = boards(results, top=top, only=only)
    if format is BoardFormat.TEXT:
        show(found, console())
    else:
        document(render(found, Format(format.value)))


def _view(results: Path, *, top: int) -> watching.View:
    from harness.board.searches import pages as search_pages
    from harness.library.boards import boards

    found = boards(results, top=top)
    return _at_work(search_pages.pages(found), found)


def _rules_view(results: Path) -> watching.View:
    from harness.board.rules import pages as rules_pages
    from harness.library.boards import rules_boards

    found = rules_boards(results)
    return _at_work(rules_pages.pages(found), found)


def _transfer_view(results: Path) -> watching.View:
    from harness.board.transfer import pages as transfer_pages
    from harness.library.boards import transfer_boards

    found = transfer_boards(results)
    return _at_work(transfer_pages.pages(found), found)


def _at_work(pages: Sequence[Page], found: Sequence[Board | RulesBoard | TransferBoard]) -> watching.View:
    """Return the pages of boards with active runs; those of all boards if there is none."""
    active = [sum(each.state == "running" for each in board.unfinished) for board in found]
    busy = [page for page, runs in zip(pages, active, strict=True) if runs]
    return watching.View(busy or pages, sum(active))
