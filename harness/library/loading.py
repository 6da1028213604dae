"""``harness.load``: everything in a results folder, as arrays, frames and boards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.board.statistics import area, best_so_far
from harness.board.tables.bundle import SUFFIX, decode
from harness.board.wording import formula
from harness.contracts import Outcome, Status
from harness.library import arguments
from harness.library.arguments import ResultsLike
from harness.library.boards import (
    Board,
    RulesBoard,
    TransferBoard,
    boards,
    boards_of,
    rules_boards,
    rules_boards_of,
    transfer_boards,
    transfer_boards_of,
)
from harness.library.columns import Columns
from harness.library.exporting import archives_in, files_in
from harness.race.entry import Entry, Source
from harness.race.header import ConfirmationHeader, RunHeader
from harness.race.runs import Judged, RunRecord
from harness.race.store.archive import Archive
from harness.race.store.ledger import Ledger

# fmt: off
_RUNS: dict[str, type] = {
    "run": object, "identity": object, "comparable": object, "kind": object, "searcher": object, "version": int,
    "settings": object, "seed": int, "space": object, "protocol": object, "protocol_version": int,
    "protocol_hash": object, "data": object, "fingerprint": object, "environment": object, "child_seed": int,
    "budget": int, "state": object, "started": float, "seconds": float, "proposals": int, "children": int,
    "duplicates": int, "best": float, "area": float,
}
_TRIALS: dict[str, type] = {
    "run": object, "searcher": object, "seed": int, "protocol": object, "index": int, "child": int, "rule": object,
    "tokens": object, "key": object, "source": object, "charged": bool, "status": object, "score": float, "best": float,
    "learning_rate": float, "examples": int, "seconds": float, "test": float,
    "test_at_best": float, "message": object,
}
_EVALUATIONS: dict[str, type] = {
    "key": object, "rule": object, "tokens": object, "protocol": object, "protocol_hash": object, "data": object,
    "fingerprint": object, "environment": object, "child_seed": int, "status": object, "score": float,
    "learning_rate": float, "examples": int, "seconds": float, "test": float, "test_at_best": float,
    "message": object, "sweep": object, "curve": object, "figures": object,
}
# fmt: on


def load(results: ResultsLike) -> Loaded:
    """Open a results folder, and return its content as arrays, frames and boards; each is read when it is first used.

    Args:
        results: a results folder; the board that a race returned, whose folder is then used; or files that ``harness
            export`` wrote: their folder, or one of them.

    Raises:
        LedgerError: there is no store, or it cannot be read.

    Example:
        >>> import harness
        >>> board = harness.race(["gp", "random"], protocol="toy-quadratic", children=5, seeds=2, progress=False)
        >>> store = harness.load(board)
        >>> store.runs.rows, list(store.runs["searcher"])
        (4, ['gp', 'random', 'gp', 'random'])
        >>> own = store.trials.where(searcher="gp", seed=0, charged=True)
        >>> own["child"].tolist(), bool(own["best"][-1] == own["score"].max())
        ([1, 2, 3, 4, 5], True)
        >>> store.boards[0].rows == board.rows
        True
    """
    folder = arguments.folder(results)
    single = os.path.isfile(folder)  # which raises nothing, as Path.is_file would
    if single or (os.path.isdir(folder) and not Ledger.exists(folder) and files_in(folder)):
        return Loaded(folder, files=[folder] if single else files_in(folder))
    Ledger.read(folder).close()
    return Loaded(folder)


class Loaded:
    """The content of a results folder. Use ``load`` to get it.

    Args:
        folder: the results folder.
        files: exported runs to read instead; None for the store.
    """

    def __init__(self, folder: Path, *, files: Sequence[Path] | None = None) -> None:
        self.results = folder
        self._files = files

    @cached_property
    def runs(self) -> Columns:
        """One row per run, in the order in which the runs began.

        ``kind`` is ``search``, ``confirmation``, ``table`` or ``transfer``. ``budget`` is in children, and
        ``children`` counts those charged and completed. ``best`` and ``area`` are the last value and the mean of the
        best score so far over the budget's children; both are NaN for a run that does not search.
        """
        return Columns.of(_RUNS, [_run(each) for each in self.archives])

    @cached_property
    def trials(self) -> Columns:
        """One row per completed proposal, run by run in the order proposed.

        ``child`` counts the children charged so far and ``best`` is the best score so far, as boards draw it;
        ``source`` is ``trained``, ``shared`` (trained for an earlier run) or ``duplicate`` (free).
        """
        return Columns.of(_TRIALS, [row for each in self.archives for row in _trials(each)])

    @cached_property
    def evaluations(self) -> Columns:
        """One row per evaluation: a function, protocol, data set, child seed and environment, each listed once.

        ``sweep`` holds an array of (learning rate, score) pairs, ``curve`` an array of the scores after each epoch, and
        ``figures`` a dict of the other figures by name.
        """
        found: dict[tuple[object, ...], Sequence[object]] = {}
        for each in self.archives:
            conditions = _conditions(each.header)
            for entry in each.entries:
                if entry.outcome is not None and entry.source is not Source.DUPLICATE:
                    of = (*conditions, entry.key)
                    if of not in found:
                        found[of] = _evaluation(each.header, entry, entry.outcome)
        return Columns.of(_EVALUATIONS, list(found.values()))

    @property
    def boards(self) -> tuple[Board, ...]:
        """The boards of searchers, as ``harness leaderboard`` numbers them."""
        return boards(self.results) if self._files is None else boards_of(self._records, self.results)

    @property
    def rules_boards(self) -> tuple[RulesBoard, ...]:
        """The boards of confirmed rules, as ``harness leaderboard --rules`` numbers them."""
        if self._files is None:
            return rules_boards(self.results)
        confirmations = [
            each
            for each in self._records
            if isinstance(each, RunRecord) and isinstance(each.header, ConfirmationHeader)
        ]
        return rules_boards_of(self._records, confirmations, self.results)

    @property
    def transfer_boards(self) -> tuple[TransferBoard, ...]:
        """The boards of transfers, as ``harness leaderboard --transfer`` numbers them."""
        return transfer_boards(self.results) if self._files is None else transfer_boards_of(self._records, self.results)

    @cached_property
    def archives(self) -> tuple[Archive, ...]:
        """Every run with its full record, in the order in which the runs began."""
        if self._files is not None:
            read = [archive for path in self._files for archive in archives_in(path)]
            return tuple(sorted(read, key=lambda each: (each.started, each.header.identity)))
        with Ledger.read(self.results) as ledger:
            return tuple(ledger.archive(row.identity) for row in ledger.rows())

    @cached_property
    def _records(self) -> list[Judged]:
        if "archives" not in vars(self) and self._files and all(path.name.endswith(SUFFIX) for path in self._files):
            return [course.results for path in self._files for course in decode(path)]  # without building every trial
        return [_record(each) for each in self.archives]

    def __repr__(self) -> str:
        return f"{self.results}: {len(self.archives)} runs"


def _record(each: Archive) -> RunRecord:
    done = [entry for entry in each.entries if entry.outcome is not None]
    return RunRecord(
        header=each.header,
        state=each.state,
        active=False,
        started=each.started,
        seconds=each.seconds,
        trials=tuple(entry.trial for entry in done),
        keys=tuple(entry.key for entry in done),
    )


def _run(each: Archive) -> Sequence[object]:
    header = each.header
    done = [entry for entry in each.entries if entry.outcome is not None]
    scores = [entry.outcome.score for entry in done if entry.outcome is not None and entry.charged]
    best, below = None, None
    if header.searches:
        curve = best_so_far(scores, children=header.budget.children, chance=header.protocol.chance)
        best, below = float(curve[-1]), area(curve)
    return (
        *(header.name, header.identity, header.comparable, header.kind, header.searcher, header.searcher_version),
        *(json.dumps(dict(header.settings), sort_keys=True), header.seed, header.space.describe()),
        *(header.protocol.name, header.protocol.version, header.protocol.hash, header.data, header.data_fingerprint),
        *(header.environment_hash, header.child_seed, header.budget.children),
        *(each.state.value, each.started, each.seconds),
        *(len(done), len(scores), len(done) - len(scores), best, below),
    )


def _trials(each: Archive) -> Iterator[Sequence[object]]:
    header, child, best = each.header, 0, each.header.protocol.chance
    for entry in each.entries:
        outcome = entry.outcome
        if outcome is None:
            continue
        child += entry.charged
        if outcome.status is Status.OK:
            best = max(best, outcome.score)
        yield (
            *(header.name, header.searcher, header.seed, header.protocol.name, entry.index, child),
            *(formula(entry.rule), str(entry.rule), entry.key, entry.source.value, entry.charged),
            *(outcome.status.value, outcome.score, best, outcome.learning_rate, outcome.examples, outcome.seconds),
            *(outcome.test, outcome.test_at_best, outcome.message),
        )


def _conditions(header: RunHeader) -> Sequence[object]:
    return header.protocol.hash, header.data_fingerprint, header.environment_hash, header.child_seed


def _evaluation(header: RunHeader, entry: Entry, outcome: Outcome) -> Sequence[object]:
    return (
        *(entry.key, formula(entry.rule), str(entry.rule), header.protocol.name, header.protocol.hash, header.data),
        *(header.data_fingerprint, header.environment_hash, header.child_seed, outcome.status.value, outcome.score),
        *(outcome.learning_rate, outcome.examples, outcome.seconds, outcome.test),
        *(outcome.test_at_best, outcome.message, np.array(outcome.sweep, dtype=np.float64).reshape(-1, 2)),
        *(np.array(outcome.curve, dtype=np.float64), dict(outcome.figures)),
    )
