"""Where words go: results to standard output, remarks to standard error, so that pipes stay clean."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def announce(text: str) -> None:
    """Print one plain line that the user should know of to standard error."""
    print(" ".join(text.splitlines()), file=sys.stderr, flush=True)


def console(*, stderr: bool = False) -> Console:
    """A rich console that does not reinterpret what it prints: no markup from data, no emoji codes, no highlighting.

    NO_COLOR and pipes are respected by rich itself. A reader who leaves is the whole command's business.
    """
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich would leave with status 1

    return Plain(stderr=stderr, markup=False, emoji=False, highlight=False)
