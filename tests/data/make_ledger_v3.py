"""Writes ``ledger_v3.sqlite``: a store as schema version 3 wrote it, kept to show that it still opens.

Run as ``python tests/data/make_ledger_v3.py FILE``. Nothing here follows the program's code: the file stays as it is.
Its one run is a finished confirmation: a rule that trained and was tested, one that diverged, and one whose evaluation
another run had made.
"""

import json
import sqlite3
import sys

from make_ledger_v1 import DIVERGED, HEADER, OK, OUTCOME, PROTOCOL
from make_ledger_v2 import ENVIRONMENT

CONFIRMED = "249680d25316f994"
CHILD_SEED = 5145495672049459454
RULES = ("g m id exp mul", "g v id id div", "g m id id left")
SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1818584167;
CREATE TABLE runs (
    identity TEXT PRIMARY KEY, header TEXT NOT NULL, state TEXT NOT NULL, started REAL NOT NULL,
    seconds REAL NOT NULL DEFAULT 0, exhausted INTEGER
) WITHOUT ROWID;
CREATE TABLE trials (
    run TEXT NOT NULL, number INTEGER NOT NULL, rule TEXT NOT NULL, key TEXT NOT NULL, asked INTEGER NOT NULL,
    told INTEGER, {OUTCOME}, source TEXT NOT NULL DEFAULT 'trained', test REAL, PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE evaluations (
    key TEXT NOT NULL, protocol TEXT NOT NULL, data TEXT NOT NULL, seed INTEGER NOT NULL, environment TEXT NOT NULL,
    {OUTCOME}, test REAL, PRIMARY KEY (key, protocol, data, seed, environment)
) WITHOUT ROWID;
PRAGMA user_version = 3;
"""


def main(path: str) -> None:
    header = json.loads(HEADER.replace("SEED", "0"))
    header |= {"searcher": "confirm", "settings": {}, "budget": {"children": 3, "proposals": 3}}
    header |= {"confirmation": {"rules": RULES, "searched": ""}}
    trials = [
        (CONFIRMED, 0, RULES[0], "exp(m) * g", 0, 1, *OK, "trained", 0.25),
        (CONFIRMED, 1, RULES[1], "g / v", 0, 1, *DIVERGED, "trained", 0.1),
        (CONFIRMED, 2, RULES[2], "g", 0, 1, *OK, "shared", None),
    ]
    evaluations = [
        ("exp(m) * g", PROTOCOL, "none", CHILD_SEED, ENVIRONMENT, *OK, 0.25),
        ("g / v", PROTOCOL, "none", CHILD_SEED, ENVIRONMENT, *DIVERGED, 0.1),
        ("g", PROTOCOL, "none", CHILD_SEED, ENVIRONMENT, *OK, None),
    ]
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    row = (CONFIRMED, json.dumps(header, sort_keys=True), "finished", 1700000000.0, 2.5)
    connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, NULL)", row)
    connection.executemany(f"INSERT INTO trials VALUES ({', '.join('?' * 16)})", trials)
    connection.executemany(f"INSERT INTO evaluations VALUES ({', '.join('?' * 14)})", evaluations)
    connection.commit()
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
