"""A board that is drawn anew while runs go on: ``harness leaderboard --watch``."""

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

LOOK_SECONDS = 2.0  # between two looks at the store, or more where a look takes long
LOOKING_SHARE = 0.2  # of the time, at most
QUIET_SECONDS = 10.0  # without any run at work before it ends: a race pauses between its runs


@dataclass(frozen=True, slots=True)
class View:
    """What one look at the store found.

    Attributes:
        pages: of the boards whose runs go on; of all, where none does.
        active: runs that a process works on now.
    """

    pages: Sequence[Page]
    active: int


def watch(look: Callable[[], View]) -> None:
    """Draw what ``look`` finds over and over, until no run goes on or the user presses Ctrl-C.

    The drawing takes the whole terminal and gives it back as it was; where there is none, nothing is drawn, and
    this only waits for the runs to end.

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
    """The pages as they are printed otherwise, under a line that says what goes on; a screen cuts off what is below."""
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
    runs = "no run goes on" if not view.active else f"{view.active} run{'s' * (view.active > 1)} going on"
    status = f"{time.strftime('%H:%M:%S')}  {runs}  Ctrl-C ends"
    with drawn.capture() as capture:
        for page in view.pages:
            show_page(page, drawn)
    return Group(Text(status, style="dim"), Text.from_ansi(capture.get(), no_wrap=True))
