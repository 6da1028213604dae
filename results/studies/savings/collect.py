"""Copy from a store what each proposal cost: ``python results/studies/savings/collect.py STORE``.

``STORE`` is the folder of a ledger. All its searches go into ``children.csv``, completed proposals in order.
"""

from __future__ import annotations

import csv
import sqlite3
import sys
from pathlib import Path

from harness.race.ledger import FILE_NAME
from harness.race.records import RunHeader

CHILDREN = Path(__file__).with_name("children.csv")
FIELDS = ("protocol", "data", "searcher", "seed", "number", "source", "survived", "examples", "score", "rule")


def main() -> None:
    """Write the table anew."""
    store = sqlite3.connect(f"file:{Path(sys.argv[1]) / FILE_NAME}?mode=ro", uri=True)
    rows = []
    for identity, text in store.execute("SELECT identity, header FROM runs ORDER BY started"):
        header = RunHeader.from_json(text)
        if header.confirmation is not None:
            continue  # no search
        found = store.execute(
            "SELECT number, source, learning_rate IS NOT NULL, examples, score, rule FROM trials "
            "WHERE run = ? AND status IS NOT NULL ORDER BY number",
            (identity,),
        )
        about = (header.protocol.name, header.data, header.searcher, header.seed)
        rows += [(*about, *row) for row in found]
    with CHILDREN.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([FIELDS, *rows])


if __name__ == "__main__":
    main()
