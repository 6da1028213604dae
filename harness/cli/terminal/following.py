"""How commands follow their runs: a progress display, Ctrl-C that loses nothing, and how to resume after it."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from harness.cli.terminal.output import announce

if TYPE_CHECKING:
    from harness.race.racing import Follow

STOPPING = (signal.SIGINT, signal.SIGTERM)


def followed(*, quiet: bool) -> Follow:
    """Return what shows the progress of runs, and stops them when the user asks for it.

    Args:
        quiet: whether to show no progress.
    """
    from harness.library import racing

    return racing.followed(quiet=quiet, announce=announce, signals=STOPPING)


@contextmanager
def stoppable(kept: str = "nothing is lost") -> Iterator[None]:
    """End the command with status 130 if the user stopped its runs, and say how to resume.

    Args:
        kept: what is not lost.
    """
    from harness.race.active_run import Stopped

    try:
        yield
    except Stopped:
        announce(f"Stopped; {kept}. To resume: {shlex.join(['harness', *sys.argv[1:]])}")
        raise typer.Exit(130) from None
