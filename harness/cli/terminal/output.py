"""Where words go: results to standard output, remarks and complaints to standard error, so that pipes stay clean."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def complain(text: str) -> None:
    """Print one line of complaint to standard error."""
    print(f"harness: {' '.join(text.splitlines())}", file=sys.stderr)


def announce(text: str) -> None:
    """Print one plain line that the user should know of to standard error."""
    print(" ".join(text.splitlines()), file=sys.stderr, flush=True)


def document(text: str) -> None:
    """Print what another program or a file takes in: UTF-8, whatever the encoding of the output, but on a terminal."""
    if sys.stdout.isatty() or not hasattr(sys.stdout, "buffer"):
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def console(*, stderr: bool = False) -> Console:
    """A rich console that does not reinterpret what it prints: no markup from data, no emoji codes, no highlighting.

    NO_COLOR and pipes are respected by rich itself. A reader who leaves is the whole command's business.
    """
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich would leave with status 1

    return Plain(stderr=stderr, markup=False, emoji=False, highlight=False)


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
