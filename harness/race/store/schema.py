"""The tables of the store, and how a store of an older version is migrated to this one.

``PRAGMA user_version`` holds the schema version. ``MIGRATIONS[n]`` takes a store from version n to n + 1. A new store
goes through all of them, so that every test exercises them and not only the stored old files do.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from harness.errors import LedgerError, message
from harness.race.store.sqlite import quick_check, transaction

APPLICATION_ID = 0x6C656467  # "ledg": distinguishes our stores from other programs' SQLite files

# Stores of these versions exist: never edit these texts, but add a version.
_OUTCOME = """
    status TEXT, score REAL, learning_rate REAL, examples INTEGER, seconds REAL, sweep TEXT, curve TEXT, message TEXT
"""

_VERSION_1 = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    """CREATE TABLE runs (
        identity TEXT PRIMARY KEY,
        header TEXT NOT NULL,
        state TEXT NOT NULL,
        started REAL NOT NULL,
        seconds REAL NOT NULL DEFAULT 0,
        exhausted INTEGER
    ) WITHOUT ROWID""",
    f"""CREATE TABLE trials (
        run TEXT NOT NULL,
        number INTEGER NOT NULL,
        rule TEXT NOT NULL,
        key TEXT NOT NULL,
        charged INTEGER NOT NULL,
        asked INTEGER NOT NULL,
        told INTEGER,
        {_OUTCOME},
        PRIMARY KEY (run, number)
    ) WITHOUT ROWID""",
    f"""CREATE TABLE evaluations (
        key TEXT NOT NULL,
        protocol TEXT NOT NULL,
        data TEXT NOT NULL,
        seed INTEGER NOT NULL,
        {_OUTCOME},
        PRIMARY KEY (key, protocol, data, seed)
    ) WITHOUT ROWID""",
)

# 1 → 2: trials say where their outcome came from, which distinguishes a shared evaluation from a trained child; and an
# evaluation says in which environment it was made. Old evaluations do not, so they are kept but serve no run.
_VERSION_2 = (
    "ALTER TABLE trials ADD COLUMN source TEXT NOT NULL DEFAULT 'trained'",
    "UPDATE trials SET source = 'duplicate' WHERE NOT charged",
    "ALTER TABLE trials DROP COLUMN charged",
    "ALTER TABLE evaluations RENAME TO evaluations_1",
    f"""CREATE TABLE evaluations (
        key TEXT NOT NULL,
        protocol TEXT NOT NULL,
        data TEXT NOT NULL,
        seed INTEGER NOT NULL,
        environment TEXT NOT NULL,
        {_OUTCOME},
        PRIMARY KEY (key, protocol, data, seed, environment)
    ) WITHOUT ROWID""",
    """INSERT INTO evaluations
        SELECT key, protocol, data, seed, '', status, score, learning_rate, examples, seconds, sweep, curve, message
        FROM evaluations_1""",
    "DROP TABLE evaluations_1",
)

# 2 → 3: a confirmed rule's score on the test examples; empty for a search's children.
_VERSION_3 = (
    "ALTER TABLE trials ADD COLUMN test REAL",
    "ALTER TABLE evaluations ADD COLUMN test REAL",
)

# 3 → 4: a child's test score at its best epoch, and its other figures; empty unless the task gives them.
_VERSION_4 = tuple(
    f"ALTER TABLE {table} ADD COLUMN {column}"
    for table in ("trials", "evaluations")
    for column in ("test_at_best REAL", "figures TEXT")
)

MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
VERSION = len(MIGRATIONS)


def stored_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of an existing store.

    Raises:
        LedgerError: the file is not one of our stores, or a newer version of this program wrote it.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if version < 1 or owner != APPLICATION_ID:
        raise LedgerError(
            message(
                f"ledger {path}",
                expected="one that this program wrote",
                got="another SQLite file, or an empty one",
                hint="Move it away, or choose another folder with --results",
            )
        )
    if version > VERSION:
        raise LedgerError(
            message(
                f"ledger {path}",
                expected=f"schema version {VERSION} or older",
                got=f"version {version}, written by a newer harness",
                hint="Upgrade this program, or choose another folder with --results",
            )
        )
    return version


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Migrate a store to this version, completely or not at all.

    Raises:
        LedgerError: the file is damaged or not one of our stores, or a newer version of this program wrote it.
    """
    if stored_version(connection, path) == VERSION:
        return
    quick_check(connection, path)
    with transaction(connection):
        version = stored_version(connection, path)  # again, under the lock: another process may have been faster
        _apply(connection, version)


def create(connection: sqlite3.Connection) -> None:
    """Turn an empty database into a store of this version."""
    connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        _apply(connection, 0)


def _apply(connection: sqlite3.Connection, version: int) -> None:
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
