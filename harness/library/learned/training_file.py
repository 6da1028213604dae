"""What trainings of learned optimizers share: their file and its lock, their threads, and how they show progress."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.errors import SettingError, message
from harness.files import check_place, exists, locked
from harness.library.live import Count
from harness.machine import cores

MOST_THREADS = 1_024


def check_ending(to: Path, suffix: str) -> None:
    """Raise unless a file of weights has the ending of such files."""
    if to.suffix != suffix:
        hint, got = "Add the ending", to.name or str(to)
        raise SettingError(message(f"file {to}", expected=f"a name that ends in {suffix}", got=got, hint=hint))


def check_file(to: Path, partial: Path) -> None:
    """Raise unless the file can be written, and is new or has an unfinished training."""
    check_place(to)
    if exists(to) and not exists(partial):
        hint = "Choose another name, or delete it"
        raise SettingError(message(f"file {to}", expected="a new file", got="one that exists already", hint=hint))


@contextmanager
def alone(to: Path, partial: Path) -> Iterator[None]:
    """Keep other processes from training for the same file at once: each would replace what the other saves.

    Raises:
        SettingError: one does, or the folder cannot be written to.
    """
    path, hint = partial.with_name(f"{partial.name}.lock"), "Wait until it ends, or choose another file"
    with locked(path, f"training for {to}", hint=hint, error=SettingError):
        for left in partial.parent.glob(f"{glob.escape(partial.name)}.*"):  # of a process that was killed as it saved
            if left.suffix[1:].isdecimal():
                left.unlink(missing_ok=True)
        try:
            yield
        finally:
            with suppress(OSError):  # as on Windows, where a file that is open cannot be deleted
                path.unlink(missing_ok=True)


def thread_count(given: int | str) -> int:
    """Return the number of threads.

    Raises:
        SettingError: it is neither ``auto`` nor a number in range.
    """
    if given == "auto":
        return cores()
    text = str(given)
    if isinstance(given, bool) or not text.isdecimal() or not 1 <= int(text[:9]) <= MOST_THREADS:
        hint = "Give one of these"
        expected = f"auto or a number from 1 to {MOST_THREADS:,}"
        raise SettingError(message("threads", expected=expected, got=repr(given), hint=hint))
    return int(text)


def silent(_done: int, _total: int, _note: str = "", /) -> None:
    """Show nothing."""


def reporting(show: Count, stop: Callable[[], bool]) -> Callable[[Any], bool]:
    """Return what a training reports to: it shows progress, and says whether the user asked to stop."""

    def report(progress: Any) -> bool:
        best = "" if progress.best == float("inf") else f", best {progress.best:.4g}"
        show(progress.done, progress.total, progress.note + best)
        return stop()

    return report
