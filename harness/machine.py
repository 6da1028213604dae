"""What this machine can train on: its cores, and devices by name."""

from __future__ import annotations

import os

from harness.contracts import CPU
from harness.errors import SettingError, message

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
    kind, colon, index = name.partition(":")
    numbered = index.isdecimal() and len(index) <= _MOST_DIGITS
    if name != CPU and (kind != "cuda" or (colon and not numbered)):
        expected = "cpu, or cuda if there is a GPU"
        raise SettingError(message("device", expected=expected, got=repr(name), hint="Name one of these"))
