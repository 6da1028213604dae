"""Boards as rich tables, readable at 80 columns, in a pipe, and without colour."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.rule import Rule as Line
from rich.table import Table
from rich.text import Text

from harness.board import wording
from harness.board.fitting import FittedColumn, fitted
from harness.board.page import Page
from harness.board.searches import pages as search_pages
from harness.board.searches.board import Board

# What a terminal without Unicode shows instead of our own signs; names from outside lose what it cannot show.
SIGNS = {"–": "-", "λ": "rate", "×": "x", "−": "-", "·": "*", "→": "->", "≠": "!=", "…": "..."}
ASCII = str.maketrans(SIGNS | dict(zip(wording.SPARKS, "_.-:=+*#", strict=True)))


def show(boards: Sequence[Board], console: Console) -> None:
    """Print every board; if there is none, print how to get one.

    No text from outside is read as markup: names and rules are printed verbatim, and wrapped rather than cut if they
    are too long.
    """
    if not boards:
        console.print(Text(search_pages.EMPTY))
    for page in search_pages.pages(boards):
        show_page(page, console)


def show_page(page: Page, console: Console) -> None:
    """Print one board."""

    def shown(content: str) -> str:
        if not console.options.ascii_only:
            return content
        return content.translate(ASCII).encode("ascii", "replace").decode()

    def text(content: str, style: str = "") -> Text:
        return Text(shown(content), style=style, overflow="fold")

    title = text(page.title, "bold")
    console.print(Line(title, align="left", characters="-" if console.options.ascii_only else "─"))
    heading = Table.grid(padding=(0, 2))
    for name, content in page.facts:
        heading.add_row(text(name, "dim"), text(content))
    console.print(heading)
    for table in page.tables:
        console.print()
        console.print(text(table.title, "bold"))
        columns = [FittedColumn(shown(column.title), right=column.right) for column in table.columns]
        console.print(fitted(columns, [list(map(shown, row)) for row in table.rows], console.width))
    if page.notes:
        console.print()
        for note in page.notes:
            hanging = Table.grid(padding=(0, 1))
            hanging.add_row(text("*"), text(note, "dim"))
            console.print(hanging)
    console.print()
