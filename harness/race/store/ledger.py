"""The store: every run, proposal and evaluation in one SQLite file, crash-safe, many readers (law 6).

::

    with Ledger.open(folder) as ledger, ledger.begin(header) as run:   # one writer per run, any number of runs at once
        run.propose(entries)                  # before their children train
        run.complete(entries)                 # before the searcher hears of them
        run.finish(RunState.FINISHED)
    Ledger.read(folder).results()             # any time, from any process, while runs write

One process at a time works on a run. It holds a lock file, which the operating system releases however the process
ends.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, TypedDict

from filelock import FileLock, Timeout

from harness.contracts import Outcome
from harness.errors import LedgerError, message
from harness.race.entry import Entry
from harness.race.header import ConfirmationHeader, RunHeader, TransferHeader
from harness.race.runs import Judged, Results, RunRecord, RunResults, RunState
from harness.race.store import schema, sqlite
from harness.race.store.archive import Archive
from harness.race.store.archive_rows import insert_archive, stored_archive
from harness.race.store.rows import (
    ENTRY_COLUMNS,
    LATER_COLUMNS,
    RESULT_COLUMNS,
    RUN_COLUMNS,
    RunRow,
    entry_from,
    results_from,
    run_from,
)
from harness.race.store.sqlite import guarded, snapshot
from harness.race.store.writer import SELECT_ENTRIES, SELECT_RUN, RunWriter, conditions, evaluation_under

FILE_NAME = "ledger.sqlite"
LOCK_FOLDER = "locks"
_LOCK_PATIENCE_SECONDS = 2.0  # a reader that checks whether a run is active holds its lock for an instant


class Ledger:
    """A store in a results folder. Use ``open`` to write runs to it and ``read`` to read it."""

    def __init__(self, folder: Path, writer: sqlite3.Connection | None) -> None:
        self.folder = folder.absolute()  # a searcher, or whoever calls, may change the current folder
        self.path = self.folder / FILE_NAME
        self._writer = writer

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a store for writing; it is created if there is none, and migrated if an older version wrote it.

        Raises:
            LedgerError: the folder cannot be written, or its store is damaged, newer, or not ours.
        """
        folder = Path(folder)
        path = folder / FILE_NAME
        with guarded(path):
            folder.mkdir(parents=True, exist_ok=True)
            with _store_lock(folder):
                if not path.exists():
                    _check_vacant(path)
                    _create(path)
                writer = sqlite.connect_writer(path)
                try:
                    schema.migrate(writer, path)
                    sqlite.quick_check(writer, path)
                except BaseException:
                    writer.close()
                    raise
        return cls(folder, writer)

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Open a store for reading, which never disturbs its writers; an older version's store is migrated first.

        Raises:
            LedgerError: there is no store, or it cannot be read.
        """
        folder = Path(folder)
        path = folder / FILE_NAME
        if not cls.exists(folder):
            hint = "Name the folder with --results, or start a run there"
            if (folder / "blackbox").is_dir() or (folder / "learned").is_dir():
                hint = "`harness report` shows the contests or comparisons that it holds; for runs, name another folder"
            raise LedgerError(message(f"results folder {folder}", expected="a ledger", got="none", hint=hint))
        ledger = cls(folder, None)
        with guarded(path), ledger._reading() as connection:
            version = schema.stored_version(connection, path)
        if version < schema.VERSION:
            cls.open(folder).close()
        return ledger

    @staticmethod
    def exists(folder: str | Path) -> bool:
        """Whether the folder holds a store, readable or not.

        Raises:
            LedgerError: the folder cannot be read.
        """
        path = Path(folder) / FILE_NAME
        with guarded(path):
            return path.exists()

    def close(self) -> None:
        """Close the file, so that it is complete without its journal even if a reader still has it open."""
        if self._writer is not None:
            with guarded(self.path):
                sqlite.merge_journal(self._writer)
                self._writer.close()
            self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(self, header: RunHeader) -> RunWriter:
        """Start a run, or resume it if its identity is known, and return its writer.

        Raises:
            LedgerError: another process is working on it, or it was made in another environment or by another version
                of its searcher.
        """
        assert self._writer is not None, "a ledger opened for reading cannot begin a run"
        lock = FileLock(self._lock_path(header.identity))
        with guarded(self.path):
            lock_folder = self.folder / LOCK_FOLDER
            lock_folder.mkdir(exist_ok=True)
            try:
                lock.acquire(timeout=_LOCK_PATIENCE_SECONDS, poll_interval=0.01)
            except Timeout as cause:
                hint = "Wait until it ends or stop it, then run the same command again to resume"
                what = f"run {header.name}"
                got = "another process running this already"
                raise LedgerError(message(what, expected="no other process", got=got, hint=hint)) from cause
        try:
            with guarded(self.path):
                return RunWriter(self._writer, self.path, header, lock)
        except BaseException:
            lock.release()
            raise

    def runs(self) -> list[RunRecord]:
        """Return every run with its completed trials, in the order in which the runs began.

        Raises:
            LedgerError: the store cannot be read.
        """
        entries: dict[str, list[Entry]] = {}
        with guarded(self.path), self._reading() as connection, snapshot(connection):
            query = f"SELECT run, {', '.join(ENTRY_COLUMNS)} FROM trials WHERE status IS NOT NULL ORDER BY run, number"
            for identity, *cells in connection.execute(query):
                entries.setdefault(identity, []).append(entry_from(cells))
            rows = _run_rows(connection)
        return [self._record(row, entries.pop(row.identity, [])) for row in rows]

    def results(self) -> list[RunResults]:
        """Return every run with only the results of its completed trials, for boards, in the order in which they began.

        Raises:
            LedgerError: the store cannot be read.
        """
        with guarded(self.path), self._reading() as connection, snapshot(connection):
            read = [(row, _results(connection, row)) for row in _run_rows(connection)]
        return [RunResults(**self._run(row), results=results) for row, results in read]

    def confirmations(self) -> list[RunRecord]:
        """Return every run that confirms rules, with its completed trials, in the order in which the runs began.

        Raises:
            LedgerError: the store cannot be read.
        """
        return self._records(ConfirmationHeader)

    def transfers(self) -> list[RunRecord]:
        """Return every run that trains on a workload, with its completed trials, in the order in which the runs began.

        Raises:
            LedgerError: the store cannot be read.
        """
        return self._records(TransferHeader)

    def _records(self, kind: type[RunHeader]) -> list[RunRecord]:
        """Return every run of a kind with its completed trials."""
        with guarded(self.path), self._reading() as connection, snapshot(connection):
            rows = [row for row in _run_rows(connection) if isinstance(row.header, kind)]
            read = [(row, _entries(connection, row)) for row in rows]
        return [self._record(row, entries) for row, entries in read]

    def _record(self, row: RunRow, entries: Sequence[Entry]) -> RunRecord:
        trials, keys = tuple(each.trial for each in entries), tuple(each.key for each in entries)
        return RunRecord(**self._run(row), trials=trials, keys=keys)

    def judged(self) -> list[Judged]:
        """Return a snapshot of all runs in the order in which they began; confirmations and transfers with all trials.

        Raises:
            LedgerError: the store cannot be read.
        """
        with guarded(self.path), self._reading() as connection, snapshot(connection):
            return [
                self._record(row, _entries(connection, row))
                if isinstance(row.header, ConfirmationHeader | TransferHeader)
                else RunResults(**self._run(row), results=_results(connection, row))
                for row in _run_rows(connection)
            ]

    def _run(self, row: RunRow) -> _RunFields:
        """Return the fields that all records of a run share."""
        return {
            "header": row.header,
            "state": row.state,
            "active": row.state is RunState.RUNNING and self._locked(row.identity),
            "started": row.started,
            "seconds": row.seconds,
        }

    def rows(self) -> list[RunRow]:
        """Return every run without its proposals, in the order in which the runs began.

        Raises:
            LedgerError: the store cannot be read.
        """
        with guarded(self.path), self._reading() as connection:
            return _run_rows(connection)

    def archive(self, identity: str) -> Archive:
        """Return a snapshot of a run with its full record.

        Raises:
            LedgerError: the run is unknown.
        """
        with guarded(self.path), self._reading() as connection, snapshot(connection):
            found = stored_archive(connection, identity)
        return found if found is not None else _unknown(identity)

    def adopt(self, archive: Archive) -> bool:
        """Import a run from elsewhere, completely or not at all.

        Returns:
            Whether it was written; False if the store holds an identical run.

        Raises:
            LedgerError: the store holds the run with other content, or cannot be written.
        """
        assert self._writer is not None, "a ledger opened for reading cannot import a run"
        with guarded(self.path):
            return insert_archive(self._writer, archive)

    def evaluation(self, header: RunHeader, key: str) -> Outcome | None:
        """Return what a rule with this key earned under the header's conditions in any run; None if untrained."""
        with guarded(self.path), self._reading() as connection:
            return evaluation_under(connection, key, conditions(header))

    def dump(self, identity: str) -> str:
        """Return everything in a run's record that a repetition must reproduce: all but times and provenance.

        Returns:
            JSON Lines: the run, then its proposals in order.

        Raises:
            LedgerError: the run is unknown.
        """
        with guarded(self.path), self._reading() as connection, snapshot(connection):
            run = connection.execute(SELECT_RUN, (identity,)).fetchone()
            rows = connection.execute(SELECT_ENTRIES, (identity,)).fetchall()
        if run is None:
            _unknown(identity)
        _, text, state, _, _, exhausted = run
        header = json.loads(text)
        del header["provenance"]
        lines: list[dict[str, object]] = [{"header": header, "state": state, "exhausted": exhausted}]
        for row in rows:
            fields = dict(zip(ENTRY_COLUMNS, row, strict=True))
            del fields["seconds"]
            unused = {
                name for name in LATER_COLUMNS if fields[name] is None
            }  # a line stays as it was before they existed
            lines.append({name: value for name, value in fields.items() if name not in unused})
        return "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._writer is not None:
            yield self._writer
            return
        connection = sqlite.connect_reader(self.path)
        try:
            yield connection
        finally:
            connection.close()

    def _lock_path(self, identity: str) -> Path:
        return self.folder / LOCK_FOLDER / f"{identity}.lock"

    def _locked(self, identity: str) -> bool:
        path = self._lock_path(identity)
        try:
            if not path.exists():
                return False
            with FileLock(path).acquire(blocking=False):
                return False
        except Timeout:
            return True
        except OSError:
            return False  # a reader without permission for the lock cannot know


class _RunFields(TypedDict):
    header: RunHeader
    state: RunState
    active: bool
    started: float
    seconds: float


def _unknown(identity: str) -> NoReturn:
    hint = "List the runs with `harness runs`"
    raise LedgerError(message("run", expected="one that the ledger holds", got=identity, hint=hint))


def _run_rows(connection: sqlite3.Connection) -> list[RunRow]:
    query = f"SELECT {', '.join(RUN_COLUMNS)} FROM runs ORDER BY started, identity"
    return [run_from(cells) for cells in connection.execute(query)]


def _results(connection: sqlite3.Connection, row: RunRow) -> Results:
    query = f"SELECT {', '.join(RESULT_COLUMNS)} FROM trials WHERE run = ? AND status IS NOT NULL ORDER BY number"
    return results_from(connection.execute(query, (row.identity,)).fetchall())


def _entries(connection: sqlite3.Connection, row: RunRow) -> list[Entry]:
    query = f"SELECT {', '.join(ENTRY_COLUMNS)} FROM trials WHERE run = ? AND status IS NOT NULL ORDER BY number"
    return [entry_from(cells) for cells in connection.execute(query, (row.identity,))]


def _store_lock(folder: Path) -> FileLock:
    """Return the lock for creation and migration by one process at a time; SQLite handles everything else."""
    (folder / LOCK_FOLDER).mkdir(exist_ok=True)
    return FileLock(folder / LOCK_FOLDER / "store.lock", timeout=sqlite.PATIENCE_SECONDS)


def _check_vacant(path: Path) -> None:
    """Raise if a new store would take over the journal of one that is gone, which SQLite would write into it.

    Raises:
        LedgerError: there is one with commits, or a link to a store that is not there.
    """
    what, journal = f"ledger {path}", path.with_name(path.name + "-wal")
    if path.is_symlink():
        got, hint = f"a link to {os.readlink(path)}, which is not there", "Mount the disk, or delete the link"
        raise LedgerError(message(what, expected="a file", got=got, hint=hint))
    if journal.exists() and journal.stat().st_size > 0:
        got, hint = f"{journal.name} alone, the journal of one", "Move it to where its ledger is, or delete it"
        raise LedgerError(message(what, expected="the ledger, or nothing of one", got=got, hint=hint))


def _create(path: Path) -> None:
    """Create the store beside its place and move it there when complete, so that readers never see a part of it."""
    unborn = path.with_name(path.name + ".new")
    _remove(unborn)
    try:
        connection = sqlite.connect_writer(unborn)
        try:
            schema.create(connection)
        finally:
            connection.close()
        os.replace(unborn, path)
    finally:
        with suppress(OSError):
            _remove(unborn)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
