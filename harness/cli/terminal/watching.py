"""``harness leaderboard --watch``: a board that is refreshed until all runs finish."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cli.terminal.output import console
from harness.cli.terminal.process import taken_screen

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.board.page import Page

LOOK_SECONDS = 2.0  # between two reads of the store; longer if a read takes long
LOOKING_SHARE = 0.2  # of the time, at most
QUIET_SECONDS = 10.0  # without an active run before it ends: a race pauses between its runs


@dataclass(frozen=True, slots=True)
class View:
    """What one read of the store found.

    Attributes:
        pages: pages of the boards with active runs; those of all boards if there is none.
        active: runs that a process works on now.
    """

    pages: Sequence[Page]
    active: int


def watch(look: Callable[[], View]) -> None:
    """Show what ``look`` finds again and again, until no run is active or the user presses Ctrl-C.

    The display takes the whole terminal and restores it afterwards. Without a terminal, nothing is shown, and this only
    waits for the runs to finish.

    Raises:
        LedgerError: the store cannot be read.
    """
    from rich.live import Live

    screen = console()
    drawn = Live(console=screen, screen=True, auto_refresh=False) if sys.stdout.isatty() else None
    taken = taken_screen() if drawn else contextlib.nullcontext()
    last_seen = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt), taken, drawn or contextlib.nullcontext():
        while True:
            began = time.monotonic()
            view = look()
            ended = time.monotonic()
            if view.active:
                last_seen = ended
            elif ended - last_seen > QUIET_SECONDS:
                return
            if drawn is not None:
                drawn.update(_drawing(view, screen.width), refresh=True)
            time.sleep(max(LOOK_SECONDS, (ended - began) * (1 - LOOKING_SHARE) / LOOKING_SHARE))


def _drawing(view: View, width: int) -> RenderableType:
    """Draw the pages under a status line; what does not fit the screen is cut off."""
    from rich.console import Console, Group
    from rich.text import Text

    from harness.board.terminal import show_page

    screen = console()
    drawn = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system=screen.color_system,  # type: ignore[arg-type] # the name that rich itself gives
        no_color=screen.no_color,
        markup=False,
        emoji=False,
        highlight=False,
    )
    runs = "no active run" if not view.active else f"{view.active} active run{'s' * (view.active > 1)}"
    status = f"{time.strftime('%H:%M:%S')}  {runs}  Ctrl-C to exit"
    with drawn.capture() as capture:
        for page in view.pages:
            show_page(page, drawn)
    return Group(Text(status, style="dim"), Text.from_ansi(capture.get(), no_wrap=True))
