"""How active runs are followed: a progress display, and Ctrl-C that loses nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from harness.library.live import Live
from harness.race.conditions import Announce
from harness.race.header import RunHeader
from harness.race.progress import Progress
from harness.race.racing import Follow, Following

STOPPING = (signal.SIGINT,)


def followed(
    *,
    quiet: bool,
    announce: Announce,
    watch: Callable[[Progress], None] | None = None,
    signals: Sequence[signal.Signals] = STOPPING,
) -> Follow:
    """Return what shows the progress of runs, and stops them when the user asks for it.

    Args:
        quiet: whether to show no progress.
        announce: called with a line when the runs are about to stop.
        watch: called with the progress instead of the display.
        signals: the signals by which the user asks to stop.
    """

    @contextmanager
    def follow(headers: Sequence[RunHeader]) -> Iterator[Following]:
        with _stopping(signals, announce) as stop, Live(quiet=quiet or watch is not None, runs=headers) as live:
            yield Following(watch or live.watch, stop)

    return follow


@contextmanager
def _stopping(signals: Sequence[signal.Signals], announce: Announce) -> Iterator[threading.Event]:
    """Let the first signal ask the loop to stop, and the second interrupt. Only the main thread can handle signals."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        announce("Stopping after the children that train here now; press Ctrl-C again to stop at once.")
        if number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in signals}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not set by Python
