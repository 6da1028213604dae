"""How pytest was started decides nothing: what ``nohup`` and ``&`` ignore, and every process inherits, is undone."""

from __future__ import annotations

import signal
import subprocess
import sys

POLITE = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
IGNORED = "import signal; print([number for number in range(1, 32) if signal.getsignal(number) is signal.SIG_IGN])"


def ignore_all() -> None:
    for number in POLITE:
        signal.signal(number, signal.SIG_IGN)


def test_a_process_that_a_test_starts_ignores_what_python_does_alone() -> None:
    done = subprocess.run([sys.executable, "-c", IGNORED], capture_output=True, text=True, check=True)
    assert done.stdout == f"{sorted(int(number) for number in (signal.SIGPIPE, signal.SIGXFSZ))}\n"


def test_that_holds_where_pytest_itself_was_told_to_ignore_them() -> None:
    inner = f"{__file__}::{test_a_process_that_a_test_starts_ignores_what_python_does_alone.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", inner]
    done = subprocess.run(command, preexec_fn=ignore_all, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
