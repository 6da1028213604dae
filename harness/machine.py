"""What the program runs on: cores, devices by name, and a terminal.

Results go to standard output and messages to standard error, so that pipes stay clean.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from harness.errors import SettingError, message

if TYPE_CHECKING:
    from rich.console import Console

_MOST_DIGITS = 4  # of a device's number


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def workers_of_gpu(*, asynchronous: bool) -> int:
    """Return how many processes train on a GPU by default: two if a searcher is told results as they finish.

    While one of them trains a stack of children, the searcher is told what the other has trained, and asked for more.
    """
    return 2 if asynchronous else 1


def check_device(name: str) -> None:
    """Raise unless a text names a device, whether or not this machine has it.

    Raises:
        SettingError: it does not name a device.
    """
    from harness.contracts import CPU  # not needed to print a line

    kind, colon, index = name.partition(":") if isinstance(name, str) else ("", "", "")
    numbered = index.isdecimal() and len(index) <= _MOST_DIGITS
    if not isinstance(name, str) or (name != CPU and (kind != "cuda" or (colon and not numbered))):
        expected = "cpu, or cuda if there is a GPU"
        raise SettingError(message("device", expected=expected, got=repr(name), hint="Name one of these"))


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
