"""Copy from a store what each proposal cost: ``python results/studies/savings/collect.py STORE``.

``STORE`` is a results folder. All its searches go into ``children.csv``, in the order begun, completed proposals in
order. A child counts as ``trained`` where no run before it has trained its function on its seed, and else as
``shared``, whatever was trained or looked up when the runs were made: they may come from a larger store.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

import harness
from harness.race.entry import Source

CHILDREN = Path(__file__).with_name("children.csv")
FIELDS = ("protocol", "data", "searcher", "seed", "number", "source", "survived", "examples", "score", "rule")
CONDITIONS = ("protocol_hash", "fingerprint", "environment", "child_seed")


def main() -> None:
    """Write the table anew."""
    store = harness.load(sys.argv[1])
    runs = store.runs
    searches = np.flatnonzero(runs["kind"] != "confirmation")
    data = {runs["run"][row]: runs["data"][row] for row in searches}
    conditions = {runs["run"][row]: tuple(runs[name][row] for name in CONDITIONS) for row in searches}
    trials = store.trials
    columns = (
        "run",
        "protocol",
        "searcher",
        "seed",
        "index",
        "source",
        "key",
        "learning_rate",
        "examples",
        "score",
        "tokens",
    )
    rows = []
    known: set[tuple[object, ...]] = set()
    for run, protocol, searcher, seed, index, source, key, rate, examples, score, rule in zip(
        *(trials[name].tolist() for name in columns), strict=True
    ):
        if run not in data:
            continue  # no search
        if source != Source.DUPLICATE:
            source = Source.SHARED if (*conditions[run], key) in known else Source.TRAINED
            known.add((*conditions[run], key))
        rows.append((protocol, data[run], searcher, seed, index, source, int(rate == rate), examples, score, rule))
    with CHILDREN.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([FIELDS, *rows])


if __name__ == "__main__":
    main()
