"""The right to write one run: what the loop holds while it works.

The loop promises the order: ``propose`` before a child trains, ``complete`` and ``flush`` before the searcher hears of
it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock

from harness.contracts import ARITHMETIC, Outcome, Status
from harness.errors import LedgerError, message
from harness.race.entry import Entry, Source
from harness.race.header import RunHeader
from harness.race.runs import RunState
from harness.race.store.rows import (
    ENTRY_COLUMNS,
    OUTCOME_COLUMNS,
    RUN_COLUMNS,
    entry_cells,
    entry_from,
    outcome_cells,
    outcome_from,
    run_from,
)
from harness.race.store.sqlite import guarded, transaction
from harness.space.expression import FIRST_LANGUAGE

EVALUATION_KEY = ("key", "protocol", "data", "seed", "environment")
SHARE_COLUMNS = (*EVALUATION_KEY, *OUTCOME_COLUMNS)
SHARE = f"INSERT OR IGNORE INTO evaluations ({', '.join(SHARE_COLUMNS)}) VALUES ({', '.join('?' * len(SHARE_COLUMNS))})"
SELECT_ENTRIES = f"SELECT {', '.join(ENTRY_COLUMNS)} FROM trials WHERE run = ? ORDER BY number"
SELECT_RUN = f"SELECT {', '.join(RUN_COLUMNS)} FROM runs WHERE identity = ?"


class RunWriter:
    """The right to write one run. ``Ledger.begin`` gives it; ``close`` gives it back.

    Attributes:
        header: as first begun, whose provenance stays.
        recorded: the proposals that earlier processes wrote, in order.
        state: where earlier processes left the run.
        exhausted: the logical step at which the searcher had nothing left to propose; None if it never happened.
    """

    def __init__(self, writer: sqlite3.Connection, path: Path, header: RunHeader, lock: FileLock) -> None:
        self._writer = writer
        self._path = path
        self._lock = lock
        self._begun = time.monotonic()
        with transaction(writer):
            writer.execute(
                "INSERT OR IGNORE INTO runs (identity, header, state, started) VALUES (?, ?, ?, ?)",
                (header.identity, header.to_json(), RunState.RUNNING.value, time.time()),
            )
            row = run_from(writer.execute(SELECT_RUN, (header.identity,)).fetchone())
            _check_pins(row.header, header)
            recorded = tuple(map(entry_from, writer.execute(SELECT_ENTRIES, (header.identity,))))
            if [entry.index for entry in recorded] != list(range(len(recorded))):
                hint = "The ledger is damaged: restore a copy"
                what = f"run {header.name}"
                raise LedgerError(message(what, expected="every proposal in turn", got="a gap", hint=hint))
            if row.state is not RunState.FINISHED:
                writer.execute(
                    "UPDATE runs SET state = ? WHERE identity = ?", (RunState.RUNNING.value, header.identity)
                )
        self.header = row.header
        self._conditions = conditions(row.header)
        self.recorded = recorded
        self.state = row.state
        self.exhausted = row.exhausted
        self._seconds_before = row.seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def seconds(self) -> float:
        """Wall time that processes have spent on the run, this one included."""
        return self._seconds_before + time.monotonic() - self._begun

    def evaluation(self, key: str) -> Outcome | None:
        """What a rule of this key earned in another run under the same conditions; None if nobody has trained it."""
        with guarded(self._path):
            return evaluation_under(self._writer, key, self._conditions)

    def propose(self, entries: Sequence[Entry]) -> None:
        """Write proposals down, pending or (duplicates, shared evaluations) complete; all or none of them.

        Raises:
            LedgerError: they cannot be written.
        """
        columns = ("run", *ENTRY_COLUMNS)
        statement = f"INSERT INTO trials ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        with guarded(self._path), transaction(self._writer, flush=False):
            self._writer.executemany(statement, [(self.header.identity, *entry_cells(entry)) for entry in entries])

    def complete(self, entries: Sequence[Entry]) -> None:
        """Write the outcomes of pending proposals, and of trained ones the evaluation; all or none of them.

        A trial that has an outcome keeps it: writing it a second time changes nothing. An evaluation that failed by
        error is not shared, as another machine or hour may do better.

        Raises:
            LedgerError: they cannot be written.
        """
        settings = ", ".join(f"{column} = ?" for column in ("told", *OUTCOME_COLUMNS))
        trial = f"UPDATE trials SET {settings} WHERE run = ? AND number = ? AND status IS NULL"
        trials, evaluations = [], []
        for entry in entries:
            cells = outcome_cells(entry.outcome)
            trials.append((entry.told, *cells, self.header.identity, entry.index))
            failed = entry.outcome is None or entry.outcome.status is Status.ERROR
            if entry.source is Source.TRAINED and not failed:
                evaluations.append((entry.key, *self._conditions, *cells))
        with guarded(self._path), transaction(self._writer, flush=False):
            self._writer.executemany(trial, trials)
            self._writer.executemany(SHARE, evaluations)

    def flush(self) -> None:
        """Wait until all that was written is on the disk.

        Raises:
            LedgerError: it cannot be written.
        """
        with guarded(self._path), transaction(self._writer):
            self._writer.execute("UPDATE runs SET seconds = ? WHERE identity = ?", (self.seconds, self.header.identity))

    def exhaust(self, step: int) -> None:
        """Write down that the searcher had nothing left to propose at a logical step."""
        with guarded(self._path), transaction(self._writer):
            self._writer.execute("UPDATE runs SET exhausted = ? WHERE identity = ?", (step, self.header.identity))
        self.exhausted = step

    def finish(self, state: RunState) -> None:
        """Leave the run in a state, with the wall time spent on it."""
        with guarded(self._path), transaction(self._writer):
            self._writer.execute(
                "UPDATE runs SET state = ?, seconds = ? WHERE identity = ?",
                (state.value, self.seconds, self.header.identity),
            )
        self.state = state

    def close(self) -> None:
        """Let another process work on the run."""
        self._lock.release()


def conditions(header: RunHeader) -> tuple[str | int, ...]:
    """The values of ``EVALUATION_KEY`` but for the rule's: what all evaluations of a run share."""
    return (header.protocol.hash, header.data_fingerprint, header.child_seed, header.environment_hash)


def share(writer: sqlite3.Connection, shared: tuple[str | int, ...], entries: Sequence[Entry]) -> None:
    """Let the outcomes of completed entries serve every run of the same ``conditions``; the first to come stays."""
    writer.executemany(SHARE, [(entry.key, *shared, *outcome_cells(entry.outcome)) for entry in entries])


def evaluation_under(connection: sqlite3.Connection, key: str, shared: tuple[str | int, ...]) -> Outcome | None:
    """What the store holds under a rule's key and the ``conditions`` of a header."""
    where = " AND ".join(f"{column} = ?" for column in EVALUATION_KEY)
    query = f"SELECT {', '.join(OUTCOME_COLUMNS)} FROM evaluations WHERE {where}"
    row = connection.execute(query, (key, *shared)).fetchone()
    return None if row is None else outcome_from(row)


def _check_pins(recorded: RunHeader, asked: RunHeader) -> None:
    """Refuse to go on with a run under conditions that could give its children other scores (law 5)."""
    before, now = ({"language": FIRST_LANGUAGE, **each.environment} for each in (recorded, asked))
    before["searcher version"], now["searcher version"] = str(recorded.searcher_version), str(asked.searcher_version)
    for name in sorted(before.keys() | now.keys(), key=lambda name: (name == ARITHMETIC, name)):
        if before.get(name) != now.get(name):
            raise LedgerError(
                message(
                    f"run {asked.name}, {name}",
                    expected=f"{before.get(name, 'none')}, as when it was begun",
                    got=now.get(name, "none"),
                    hint=_how_to_go_on(name, recorded=name in before),
                )
            )


def _how_to_go_on(name: str, *, recorded: bool) -> str:
    """What to do about a run that was begun under another ``name``."""
    anew = "begin the run anew in another folder with --results"
    if name != ARITHMETIC:
        return f"Go back to that, or {anew}"
    if not recorded:
        return (
            f"Older versions did not record how a machine rounds, so its scores cannot be mixed with new ones: {anew}"
        )
    return (
        "This machine now rounds otherwise, by its processor or by a variable such as MKL_CBWR or NUMBA_CPU_NAME: "
        f"go back to what it was, or {anew}"
    )
