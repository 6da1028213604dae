"""Runs as flat tables for pandas, R and similar tools: four CSV files that join on ``run`` and ``index``.

``runs.csv`` has one row per run, ``trials.csv`` one per proposal, ``sweeps.csv`` one per learning rate tried, and
``curves.csv`` one per epoch at the chosen rate. An empty cell is a missing value, numbers are exact, truth values are
``true`` and ``false``, and ``figures`` is JSON. The files are for analysis and cannot be imported again; the JSON Lines
of ``race.store.archive`` can.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from harness.board import wording
from harness.race.entry import Entry
from harness.race.store.archive import Archive

Cell = str | int | float | None

# fmt: off
RUNS = (
    "run", "identity", "comparable", "searcher", "searcher_version", "settings", "seed", "async", "space", "protocol",
    "protocol_version", "protocol_hash", "data", "fingerprint", "budget_children", "budget_proposals",
    "environment_hash", "environment", "state", "started", "seconds", "proposals", "charged", "completed",
)
TRIALS = (
    "run", "index", "rule", "tokens", "key", "source", "charged", "asked", "told", "status", "score", "learning_rate",
    "examples", "seconds", "message", "test", "test_at_best", "figures",
)
SWEEPS = ("run", "index", "learning_rate", "score")
CURVES = ("run", "index", "epoch", "score")
# fmt: on


def tables(archives: Iterable[Archive]) -> dict[str, bytes]:
    """Return the content of each file, by its name.

    Args:
        archives: read one after another, in the order of the rows.
    """
    headings = {"runs.csv": RUNS, "trials.csv": TRIALS, "sweeps.csv": SWEEPS, "curves.csv": CURVES}
    texts = {name: io.StringIO() for name in headings}
    writers = {name: csv.writer(text, lineterminator="\n") for name, text in texts.items()}
    for name, columns in headings.items():
        writers[name].writerow(columns)
    for archive in archives:
        writers["runs.csv"].writerow(_run(archive))
        run = archive.header.name
        for entry in archive.entries:
            writers["trials.csv"].writerow(_trial(run, entry))
            writers["sweeps.csv"].writerows(_sweep(run, entry))
            writers["curves.csv"].writerows(_curve(run, entry))
    return {name: text.getvalue().encode() for name, text in texts.items()}


def _run(archive: Archive) -> Sequence[Cell]:
    header = archive.header
    return (
        *(header.name, header.identity, header.comparable, header.searcher, header.searcher_version),
        *(json.dumps(dict(header.settings), sort_keys=True), header.seed, _truth(header.asynchronous)),
        *(header.space.describe(), header.protocol.name, header.protocol.version, header.protocol.hash),
        *(header.data, header.data_fingerprint, header.budget.children, header.budget.proposals),
        *(header.environment_hash, json.dumps(dict(header.environment), sort_keys=True), archive.state.value),
        *(_moment(archive.started), archive.seconds, len(archive.entries)),
        sum(entry.charged for entry in archive.entries),
        sum(entry.outcome is not None for entry in archive.entries),
    )


def _trial(run: str, entry: Entry) -> Sequence[Cell]:
    cells = (run, entry.index, wording.formula(entry.rule), str(entry.rule), entry.key, entry.source.value)
    head = (*cells, _truth(entry.charged), entry.asked, entry.told)
    outcome = entry.outcome
    if outcome is None:
        return (*head, *[None] * (len(TRIALS) - len(head)))
    tail = (outcome.learning_rate, outcome.examples, outcome.seconds, wording.plain(outcome.message))
    figures = json.dumps(dict(outcome.figures)) if outcome.figures else None
    return (*head, outcome.status.value, outcome.score, *tail, outcome.test, outcome.test_at_best, figures)


def _sweep(run: str, entry: Entry) -> Iterator[Sequence[Cell]]:
    for rate, score in entry.outcome.sweep if entry.outcome else ():
        yield run, entry.index, rate, score


def _curve(run: str, entry: Entry) -> Iterator[Sequence[Cell]]:
    for epoch, score in enumerate(entry.outcome.curve if entry.outcome else (), 1):
        yield run, entry.index, epoch, score


def _truth(value: bool) -> str:
    return str(value).lower()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
