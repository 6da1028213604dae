"""How the store's file is opened, and how its errors become one clear line.

The store is one SQLite file in WAL mode: readers see the last commit while writers write. Writers wait for each other
up to ``PATIENCE_SECONDS``. A commit reaches the operating system before it returns, so a killed process loses nothing.
A flushed commit, and all before it, is also on disk, so a power failure loses nothing either. Trials are flushed before
the searcher hears of them (law 6). That is one wait for the disk per batch; a wait per commit would take longer than a
small child.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from filelock import Timeout

from harness.errors import LedgerError, message

PATIENCE_SECONDS = 60.0
_MERGE_SECONDS = 1.0
SYNCHRONOUS = {False: "NORMAL", True: "FULL"}  # by whether a commit is flushed
_UNREADABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR)
_FULL = "Free some space, then run the same command again to resume; what is written stays readable"
_ACCESS = "Check the permissions, or choose another folder with --results"


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn every SQLite and file-system error inside into a ``LedgerError`` that says what to do.

    Raises:
        LedgerError: the store at ``path`` cannot be read or written.
    """
    try:
        yield
    except sqlite3.Error as cause:
        raise LedgerError(_sqlite_trouble(path, cause)) from cause
    except UnicodeDecodeError as cause:  # from sqlite3, if names or messages hold invalid bytes
        raise LedgerError(_damaged(path, "text that is not UTF-8")) from cause
    except OSError as cause:
        raise LedgerError(_file_trouble(path, cause)) from cause


@contextmanager
def transaction(connection: sqlite3.Connection, *, flush: bool = True) -> Iterator[None]:
    """Run all statements inside, or none of them; waits for its turn to write.

    Args:
        connection: the connection of a writer.
        flush: whether to return only when this commit and all before it are on disk.
    """
    connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[flush]}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Read everything inside as of one moment; readers never block writers."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the file for writing, creating an empty one if there is none, and return the connection."""
    connection = sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None)
    connection.execute("PRAGMA fullfsync = 1")  # on macOS, where fsync alone leaves data in the disk's cache
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the file for reading only, and return the connection.

    A WAL reader needs a small index file beside the store. If it cannot be created (on a read-only or full disk) and no
    writer has left unmerged commits, the store is read as an immutable file.
    """
    try:
        return _opened(path, "mode=ro")
    except sqlite3.OperationalError as cause:
        place = path.resolve()  # SQLite keeps a journal beside the file, not beside a link to it
        journal = place.with_name(place.name + "-wal")
        unmerged = journal.exists() and journal.stat().st_size > 0
        if cause.sqlite_errorcode & 0xFF not in _UNREADABLE or unmerged or not path.is_file():
            raise
        return _opened(path, "immutable=1")


def merge_journal(connection: sqlite3.Connection) -> None:
    """Merge all commits into the file, so that it can be copied alone; what cannot be merged now stays in the journal.

    The last connection to close does this anyway, but it may be a reader, which writes nothing.
    """
    with suppress(sqlite3.Error):
        connection.execute(f"PRAGMA busy_timeout = {int(1000 * _MERGE_SECONDS)}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def quick_check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise unless the file is intact, so that nothing is ever written to a damaged one.

    Raises:
        LedgerError: it is damaged.
    """
    finding = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if finding != "ok":
        raise LedgerError(_damaged(path, finding))


def _opened(path: Path, query: str) -> sqlite3.Connection:
    uri = f"file:{quote(os.fsencode(path.absolute()))}?{query}"
    connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE_SECONDS, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opening alone reads nothing
    except BaseException:
        connection.close()
        raise
    return connection


def _sqlite_trouble(path: Path, cause: sqlite3.Error) -> str:
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    text = f"{getattr(cause, 'sqlite_errorname', type(cause).__name__)} ({cause})"
    what = f"ledger {path}"
    if code == sqlite3.SQLITE_FULL:
        return message(what, expected="room on the disk", got="a full disk", hint=_FULL)
    if code == sqlite3.SQLITE_IOERR:
        hint = f"Check the disk: full, over quota or failing. {_FULL}"
        return message(what, expected="a disk that can be read and written", got=text, hint=hint)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return message(what, expected="a folder and file that can be opened", got=text, hint=_ACCESS)
    if code == sqlite3.SQLITE_NOTADB:
        hint = "Move it away, or choose another folder with --results"
        return message(what, expected="one that this program wrote", got="another file", hint=hint)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        hint = "Look for a suspended process that has the ledger open"
        return message(what, expected=f"a turn within {PATIENCE_SECONDS:.0f} seconds", got=text, hint=hint)
    return _damaged(path, text)


def _damaged(path: Path, finding: str) -> str:
    hint = (
        "Restore a copy, without the -wal file of another one beside it, or save what is left with: "
        "sqlite3 FILE .recover"
    )
    return message(f"ledger {path}", expected="an intact one", got=f"a damaged one: {finding}", hint=hint)


def _file_trouble(path: Path, cause: OSError) -> str:
    if isinstance(cause, Timeout):
        hint = f"If no other harness is starting, remove {cause.lock_file}"
        return message(f"ledger {path}", expected="its turn to be opened", got="no turn within a minute", hint=hint)
    got = cause.strerror or str(cause)
    if cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return message(f"ledger {path}", expected="room on the disk", got=got, hint=_FULL)
    where = os.fspath(cause.filename) if isinstance(cause.filename, str | os.PathLike) else path.parent
    return message(
        f"ledger {path}", expected="a folder that can be read and written", got=f"{got}: {where}", hint=_ACCESS
    )
