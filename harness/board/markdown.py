"""Pages as Markdown, and the names of the formats that boards are written in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from harness.board.page import Page, TableText


class Format(StrEnum):
    """What ``render`` writes."""

    JSON = "json"
    MD = "md"
    CSV = "csv"


def markdown(pages: Sequence[Page]) -> str:
    """Write pages as Markdown, ending in a line break."""
    parts = []
    for page in pages:
        parts.append(f"## {page.title}")
        parts.append("\n".join(f"- {name}: {_escaped(text)}" for name, text in page.facts))
        for table in page.tables:
            parts += (f"### {_escaped(table.title)}", _markdown_table(table))
        if page.notes:
            parts.append("\n".join(f"- {_escaped(note)}" for note in page.notes))
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: TableText) -> str:
    lines = [
        [_escaped(column.title) for column in table.columns],
        ["---:" if each.right else "---" for each in table.columns],
    ]
    for row in table.rows:
        cells = zip(table.columns, row, strict=True)
        lines.append([_code(cell) if column.code else _escaped(cell) for column, cell in cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#~$&!])", r"\\\1", text)


def _code(text: str) -> str:
    """Return a code span for a table: its fence is longer than any run of backticks in it, and its bars are escaped."""
    if not text:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")
