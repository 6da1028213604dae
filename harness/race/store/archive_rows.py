"""Complete runs read from the store and written to it, each in one transaction."""

from __future__ import annotations

import dataclasses
import sqlite3

from harness.contracts import Status
from harness.errors import LedgerError, message
from harness.race.entry import Entry
from harness.race.store.archive import Archive, encode
from harness.race.store.rows import ENTRY_COLUMNS, RUN_COLUMNS, entry_cells, entry_from, run_from
from harness.race.store.sqlite import transaction
from harness.race.store.writer import SELECT_ENTRIES, SELECT_RUN, conditions, share

HELD = (  # CROSS JOIN: a run's few keys are looked up, and not all evaluations gone through
    "SELECT DISTINCT trials.key FROM trials CROSS JOIN evaluations ON evaluations.key = trials.key AND protocol = ? "
    "AND data = ? AND seed = ? AND environment = ? WHERE run = ?"
)


def stored_archive(connection: sqlite3.Connection, identity: str) -> Archive | None:
    """Return the full record of a run, or None if the store does not have it. Call it within one snapshot."""
    found = connection.execute(SELECT_RUN, (identity,)).fetchone()
    if found is None:
        return None
    row = run_from(found)
    entries = tuple(map(entry_from, connection.execute(SELECT_ENTRIES, (identity,))))
    conditions = (row.header.protocol.hash, row.header.data_fingerprint)
    held = connection.execute(HELD, (*conditions, row.header.child_seed, row.header.environment_hash, identity))
    return Archive(
        header=row.header,
        state=row.state,
        started=float(row.started),
        seconds=float(row.seconds),
        exhausted=row.exhausted,
        serves={entry.key for entry in entries if _serves(entry)} <= {key for (key,) in held},
        entries=entries,
    )


def insert_archive(writer: sqlite3.Connection, archive: Archive) -> bool:
    """Write a run that the store does not have, and its outcomes as evaluations for its own environment.

    Returns:
        Whether it was written; False if the store holds an identical run.

    Raises:
        LedgerError: the store holds the run with other content.
    """
    header = archive.header
    columns = ("run", *ENTRY_COLUMNS)
    trial = f"INSERT INTO trials ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    run = f"INSERT INTO runs ({', '.join(RUN_COLUMNS)}) VALUES ({', '.join('?' * len(RUN_COLUMNS))})"
    cells = (header.identity, header.to_json(), archive.state.value, archive.started, archive.seconds)
    with transaction(writer):
        held = stored_archive(writer, header.identity)
        if held is not None:
            # The store decides whether outcomes serve other runs: once an equal run has brought the same, these do,
            # too.
            if encode(dataclasses.replace(held, serves=archive.serves)) == encode(archive):
                return False
            raise LedgerError(_conflict(held, archive))
        writer.execute(run, (*cells, archive.exhausted))
        writer.executemany(trial, [(header.identity, *entry_cells(entry)) for entry in archive.entries])
        if archive.serves:
            share(writer, conditions(header), [entry for entry in archive.entries if _serves(entry)])
    return True


def _serves(entry: Entry) -> bool:
    """Whether other runs may use its outcome."""
    return entry.charged and entry.outcome is not None and entry.outcome.status is not Status.ERROR


def _conflict(held: Archive, archive: Archive) -> str:
    def told(run: Archive) -> str:
        done = sum(entry.outcome is not None for entry in run.entries)
        return f"{run.state}, {done} of {len(run.entries)} proposals complete"

    return message(
        f"run {archive.header.name}",
        expected="a run that the ledger does not have",
        got=f"one that it has with other content ({told(held)}; the file: {told(archive)})",
        hint="Import it into another folder with --results",
    )
