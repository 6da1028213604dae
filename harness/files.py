"""Files that are written completely or not at all, locks, and text that can always be written."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import HarnessError, LedgerError, message


def unicode_text(text: str) -> str:
    """Return text that UTF-8 can encode: bytes of file names that are not UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def write_whole(path: Path, content: bytes) -> None:
    """Write content to a file, replacing it: readers see the old file or the new one, never a part of one.

    Raises:
        HarnessError: it cannot be written; nothing is left behind.
    """
    try:
        place = _place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        _replace(place, content)
    except OSError as cause:
        raise _unwritable(path, cause) from cause


def check_place(path: Path) -> None:
    """Raise unless a file can be written, as far as that can be checked before the work whose result it will hold.

    Raises:
        HarnessError: it cannot.
    """
    try:
        place = _place(path)
        folder = next(each for each in place.parents if each.exists())  # the others would be created
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as cause:
        raise _unwritable(path, cause) from cause


def exists(path: Path) -> bool:
    """Whether there is a file or folder.

    Raises:
        LedgerError: that cannot be known, since a folder on the way cannot be read, or the name is too long.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as cause:
        raise _unreadable(path, cause) from cause
    return True


def matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder whose names match a pattern, by name; none if there is no folder.

    Raises:
        LedgerError: the folder cannot be read; ``glob`` would find nothing in it.
    """
    if not exists(folder):
        return []
    try:
        os.scandir(folder).close()
    except NotADirectoryError:
        return []
    except OSError as cause:
        raise _unreadable(folder, cause) from cause
    return sorted(folder.glob(pattern))


def _unreadable(path: Path, cause: OSError) -> LedgerError:
    hint, got = "Allow reading it, or name another folder", cause.strerror or cause
    return LedgerError(message(str(path), expected="a file or folder that can be read", got=got, hint=hint))


@contextmanager
def locked(path: Path, what: str, *, hint: str, error: type[HarnessError]) -> Iterator[None]:
    """Keep other processes from doing the same at once, by a lock on a file.

    Args:
        path: the file; it is created, with its folder.
        what: what is done, for messages.
        hint: what to do while another process does it.
        error: the class of the error to raise.

    Raises:
        HarnessError: another process does it, or the file cannot be created.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock = FileLock(path).acquire(blocking=False)
        except Timeout as cause:
            # filelock also waits where a folder is there and yet no file can be created, as in /proc, because some file
            # systems say so for a moment. Then this raises the true reason.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o666))
            got = "another process running this already"
            raise error(message(what, expected="no other process", got=got, hint=hint)) from cause
    except OSError as cause:
        got, advice = cause.strerror or str(cause), "Check the path and its permissions"
        raise error(message(what, expected="a folder to write to", got=got, hint=advice)) from cause
    with lock:
        yield


@contextmanager
def waiting(path: Path, what: str, *, error: type[HarnessError]) -> Iterator[None]:
    """Wait until no other process does the same, by a lock on a file.

    Args:
        path: the file; it is created, with its folder.
        what: what is done, for messages.
        error: the class of the error to raise.

    Raises:
        HarnessError: the file cannot be created.
    """
    from filelock import FileLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path).acquire()
    except OSError as cause:
        got, advice = cause.strerror or str(cause), "Check the path and its permissions"
        raise error(message(what, expected="a folder to write to", got=got, hint=advice)) from cause
    with lock:
        yield


def _place(path: Path) -> Path:
    place = Path(os.path.realpath(path))  # through links
    if place.exists() and not place.is_file():
        raise OSError(errno.EINVAL, "no regular file")
    return place


def _unwritable(path: Path, cause: OSError) -> HarnessError:
    full = cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    expected, hint = "a place that can be written", "Check the path and its permissions"
    if full:
        expected, hint = "room on the disk", "Free some space and run the same command again"
    return HarnessError(message(f"file {path}", expected=expected, got=cause.strerror or cause, hint=hint))


def _replace(path: Path, content: bytes) -> None:
    beginning = os.fsencode(path.name)[:100].decode(errors="ignore")  # a file system limits bytes
    handle, unborn = tempfile.mkstemp(prefix=f".{beginning}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask  # that of an ordinary new file; mkstemp's is private
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
        os.chmod(unborn, mode)
        os.replace(unborn, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(unborn)
        raise
