"""Tables of text that fit a terminal: cells wrap between words, and a word is broken only as a last resort.

A table that is still too wide loses its optional columns. If that does not help, each row is printed as a list of its
fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

GAPS = (3, 2)  # characters between two columns of a table; the wider gap if there is room
ROOM, LEAST_ROOM = 16, 12  # characters that a column of text keeps, if it has so many
LONG_WORD = 16  # a word of at least so many characters may be broken after a punctuation mark
_PARTS = re.compile(r"[^(:./_=–]*[(:./_=–]+|[^(:./_=–]+")
_WORDS = re.compile(r"\[[^][]*\](?!\S)|\S+")  # an interval such as [0.43, 0.46] is one word


@dataclass(frozen=True, slots=True)
class FittedColumn:
    """A column to fit.

    Attributes:
        title: its heading.
        right: whether it holds figures, which are right-aligned and wrapped only if nothing else helps.
        whole: whether it holds names to copy, which no table wraps.
        spare: whether it can be left out if there is no room for it.
    """

    title: str
    right: bool = False
    whole: bool = False
    spare: bool = False


def fitted(columns: Sequence[FittedColumn], rows: Sequence[Sequence[str]], width: int) -> RenderableType:
    """Return a table that fits the width of a terminal.

    Args:
        columns: the columns; the first one names the row.
        rows: a cell for each column.
        width: width of the terminal in characters.
    """
    spare = [place for place, column in enumerate(columns) if column.spare]
    every = range(len(columns))
    needed = [place for place in every if place not in spare]
    attempts = ((every, ROOM, False), (every, LEAST_ROOM, False), (needed, ROOM, False))
    for kept, text, wrapping in (*attempts, (every, LEAST_ROOM, True), (needed, LEAST_ROOM, True)):
        own, cells = [columns[place] for place in kept], [[row[place] for place in kept] for row in rows]
        for gap in GAPS:
            widths = _widths(own, cells, width - gap * (len(own) - 1), text=text, wrapping=wrapping)
            if widths is not None:
                left_out = [] if kept is every else [columns[place].title for place in spare]
                return _drawn(own, cells, widths, gap, left_out)
    return _listed(columns, rows, width)


def flowed(parts: Iterable[str], width: int, *, gap: str = " ") -> list[str]:
    """Join parts into lines with gaps between them; a part that fits on a line of its own is not broken."""
    lines: list[str] = []
    for part in parts:
        pieces = [part] if cell_len(part) <= width else list(_broken(part, width))
        if lines and cell_len(lines[-1] + gap + pieces[0]) <= width:
            lines[-1] += gap + pieces.pop(0)
        lines += pieces
    return lines or [""]


def _broken(word: str, width: int) -> Iterator[str]:
    """Break a word that is too long for a line: after a punctuation mark if there is one, else anywhere."""
    line = ""
    for part in _PARTS.findall(word):
        if line and cell_len(line + part) > width:
            yield line
            line = ""
        for character in part:
            if line and cell_len(line + character) > width:
                yield line
                line = ""
            line += character
    yield line


def _widths(
    columns: Sequence[FittedColumn], rows: Sequence[Sequence[str]], room: int, *, text: int, wrapping: bool
) -> list[int] | None:
    """Return the width of each column; None if there is no room for all.

    Args:
        columns: to draw.
        rows: their cells.
        room: the width for all columns together, without the gaps between them.
        text: characters that a column of text keeps, if it has so many.
        wrapping: whether figures may wrap.
    """
    wanted, least = [], []
    for place, column in enumerate(columns):
        cells = [column.title, *(row[place] for row in rows)]
        wanted.append(max(map(cell_len, cells)))
        longest = max((_least(word) for cell in cells for word in _words(cell)), default=0)
        filled = [cell_len(row[place]) for row in rows]
        if column.whole or (column.right and not wrapping):
            longest = max([*map(_least, _words(column.title)), *filled], default=0)
        elif not column.right:
            longest = max([longest, min(max(filled, default=0), text)])
        least.append(longest)
    if sum(least) > room:
        return None

    def shared(most: int) -> list[int]:
        return [max(low, min(high, most)) for low, high in zip(least, wanted, strict=True)]

    most = 0
    while most < room and sum(shared(most + 1)) <= room:
        most += 1
    return shared(most)


def _words(cell: str) -> list[str]:
    return _WORDS.findall(cell)


def _least(word: str) -> int:
    """Return the least width of a word; one that can be broken after a mark needs less than its length."""
    if cell_len(word) <= LONG_WORD:
        return cell_len(word)
    return max(map(cell_len, _PARTS.findall(word)))


def _drawn(
    columns: Sequence[FittedColumn],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    gap: int,
    left_out: Sequence[str],
) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=gap == min(GAPS))
    for column, width in zip(columns, widths, strict=True):
        side: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(_text(column.title, width), justify=side, width=width, overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell, width) for cell, width in zip(row, widths, strict=True)))
    if not left_out:
        return table
    return Group(table, Text(f"no room for: {', '.join(left_out)}", style="dim"))


def _text(cell: str, width: int) -> Text:
    return Text("\n".join([cell] if cell_len(cell) <= width else flowed(_words(cell), width)))


def _listed(columns: Sequence[FittedColumn], rows: Sequence[Sequence[str]], width: int) -> RenderableType:
    """Print each row as lines of field and value, without its empty fields."""
    name = max(cell_len(column.title) for column in columns)
    room = width - name - min(GAPS)
    lines: list[Table | Text] = []
    for row in rows:
        if lines:
            lines.append(Text())
        fields = [(column.title, cell) for column, cell in zip(columns, row, strict=True) if cell]
        if room < LEAST_ROOM:
            lines += [Text("\n".join(flowed([*_words(title), *_words(cell)], width))) for title, cell in fields]
            continue
        grid = Table.grid(padding=(0, min(GAPS), 0, 0), pad_edge=False)
        grid.add_column(width=name, style="dim", overflow="fold")
        grid.add_column(width=room, overflow="fold")
        for title, cell in fields:
            grid.add_row(Text(title), _text(cell, room))
        lines.append(grid)
    return Group(*lines)
