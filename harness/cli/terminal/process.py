"""The process that a command runs in: its standard streams, Ctrl-C, where it finds modules, and its exit status."""

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

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
SHOW_CURSOR = b"\x1b[?25h"  # which a progress bar may have hidden
MAIN_SCREEN = b"\x1b[?1049l"
AGAIN_SECONDS = 0.05  # until an interrupt that could not be raised is raised again


@contextmanager
def as_command() -> Iterator[None]:
    """Run one command and exit: with its own status, with one line for an expected failure, or as interrupted.

    Raises:
        SystemExit: with the status.
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
    """The exit status for what ended the command, said in one line where the user was not told; None for a bug."""
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
    """Whether an interrupt ended the command: raised as it is, or turned into something else on its way."""
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, KeyboardInterrupt):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


class Interrupts:
    """Ctrl-C in this process: the first is raised, so that all is closed as it should be; the next ends it at once.

    So does the first where nothing can be raised safely; the store takes no harm from that.
    """

    def __init__(self) -> None:
        self._taken = False

    def take(self) -> None:
        """Hear Ctrl-C from now on, unless whoever started the process has it ignored, as ``nohup`` does."""
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return
        try:
            signal.signal(signal.SIGINT, self._first)
        except ValueError:  # not the main thread, which alone hears signals
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
        """Let Ctrl-C end the process without a word from whatever still runs: all is done and only exits."""
        if self._taken:
            signal.signal(signal.SIGINT, _at_once)

    def _first(self, number: int, frame: FrameType | None) -> None:
        if _imports(frame):
            _at_once(number, frame)
        signal.signal(signal.SIGINT, _at_once)
        raise KeyboardInterrupt

    def _raise_again(self) -> None:
        """Python drops what is raised in a destructor or the callback of a weak reference, and prints a traceback."""
        import _thread
        import threading
        from functools import partial

        signal.signal(signal.SIGINT, self._first)
        press = _thread.interrupt_main  # which wakes no main thread that waits, and so only where there is no better
        if hasattr(signal, "pthread_kill"):
            press = partial(signal.pthread_kill, threading.get_ident(), signal.SIGINT)
        again = threading.Timer(AGAIN_SECONDS, press)
        again.daemon = True
        again.start()


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported: where C++ is, as in torch, an interrupt that is raised aborts the process."""
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


_undoing = [SHOW_CURSOR]  # what gives a terminal back as it was


@contextmanager
def taken_screen() -> Iterator[None]:
    """Have a process that ends at once give back the terminal's own screen, too."""
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
    """See to it that whatever is printed can be printed.

    A stream that is closed is the null device: else the next file opened, such as the store, would take its number and
    get what is printed. One that fails is said so in one line if it is standard output, and is the null device then.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = _guarded(sys.stdout, 1, errors="backslashreplace")  # for a letter that the encoding lacks
    sys.stderr = _guarded(sys.stderr, 2, errors="backslashreplace")


def _guarded(stream: TextIO | None, number: int, *, errors: str) -> TextIO:
    """The stream over an ``Output``; as it is if it is none of the process's own, as in a test or a notebook."""
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
    """A standard stream that fails once, and is the null device from then on.

    Remarks that cannot be written to standard error are no reason to end a search.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)

    def write(self, data: Buffer, /) -> int:
        """Write bytes.

        Raises:
            BrokenPipeError: nobody reads standard output any more.
            HarnessError: standard output cannot be written.
        """
        size = memoryview(data).nbytes
        try:
            return super().write(data) if size else 0  # Typer tries a stream with nothing, and drops what is raised
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
    """Find modules in the current folder, as ``python -m harness`` does, but after all others, to hide none."""
    if sys.flags.safe_path:  # the user has asked Python not to
        return
    with suppress(OSError):  # the folder is gone
        here = os.getcwd()
        if here not in sys.path and "" not in sys.path:
            sys.path.append(here)
