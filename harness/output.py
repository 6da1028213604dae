"""Where text goes: results to standard output, messages to standard error, so that pipes stay clean."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def announce(text: str) -> None:
    """Print one line for the user to standard error."""
    print(" ".join(text.splitlines()), file=sys.stderr, flush=True)


def console(*, stderr: bool = False) -> Console:
    """Return a rich console that prints text unchanged: no markup, no emoji codes, no highlighting.

    Rich itself respects NO_COLOR and pipes. The command as a whole handles a closed pipe.
    """
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich would exit with status 1

    return Plain(stderr=stderr, markup=False, emoji=False, highlight=False)
