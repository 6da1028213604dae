"""The process that a command runs in: its standard streams, Ctrl-C, its module path, and its exit status."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from harness.cli.terminal.output import complain
from harness.errors import HarnessError, message

if TYPE_CHECKING:
    from typing_extensions import Buffer

INTERRUPTED = 130  # 128 + SIGINT, as in shells
SHOW_CURSOR = b"\x1b[?25h"  # which a progress bar may have hidden
MAIN_SCREEN = b"\x1b[?1049l"
AGAIN_SECONDS = 0.05  # before an interrupt that could not be raised is raised again


@contextmanager
def as_command() -> Iterator[None]:
    """Run one command and exit: with its own status, with a one-line message for an expected error, or as interrupted.

    Raises:
        SystemExit: always, with the status.
    """
    interrupts = Interrupts()
    try:
        interrupts.take()
        open_streams()
        find_modules_here()
        yield
    except BaseException as cause:
        status = _status(cause)
        if status is None:
            raise
        sys.exit(status)
    finally:
        interrupts.end_at_once()


def _status(cause: BaseException) -> int | None:
    """Return the exit status for what ended the command, after one line to the user if needed; None for a bug."""
    if isinstance(cause, SystemExit) and cause.code in (None, 0, INTERRUPTED):
        return cause.code or 0
    if _from_an_interrupt(cause):
        complain("interrupted")
        return INTERRUPTED
    if isinstance(cause, HarnessError):
        complain(str(cause))
        return cause.exit_code
    return None


def _from_an_interrupt(cause: BaseException | None) -> bool:
    """Whether an interrupt ended the command, even if it was turned into another exception on its way."""
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, KeyboardInterrupt):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


class Interrupts:
    """Ctrl-C in this process: the first raises an exception, so that everything is closed; the next ends it at once.

    The first also ends the process at once if nothing can be raised safely; this does not harm the store.
    """

    def __init__(self) -> None:
        self._taken = False

    def take(self) -> None:
        """Handle Ctrl-C from now on, unless the process was started to ignore it, as ``nohup`` does."""
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return
        try:
            signal.signal(signal.SIGINT, self._first)
        except ValueError:  # only the main thread can handle signals
            return
        self._taken = True
        before = sys.unraisablehook

        def unraised(found: sys.UnraisableHookArgs) -> None:
            if issubclass(found.exc_type, KeyboardInterrupt):
                self._raise_again()
            else:
                before(found)

        sys.unraisablehook = unraised

    def end_at_once(self) -> None:
        """Let Ctrl-C end the process silently: the work is done, and only the exit is left."""
        if self._taken:
            signal.signal(signal.SIGINT, _at_once)

    def _first(self, number: int, frame: FrameType | None) -> None:
        if _imports(frame):
            _at_once(number, frame)
        signal.signal(signal.SIGINT, _at_once)
        raise KeyboardInterrupt

    def _raise_again(self) -> None:
        """Raise the interrupt again, since Python drops exceptions in destructors and weak-reference callbacks."""
        import _thread
        import threading
        from functools import partial

        signal.signal(signal.SIGINT, self._first)
        press = _thread.interrupt_main  # a fallback: it does not wake a main thread that waits
        if hasattr(signal, "pthread_kill"):
            press = partial(signal.pthread_kill, threading.get_ident(), signal.SIGINT)
        again = threading.Timer(AGAIN_SECONDS, press)
        again.daemon = True
        again.start()


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported: raising an interrupt in C++ code, such as torch's, aborts the process."""
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


_undoing = [SHOW_CURSOR]  # restores the terminal


@contextmanager
def taken_screen() -> Iterator[None]:
    """Have a process that ends at once restore the terminal's own screen, too."""
    _undoing.insert(0, MAIN_SCREEN)
    try:
        yield
    finally:
        _undoing.remove(MAIN_SCREEN)


def _at_once(_number: int, _frame: FrameType | None) -> None:
    with suppress(OSError):
        for number in (1, 2):
            if os.isatty(number):
                os.write(number, b"".join(_undoing))
                break
        os.write(2, b"harness: interrupted\n")
    os._exit(INTERRUPTED)


def open_streams() -> None:
    """Make sure that printing never fails.

    A closed stream becomes the null device; otherwise the next file opened, such as the store, would get its number and
    the printed text. A stream that fails becomes the null device, too; if it is standard output, one line says so.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = _guarded(sys.stdout, 1, errors="backslashreplace")  # for characters that the encoding lacks
    sys.stderr = _guarded(sys.stderr, 2, errors="backslashreplace")


def _guarded(stream: TextIO | None, number: int, *, errors: str) -> TextIO:
    """Return the stream over an ``Output``; unchanged if it is not the process's own, as in a test or a notebook."""
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(Output(number)), encoding="utf-8", errors=errors)
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors=errors)
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if type(raw) is not io.FileIO or raw.fileno() != number:
        return stream
    output = Output(number)
    return io.TextIOWrapper(
        output if raw is stream.buffer else io.BufferedWriter(output),  # as Python's -u does
        encoding=stream.encoding,
        errors=errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class Output(io.FileIO):
    """A standard stream that fails at most once, and is the null device from then on.

    A message that cannot be written to standard error is no reason to end a search.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)

    def write(self, data: Buffer, /) -> int:
        """Write bytes.

        Raises:
            BrokenPipeError: nobody reads standard output any longer.
            HarnessError: standard output cannot be written.
        """
        size = memoryview(data).nbytes
        try:
            return super().write(data) if size else 0  # Typer tests a stream by writing nothing, and drops exceptions
        except OSError as cause:
            number = self.fileno()
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, number)
            os.close(null)
            if number == 2:
                return size
            if isinstance(cause, BrokenPipeError):
                raise
            got, hint = cause.strerror or str(cause), "Free some space, or print elsewhere"
            text = message("standard output", expected="room for what is printed", got=got, hint=hint)
            raise HarnessError(text) from cause


def find_modules_here() -> None:
    """Find modules in the current folder, as ``python -m harness`` does, but after all others, so as to hide none."""
    if sys.flags.safe_path:  # the user has asked Python not to
        return
    with suppress(OSError):  # the folder is gone
        here = os.getcwd()
        if here not in sys.path and "" not in sys.path:
            sys.path.append(here)
