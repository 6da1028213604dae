"""How commands print: one-line complaints, documents for other programs, and lines that fit the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from harness.machine import announce, console

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["announce", "complain", "console", "document", "hanging"]


def complain(text: str) -> None:
    """Print a one-line complaint to standard error."""
    print(f"harness: {' '.join(text.splitlines())}", file=sys.stderr)


def document(text: str) -> None:
    """Print a document for another program or a file: in UTF-8 unless the output is a terminal."""
    if sys.stdout.isatty() or not hasattr(sys.stdout, "buffer"):
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def hanging(out: Console, label: str, parts: Iterable[str], *, gap: str = " ") -> None:
    """Print parts after a label: on a terminal in lines that fit and break no part, elsewhere in one line.

    Args:
        out: where to print.
        label: the label with the blanks after it; further lines are indented as far.
        parts: words or similar pieces of text.
        gap: the text between two parts.
    """
    from harness.board.fitting import flowed

    fits = out.is_terminal and out.width > 2 * len(label)
    lines = flowed(parts, out.width - len(label), gap=gap) if fits else [gap.join(parts)]
    for number, line in enumerate(lines):
        out.print((" " * len(label) if number else label) + line, soft_wrap=True)
