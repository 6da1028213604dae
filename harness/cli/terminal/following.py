"""How commands follow the runs that they carry out: a display, Ctrl-C that loses nothing, and how to go on after it."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from harness.cli.terminal.output import announce

if TYPE_CHECKING:
    from harness.race.header import RunHeader
    from harness.race.racing import Follow, Following


def followed(*, quiet: bool) -> Follow:
    """What shows the progress of runs, and stops them when the user asks for it.

    Args:
        quiet: no progress display.
    """
    from harness.cli.terminal.live import Live
    from harness.race.racing import Following

    @contextmanager
    def follow(headers: Sequence[RunHeader]) -> Iterator[Following]:
        with _stop_on_interrupt() as stop, Live(quiet=quiet, runs=headers) as live:
            yield Following(live.watch, stop)

    return follow


@contextmanager
def stoppable() -> Iterator[None]:
    """End the command with status 130 when the user stopped its runs, and say how to go on."""
    from harness.race.active_run import Stopped

    try:
        yield
    except Stopped:
        announce(f"Stopped; nothing is lost. To go on: {shlex.join(['harness', *sys.argv[1:]])}")
        raise typer.Exit(130) from None


@contextmanager
def _stop_on_interrupt() -> Iterator[threading.Event]:
    """The first Ctrl-C, or a polite kill, asks the loop to stop; the second interrupts."""
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        announce("Stopping after the children in flight here; Ctrl-C again to stop at once.")
        if number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
