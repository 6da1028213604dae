"""Copy from a store what each proposal cost: ``python results/studies/savings/collect.py STORE``.

``STORE`` is the folder of a ledger. All its searches go into ``children.csv``, in the order begun, completed proposals
in order. A child counts as ``trained`` where no run before it has trained its function on its seed, and else as
``shared``, whatever was trained or looked up when the runs were made: they may come from a larger store.
"""

from __future__ import annotations

import csv
import sqlite3
import sys
from pathlib import Path

from harness.race.entry import Source
from harness.race.header import RunHeader
from harness.race.store.ledger import FILE_NAME

CHILDREN = Path(__file__).with_name("children.csv")
FIELDS = ("protocol", "data", "searcher", "seed", "number", "source", "survived", "examples", "score", "rule")


def main() -> None:
    """Write the table anew."""
    store = sqlite3.connect(f"file:{Path(sys.argv[1]) / FILE_NAME}?mode=ro", uri=True)
    rows = []
    known: set[tuple[object, ...]] = set()
    for identity, text in store.execute("SELECT identity, header FROM runs ORDER BY started"):
        header = RunHeader.from_json(text)
        if header.confirmation is not None:
            continue  # no search
        found = store.execute(
            "SELECT number, source, learning_rate IS NOT NULL, examples, score, rule, key FROM trials "
            "WHERE run = ? AND status IS NOT NULL ORDER BY number",
            (identity,),
        )
        about = (header.protocol.name, header.data, header.searcher, header.seed)
        conditions = (header.protocol.hash, header.data_fingerprint, header.environment_hash, header.child_seed)
        for number, source, *figures, key in found:
            if source != Source.DUPLICATE:
                source = Source.SHARED if (*conditions, key) in known else Source.TRAINED
                known.add((*conditions, key))
            rows.append((*about, number, source, *figures))
    with CHILDREN.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([FIELDS, *rows])


if __name__ == "__main__":
    main()
