"""``harness runs`` and ``harness leaderboard``: what the ledger holds, listed and judged."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.output import console

if TYPE_CHECKING:
    from harness.race.records import RunHeader


class BoardFormat(StrEnum):
    """How a board is printed."""

    TEXT = "text"
    MD = "md"
    JSON = "json"
    CSV = "csv"


def runs(results: options.Results = options.DEFAULT_RESULTS) -> None:
    """List every run with its state: finished, running, stopped, or interrupted."""
    from rich import box
    from rich.table import Table

    from harness.race.ledger import Ledger

    with Ledger.read(results) as ledger:
        records = ledger.results()
    if not records:
        console().print(f"No runs yet in {results}: start one with `harness run`.", soft_wrap=True)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("run", "state", "children", "best"):
        table.add_column(heading, no_wrap=True)  # names are for copying
    table.add_column("data and space", overflow="fold")
    for record in records:
        header = record.header
        charged = record.results.charged_scores
        table.add_row(
            header.name,
            record.standing,
            f"{len(charged)} of {header.budget.children}",
            f"{max(charged):.3f}" if charged else "",
            f"{header.data}, {_purpose(header)}",
        )
    console().print(table)


def leaderboard(
    results: options.Results = options.DEFAULT_RESULTS,
    format: Annotated[BoardFormat, typer.Option(help="How to print it.")] = BoardFormat.TEXT,
    top: Annotated[int, typer.Option(help="Best rules of the searches to list.", min=0)] = 10,
    rules: Annotated[bool, typer.Option("--rules", help="Rules that `harness confirm` retrained, instead.")] = False,
) -> None:
    """Compare the searchers, and list the best rules they found; only equals are ranked together."""
    if rules:
        print_rules_boards(results, format)
    else:
        print_boards(results, format, top=top)


def print_rules_boards(results: Path, format: BoardFormat, *, only: str = "") -> None:
    """Print the boards of a store's confirmed rules.

    Args:
        results: folder of the ledger.
        format: how to print them.
        only: ``confirmation.group_of`` a header, to print that group's board alone; empty for all.
    """
    from harness.board import rules_layout
    from harness.board.confirmation import rules_boards
    from harness.board.formats import Format
    from harness.board.rules_formats import render
    from harness.board.terminal import show_page
    from harness.race.ledger import Ledger

    with Ledger.read(results) as ledger:
        found = rules_boards(ledger.results(), ledger.confirmations(), only=only)
    if format is not BoardFormat.TEXT:
        typer.echo(render(found, Format(format.value)), nl=False)
        return
    for page in rules_layout.pages(found):
        show_page(page, console())
    if not found:
        console().print(rules_layout.EMPTY, soft_wrap=True)


def _purpose(header: RunHeader) -> str:
    """The space that a run searches, or what it does instead."""
    if header.confirmation is not None:
        return f"confirms {len(header.confirmation.rules)} rules"
    return f"{header.space.edition} n={header.space.blocks}"


def print_boards(results: Path, format: BoardFormat, *, top: int = 10, only: str = "") -> None:
    """Print the boards of a store.

    Args:
        results: folder of the ledger.
        format: how to print them.
        top: best rules to list on each.
        only: a header's ``comparable``, to print that group's board alone; empty for all.
    """
    from harness.board.formats import Format, render
    from harness.board.leaderboard import boards
    from harness.board.terminal import show
    from harness.race.ledger import Ledger

    with Ledger.read(results) as ledger:
        records = ledger.results()
    found = boards(records, top=top, only=only)
    if format is BoardFormat.TEXT:
        show(found, console())
    else:
        typer.echo(render(found, Format(format.value)), nl=False)
