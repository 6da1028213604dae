"""Writes ``ledger_v2.sqlite``: a store as schema version 2 wrote it, kept to show that it still opens.

Run as ``python tests/data/make_ledger_v2.py FILE``. Nothing here follows the program's code: the file stays as it is.
Its one run is finished: a trained child, a duplicate of it, and one whose evaluation another run had made.
"""

import sqlite3
import sys

from make_ledger_v1 import FINISHED, FINISHED_CHILD_SEED, HEADER, OK, OUTCOME, PROTOCOL

ENVIRONMENT = "f16ac4f5f53d2c98"
SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1818584167;
CREATE TABLE runs (
    identity TEXT PRIMARY KEY, header TEXT NOT NULL, state TEXT NOT NULL, started REAL NOT NULL,
    seconds REAL NOT NULL DEFAULT 0, exhausted INTEGER
) WITHOUT ROWID;
CREATE TABLE trials (
    run TEXT NOT NULL, number INTEGER NOT NULL, rule TEXT NOT NULL, key TEXT NOT NULL, asked INTEGER NOT NULL,
    told INTEGER, {OUTCOME}, source TEXT NOT NULL DEFAULT 'trained', PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE evaluations (
    key TEXT NOT NULL, protocol TEXT NOT NULL, data TEXT NOT NULL, seed INTEGER NOT NULL, environment TEXT NOT NULL,
    {OUTCOME}, PRIMARY KEY (key, protocol, data, seed, environment)
) WITHOUT ROWID;
PRAGMA user_version = 2;
"""


def main(path: str) -> None:
    trials = [
        (FINISHED, 0, "g m id exp mul", "exp(m) * g", 0, 1, *OK, "trained"),
        (FINISHED, 1, "m g exp id mul", "exp(m) * g", 0, 1, *OK, "duplicate"),
        (FINISHED, 2, "g m id id left", "g", 0, 1, *OK, "shared"),
    ]
    evaluations = [
        ("exp(m) * g", PROTOCOL, "none", FINISHED_CHILD_SEED, ENVIRONMENT, *OK),
        ("g", PROTOCOL, "none", FINISHED_CHILD_SEED, ENVIRONMENT, *OK),
    ]
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    row = (FINISHED, HEADER.replace("SEED", "0"), "finished", 1700000000.0, 2.5)
    connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, NULL)", row)
    connection.executemany(f"INSERT INTO trials VALUES ({', '.join('?' * 15)})", trials)
    connection.executemany(f"INSERT INTO evaluations VALUES ({', '.join('?' * 13)})", evaluations)
    connection.commit()
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
