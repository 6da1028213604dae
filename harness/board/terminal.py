"""Boards as rich tables, made to be read at 80 columns, in a pipe, and without colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.rule import Rule as Line
from rich.table import Table
from rich.text import Text

from harness.board import layout
from harness.board.layout import Page, TableText
from harness.board.tables import Board

# What a terminal without Unicode gets in place of our own signs; names from outside lose what it cannot show.
SIGNS = {"–": "-", "λ": "rate", "×": "x", "−": "-", "·": "*", "→": "->", "≠": "!=", "…": "..."}
ASCII = str.maketrans(SIGNS | dict(zip(layout.SPARKS, "_.-:=+*#", strict=True)))

GAP = 3  # columns between two of a table
LEAST_NAME = 12  # columns that names and formulas, which fold, are left with


def show(boards: Sequence[Board], console: Console) -> None:
    """Print every board; with none, how to get one.

    Nothing that came from outside is read as markup: names and rules are printed letter by letter, and folded rather
    than cut where they are too long.
    """
    if not boards:
        console.print(Text(layout.EMPTY))
    for page in layout.pages(boards):
        show_page(page, console)


def show_page(page: Page, console: Console) -> None:
    """Print one board."""

    def text(content: str, style: str = "") -> Text:
        if console.options.ascii_only:
            content = content.translate(ASCII).encode("ascii", "replace").decode()
        return Text(content, style=style, overflow="fold")

    title = text(page.title, "bold")
    console.print(Line(title, align="left", characters="-" if console.options.ascii_only else "─"))
    heading = Table.grid(padding=(0, 2))
    for name, content in page.facts:
        heading.add_row(text(name, "dim"), text(content))
    console.print(heading)
    for table in page.tables:
        console.print()
        console.print(text(table.title, "bold"))
        console.print(_table(table, text, roomy=_roomy(table, console.width)))
    if page.notes:
        console.print()
        for note in page.notes:
            hanging = Table.grid(padding=(0, 1))
            hanging.add_row(text("*"), text(note, "dim"))
            console.print(hanging)
    console.print()


def _roomy(table: TableText, width: int) -> bool:
    """Whether all numbers fit on one line each, with some room for what is not a number."""
    needed = GAP * (len(table.columns) - 1)
    for place, column in enumerate(table.columns):
        widest = max(map(len, [column.title, *(row[place] for row in table.rows)]))
        needed += widest if column.right else min(widest, LEAST_NAME)
    return needed <= width


def _table(table: TableText, text: Callable[[str], Text], *, roomy: bool) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in table.columns:
        # numbers keep to one line at the cost of names where there is room for both; nothing is ever cut
        side: Literal["left", "right"] = "right" if column.right else "left"
        drawn.add_column(text(column.title), justify=side, overflow="fold", no_wrap=column.right and roomy)
    for row in table.rows:
        drawn.add_row(*(text(cell) for cell in row))
    return drawn
