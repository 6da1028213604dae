"""What a results folder holds of a contest: the runs of its entrants, and the record that is made from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from harness.blackbox.store import ASIDE, Store
from harness.board.blackbox.record import Conditions, Method, Record, read
from harness.board.blackbox.summary import Ran, summary
from harness.errors import LedgerError, message
from harness.files import exists, matching, write_whole

Due = Sequence[tuple[Store, int]]
"""The entrants that are to run, each with how many functions it is to have."""


def check_kept(folder: Path, conditions: Conditions, due: Due) -> None:
    """Check all runs of a contest, and that its record can be made again without losing any, before any is added.

    A record is made from the runs alone. A published one has none beside it: it would shrink to what is run now. Of an
    entrant with some runs, those that are missing may be among those that are due.

    Args:
        folder: of the contest's runs; the record is beside it.
        conditions: those of the contest.
        due: who is to run.

    Raises:
        LedgerError: files are damaged or of another contest, or the record has an entrant without runs, or with more
            functions than its runs will have.
    """
    stores = {store.folder: store for store, _, _ in _stores(folder, conditions)}
    for store in (stores | {store.folder: store for store, _ in due}).values():
        store.check()
    path = _record(folder)
    if exists(path):
        _check_record(path, folder, conditions, due)


def _check_record(path: Path, folder: Path, conditions: Conditions, due: Due) -> None:
    what, known = f"record {path}", read(path)
    if known.conditions != conditions:
        hint = "Move the file away, or name another folder with --results"
        raise LedgerError(message(what, expected="one of this contest", got="one of another contest", hint=hint))
    counts = {store.folder: count for store, count in due}
    for each in known.entrants:
        store = Store(folder / each.method.folder, {}, conditions.steps)
        gaps = store.gaps(each.count)
        there = each.count - sum(number for _, number in gaps)
        if not there or any(first + number > counts.get(store.folder, 0) for first, number in gaps):
            got = f"those of {there:,} of the {each.count:,} functions of {each.label}"
            hint = "Name another folder with --results, or delete the record to begin anew"
            raise LedgerError(message(what, expected="all runs that it was made from", got=got, hint=hint))


def summarized(folder: Path, conditions: Conditions) -> Record:
    """Write and return the record of all entrants that have runs in a contest.

    Args:
        folder: of the contest's runs; the record is beside it.
        conditions: those of the contest.

    Raises:
        LedgerError: files are damaged or of another contest, or one is missing.
    """
    found = list[Ran]()
    for store, method, label in _stores(folder, conditions):
        runs = store.runs()
        if len(runs.values):
            aside = store.aside()
            if aside is None and (conditions.dimensions == 1 or method.side_by_side):  # its time alone is unknown
                expected, hint = f"a file {ASIDE}", f"Run the contest with {label} again, or delete the folder"
                raise LedgerError(message(f"runs in {store.folder}", expected=expected, got="none", hint=hint))
            found.append(Ran(label, method, runs, aside))
    record = summary(conditions, found)
    path, content = _record(folder), bytes(record)
    if not path.is_file() or path.read_bytes() != content:
        write_whole(path, content)
    return record


def _record(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _stores(folder: Path, conditions: Conditions) -> Iterator[tuple[Store, Method, str]]:
    """Yield the runs of each entrant of a contest, what it is, and its label.

    Raises:
        LedgerError: files are damaged, or of another contest or entrant.
    """
    for each in matching(folder, "*"):
        store = Store.found(each) if each.is_dir() else None
        if store is None:
            continue
        what, hint = f"runs in {each}", "Move the folder to where it belongs, or delete it"
        try:
            shared = Conditions.model_validate(store.pins["conditions"])
            method, label = Method.model_validate(store.pins["method"]), str(store.pins["label"])
        except (KeyError, ValidationError) as cause:
            expected, hint = "files that harness blackbox wrote", "Restore a copy, or delete them and run it again"
            raise LedgerError(message(what, expected=expected, got="damaged ones", hint=hint)) from cause
        if shared != conditions:
            raise LedgerError(message(what, expected="runs of this contest", got="those of another contest", hint=hint))
        if method.folder != each.name:
            expected = "runs of the entrant that the folder is named after"
            raise LedgerError(message(what, expected=expected, got=f"those of {label}", hint=hint))
        yield Store(each, store.pins, conditions.steps), method, label
