"""Writes ``ledger_v1.sqlite``: a store as schema version 1 wrote it, kept to show that it still opens.

Run as ``python tests/data/make_ledger_v1.py FILE``. Nothing here follows the program's code: the file stays as it is.
Of its two runs one is finished (a trained, a duplicate, a diverged and a failed child), and one was killed with a child
and a duplicate of it pending.
"""

import sqlite3
import sys

OUTCOME = (
    "status TEXT, score REAL, learning_rate REAL, examples INTEGER, seconds REAL, sweep TEXT, curve TEXT, message TEXT"
)
SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1818584167;
CREATE TABLE runs (
    identity TEXT PRIMARY KEY, header TEXT NOT NULL, state TEXT NOT NULL, started REAL NOT NULL,
    seconds REAL NOT NULL DEFAULT 0, exhausted INTEGER
) WITHOUT ROWID;
CREATE TABLE trials (
    run TEXT NOT NULL, number INTEGER NOT NULL, rule TEXT NOT NULL, key TEXT NOT NULL, charged INTEGER NOT NULL,
    asked INTEGER NOT NULL, told INTEGER, {OUTCOME}, PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE evaluations (
    key TEXT NOT NULL, protocol TEXT NOT NULL, data TEXT NOT NULL, seed INTEGER NOT NULL, {OUTCOME},
    PRIMARY KEY (key, protocol, data, seed)
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
HEADER = (
    '{"asynchronous": false, "budget": {"children": 3, "proposals": 60}, "data": "none", "data_fingerprint": "none", '
    '"environment": {"fake": "1"}, "protocol": {"batch_size": 10, "chance": 0.1, "dtype": "float32", "epochs": 2, '
    '"inputs": "none", "learning_rates": [0.1, 1.0], "name": "fake", "noise_sigma": 0.01, "task": "racing:FakeTask", '
    '"train_examples": 100, "validation_examples": 10, "version": 1}, "provenance": {"harness": "0.0.1"}, '
    '"searcher": "racing:Learner", "searcher_version": 1, "seed": SEED, "settings": {"batch": 3}, "space": {"binary": '
    '["add", "sub", "mul", "div", "left"], "blocks": 1, "connected": true, "distinct_operands": true, "edition": '
    '"icml2017", "last_not_add": true, "operands": ["g", "g2", "g3", "m", "v", "gamma", "sign(g)", "sign(m)", "1", '
    '"noise", "1e-4w", "1e-3w", "1e-2w", "1e-1w", "adam", "rmsprop"], "unary": ["id", "neg", "exp", "log", "clip5", '
    '"clip4", "clip3", "drop1", "drop3", "drop5", "sign"]}}'
)
OK = (
    "ok",
    0.30000000000000004,
    1.0,
    300,
    1.25,
    "[[0.1, 0.2], [1.0, 0.30000000000000004]]",
    "[0.2, 0.30000000000000004]",
    "",
)
DIVERGED = ("diverged", 0.1, None, 50, 0.5, "[[0.1, 0.1], [1.0, 0.1]]", "[]", "")
FAILED = ("error", 0.1, None, 0, 0.0, "[]", "[]", 'it failed: "λ"')
PENDING = (None,) * 8


PROTOCOL = "2897c6ce80722fdc"
FINISHED, FINISHED_CHILD_SEED = "a270dd8b4d17a433", 6556196297348235405
KILLED, KILLED_CHILD_SEED = "f980a6e6c1551cb0", 2979361388191092690


def main(path: str) -> None:
    trials = [
        (FINISHED, 0, "g m id exp mul", "exp(m) * g", 1, 0, 1, *OK),
        (FINISHED, 1, "m g exp id mul", "exp(m) * g", 0, 0, 1, *OK),
        (FINISHED, 2, "g v id id div", "g / v", 1, 0, 1, *DIVERGED),
        (FINISHED, 3, "g 1 log id left", "log(g)", 1, 2, 3, *FAILED),
        (KILLED, 0, "g m id id left", "g", 1, 0, 1, *OK),
        (KILLED, 1, "m v id exp mul", "exp(v) * m", 1, 0, None, *PENDING),
        (KILLED, 2, "v m exp id mul", "exp(v) * m", 0, 0, None, *PENDING),
    ]
    evaluations = [
        ("exp(m) * g", PROTOCOL, "none", FINISHED_CHILD_SEED, *OK),
        ("g / v", PROTOCOL, "none", FINISHED_CHILD_SEED, *DIVERGED),
        ("g", PROTOCOL, "none", KILLED_CHILD_SEED, *OK),
    ]
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    for identity, seed, state in ((FINISHED, "0", "finished"), (KILLED, "1", "running")):
        row = (identity, HEADER.replace("SEED", seed), state, 1700000000.0 + int(seed), 2.5)
        connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, NULL)", row)
    connection.executemany(f"INSERT INTO trials VALUES ({', '.join('?' * 15)})", trials)
    connection.executemany(f"INSERT INTO evaluations VALUES ({', '.join('?' * 12)})", evaluations)
    connection.commit()
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
