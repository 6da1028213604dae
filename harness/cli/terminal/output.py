"""How commands print: complaints of one line, documents for other programs, and lines that fit the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from harness.output import announce, console

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["announce", "complain", "console", "document", "hanging"]


def complain(text: str) -> None:
    """Print one line of complaint to standard error."""
    print(f"harness: {' '.join(text.splitlines())}", file=sys.stderr)


def document(text: str) -> None:
    """Print what another program or a file takes in: UTF-8, whatever the encoding of the output, but on a terminal."""
    if sys.stdout.isatty() or not hasattr(sys.stdout, "buffer"):
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def hanging(out: Console, label: str, parts: Iterable[str], *, gap: str = " ") -> None:
    """Print parts behind a label: on a terminal in lines that fit and break no part, elsewhere in one line.

    Args:
        out: where.
        label: with the blanks behind it; further lines are indented as far.
        parts: words or the like.
        gap: between two of them.
    """
    from harness.board.fitting import flowed

    fits = out.is_terminal and out.width > 2 * len(label)
    lines = flowed(parts, out.width - len(label), gap=gap) if fits else [gap.join(parts)]
    for number, line in enumerate(lines):
        out.print((" " * len(label) if number else label) + line, soft_wrap=True)
