"""Progress displays: a live bar on a terminal or in a notebook, and occasional plain lines elsewhere."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from harness.machine import announce, console

if TYPE_CHECKING:
    from rich.progress import TaskID

    from harness.race.header import RunHeader
    from harness.race.progress import Progress as RunProgress

LINE_SECONDS = 10.0  # between two lines about other work
LINES = 10  # plain lines that a run prints without a terminal
LINES_OF_MANY = 2  # the same for each of several runs


def drawable() -> bool:
    """Whether a bar can be drawn: on a terminal, or in a notebook that has widgets."""
    if sys.stderr.isatty():
        return True
    return "IPython" in sys.modules and console().is_jupyter and importlib.util.find_spec("ipywidgets") is not None


class Count(Protocol):
    """What takes in how far some work has come."""

    def __call__(self, done: int, total: int, note: str = "", /) -> None:
        """Show it, with a note if there is one."""


@contextmanager
def counting(what: str, *, begun: int = 0) -> Iterator[Count]:
    """Show how far some work has come and the time left: as a bar, or as lines if no bar can be drawn.

    Call the yielded function with (done, total), and a note if there is one. Until the first call, the display only
    shows that the work is going on.

    Args:
        what: the work.
        begun: what an earlier process had done of it, which says nothing about the pace of this one.
    """
    if not drawable():
        with _Lines(what, begun) as lines:
            yield lines.update
        return
    from rich import progress

    text = progress.TextColumn("{task.description}", markup=False)
    figures = (progress.MofNCompleteColumn(), progress.TimeElapsedColumn(), progress.TimeRemainingColumn())
    columns = (text, progress.BarColumn(), *figures)
    with progress.Progress(*columns, console=console(stderr=True), transient=True) as bar:
        line = bar.add_task(what, total=None, completed=begun)

        def show(done: int, total: int, note: str = "", /) -> None:
            bar.update(line, completed=done, total=total, description=f"{what}; {note}" if note else what)

        yield show


class _Lines:
    """Prints lines about some work from its own thread, since the work may not report progress for a while."""

    def __init__(self, what: str, begun: int) -> None:
        self._what = what
        self._begun = begun
        self._standing = (begun, 0, "")
        self._began = time.monotonic()
        self._ended = threading.Event()

    def __enter__(self) -> _Lines:
        threading.Thread(target=self._tell, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def update(self, done: int, total: int, note: str = "", /) -> None:
        """Take in how far the work has come."""
        self._standing = (done, total, note)

    def _tell(self) -> None:
        while not self._ended.wait(LINE_SECONDS):
            (done, total, note), spent = self._standing, time.monotonic() - self._began
            if done > self._begun:
                left = _clock((total - done) * spent / (done - self._begun))
                announce(
                    "; ".join(part for part in (f"{self._what}: {done:,} of {total:,}", note, f"{left} left") if part)
                )
            else:
                announce(f"{self._what}: {_clock(spent)} so far")


class Live:
    """The display of one run after another; use it as a context manager, and pass ``watch`` to the loop.

    Args:
        quiet: whether to show nothing.
        runs: all runs that will be watched; if there are several, one line shows their total with its own estimate.
    """

    def __init__(self, *, quiet: bool, runs: Sequence[RunHeader]) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._drawn = drawable() and not quiet
        self._quiet = quiet
        self._runs = len(runs)
        self._begun = 0
        self._whole = Whole(sum(header.budget.children for header in runs))
        self._whole_line: TaskID | None = None
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
            disable=not self._drawn,
        )

    def __enter__(self) -> Live:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def watch(self, progress: RunProgress) -> None:
        """Show a run's progress; called with every completed proposal."""
        header = progress.header
        name = _name(header)
        self._whole.count(progress)
        if name != self._name:
            self._name, self._printed = name, -1
            self._begun += 1
            if self._runs > 1 and self._whole_line is None:
                self._whole_line = self._bar.add_task("all runs", total=self._whole.total, pace="", best="")
            elif self._runs > 1 and self._line is not None:
                self._bar.remove_task(self._line)  # a long race must not fill the screen
            self._line = self._bar.add_task(name, total=progress.budget.children, pace="", best="")
        if self._drawn:
            assert self._line is not None
            self._bar.update(self._line, completed=progress.children, pace=_pace(progress), best=_best(progress))
            if self._whole_line is not None:
                of = f"run {self._begun} of {self._runs}"
                self._bar.update(self._whole_line, completed=self._whole.done, pace=self._whole.left, best=of)
        elif not self._quiet:
            lines = LINES if self._runs == 1 else LINES_OF_MANY
            part = lines * progress.children // progress.budget.children
            if part > self._printed:
                self._printed = part
                parts = (f"{name}: {progress.children} of {progress.budget.children} children", _pace(progress))
                whole = (f"run {self._begun} of {self._runs}", self._whole.left) if self._runs > 1 else ()
                announce("; ".join(part for part in (*parts, _best(progress), *whole) if part))


class Whole:
    """The total progress of several runs.

    Attributes:
        total: the sum of their budgets in children.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._children: dict[str, int] = {}
        self._replayed = 0
        self._began = time.monotonic()

    def count(self, progress: RunProgress) -> None:
        """Take in the progress of one of the runs."""
        before = self._children.get(progress.header.identity, 0)
        self._children[progress.header.identity] = progress.children
        if progress.children_per_minute is None:  # nothing trained yet: all children so far come from the ledger
            self._replayed += progress.children - before

    @property
    def done(self) -> int:
        """How many children are completed, including those from the ledger."""
        return sum(self._children.values())

    @property
    def left(self) -> str:
        """Return the time left for all runs at the pace so far; empty before there is a pace."""
        trained = self.done - self._replayed
        if trained <= 0:
            return ""
        return f"{_clock((self.total - self.done) * (time.monotonic() - self._began) / trained)} left in all"


def _name(header: RunHeader) -> str:
    if header.kind != "transfer":
        return f"{header.searcher} seed {header.seed}"
    return f"{header.protocol.name} seed {header.seed}"  # all transfers have one searcher


def _pace(progress: RunProgress) -> str:
    if progress.children_per_minute is None or progress.seconds_left is None:
        return f"{progress.replayed} from the ledger" if progress.replayed else ""
    pace = progress.children_per_minute
    told = f"{pace:.1f}/min" if pace >= 1 else f"{60 * pace:.1f}/h"
    return f"{told}, {_clock(progress.seconds_left)} left"


def _clock(seconds: float) -> str:
    """Write seconds as MM:SS, or as H:MM:SS from one hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _best(progress: RunProgress) -> str:
    if progress.best_rule is None or progress.best_score is None:
        return ""
    from harness.space.notation.rules import readable

    return f"best {progress.best_score:.3f} {readable(progress.best_rule)}"
