"""Progress as people like to see it: a live bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.cli.output import announce, console

if TYPE_CHECKING:
    from rich.progress import TaskID

    from harness.race.progress import Progress as RunProgress

LINES = 10  # plain lines that a whole run prints where there is no terminal


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for counting: call what is yielded with (done, total)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not sys.stderr.isatty()
    with Progress(*columns, console=console(stderr=True), transient=True, disable=hidden) as bar:
        line = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(line, completed=done, total=total)


class Live:
    """The display of runs one after another; use as a context, and hand ``watch`` to the loop.

    Args:
        quiet: show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._terminal = sys.stderr.isatty() and not quiet
        self._quiet = quiet
        self._line: TaskID | None = None
        self._name = ""
        self._printed = -1
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TextColumn("{task.fields[best]}", markup=False),
            console=console(stderr=True),
            disable=not self._terminal,
        )

    def __enter__(self) -> Live:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def watch(self, progress: RunProgress) -> None:
        """Show where a run stands; called with every completed proposal."""
        header = progress.header
        name = f"{header.searcher} seed {header.seed}"
        if name != self._name:
            self._name, self._printed = name, -1
            self._line = self._bar.add_task(name, total=progress.budget.children, pace="", best="")
        if self._terminal:
            assert self._line is not None
            self._bar.update(self._line, completed=progress.children, pace=_pace(progress), best=_best(progress))
        elif not self._quiet:
            tenth = LINES * progress.children // progress.budget.children
            if tenth > self._printed:
                self._printed = tenth
                parts = (f"{name}: {progress.children} of {progress.budget.children} children", _pace(progress))
                announce("; ".join(part for part in (*parts, _best(progress)) if part))


def _pace(progress: RunProgress) -> str:
    if progress.children_per_minute is None or progress.seconds_left is None:
        return f"{progress.replayed} from the ledger" if progress.replayed else ""
    left = time.strftime("%H:%M:%S", time.gmtime(progress.seconds_left)).removeprefix("00:")
    return f"{progress.children_per_minute:.1f}/min, {left} left"


def _best(progress: RunProgress) -> str:
    if progress.best_rule is None or progress.best_score is None:
        return ""
    return f"best {progress.best_score:.3f} {progress.best_rule.infix}"
