"""Packing a table: all its runs, including those on fresh seeds, become one file; equal runs give equal files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.board.rules.known import known_optimizers
from harness.board.rules.truth import SEEDS, Scored, plan_of, retrained
from harness.board.tables.opening import SUFFIX, packed
from harness.contracts import ChildProtocol, Outcome, Rule
from harness.errors import LedgerError, message
from harness.race.header import RunHeader
from harness.race.protocols import child_seed
from harness.race.store.archive import Archive
from harness.race.store.archive_reading import opened
from harness.race.store.tables import TableSpec, filled

TEST_EXAMPLES = "test images"  # the key in an environment under which their number stands
Json = dict[str, object]


def file_of(table: str) -> str:
    """Return the name of a table's file, such as ``broad.npz``."""
    return f"{table}{SUFFIX}"


def content_of(folder: Path, table: TableSpec) -> bytes:
    """Return the bytes of a table's file, made from the files of its runs.

    Args:
        folder: folder of the runs' files.
        table: which table.

    Raises:
        LedgerError: a run is missing or damaged, is not the one that its name says, or was made on other data; or the
            table's protocol is not a ``ChildProtocol``.
        DataError: an outcome cannot be held exactly.
    """
    protocol = table.protocol
    if not isinstance(protocol, ChildProtocol):
        what, hint = f"protocol {protocol.name} of table {table.name}", "This format supports no other protocol"
        got = type(protocol).__name__
        raise LedgerError(message(what, expected="a ChildProtocol", got=got, hint=hint))
    records = _Records(table)
    own: list[list[Outcome]] = [[] for _ in table.rules]
    places: list[list[int]] = [[] for _ in table.rules]
    for part, archive in filled(folder, table):
        number = records.take(folder / part.file_name, archive)
        for place, outcome in zip(range(*part.places.indices(len(own))), _outcomes(archive), strict=True):
            own[place].append(outcome)
            places[place].append(number)
    scored: Scored = list(zip(table.rules, own, strict=True))
    plan = plan_of(table, scored, data=records.first.data)
    runs = [(records.take(path, archive), _outcomes(archive)) for path, archive in retrained(folder, table, plan)]
    rules = [rule for rule in plan.rules if isinstance(rule, Rule)]  # a table holds nothing else
    fresh: Scored = list(zip(rules, zip(*(outcomes for _, outcomes in runs), strict=True), strict=True))
    numbers = np.tile([number for number, _ in runs], (len(fresh), 1))
    outcomes, truth = (scored, np.array(places)), (fresh, numbers)
    return packed(records.header(), protocol, own=outcomes, strings=table.strings, fresh=truth)


def _outcomes(archive: Archive) -> list[Outcome]:
    """Return what the entries of a complete run earned."""
    return [entry.outcome for entry in archive.entries if entry.outcome is not None]


class _Records:
    """What a table's file records of the runs that it is packed from."""

    def __init__(self, table: TableSpec) -> None:
        self._table = table
        self._environments: dict[str, Json] = {}  # by hash, in the order met
        self._commits: list[str] = []
        self._runs: dict[str, Json] = {}
        self._first: RunHeader | None = None

    @property
    def first(self) -> RunHeader:
        """The first run's header."""
        assert self._first is not None, "a table has a part"
        return self._first

    def take(self, path: Path, archive: Archive) -> int:
        """Record a run, and return the number of its environment.

        Raises:
            LedgerError: it was made on different data than the first.
        """
        header = archive.header
        self._first = self._first or header
        if header.data_fingerprint != self.first.data_fingerprint:
            expected = f"data {self.first.data_label}, as in the first part"
            hint = f"Delete it and build it again with `harness table build {self._table.name}`"
            raise LedgerError(message(f"run {path}", expected=expected, got=header.data_label, hint=hint))
        self._environments.setdefault(header.environment_hash, dict(header.environment))
        commit = header.provenance.get("commit", "")
        if commit not in self._commits:
            self._commits.append(commit)
        number = list(self._environments).index(header.environment_hash)
        with opened(path) as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        self._runs[path.name] = {"sha256": digest, "environment": number, "commit": self._commits.index(commit)}
        return number

    def header(self) -> Json:
        """The header of the table's file.

        Raises:
            LedgerError: the runs have different numbers of test examples.
        """
        table, protocol = self._table, self._table.protocol
        return {
            "name": table.name,
            "space": table.space.spec(),
            "protocol_hash": protocol.hash,
            "data": {"name": self.first.data, "fingerprint": self.first.data_fingerprint},
            "test_examples": self._test_examples(list(self._environments.values())),
            "environments": list(self._environments.values()),
            "commits": self._commits,
            "known": {name: rule.key for name, rule in known_optimizers().items()},
            "child_seeds": [child_seed(each, protocol, table=table.name) for each in range(table.replicates)],
            "truth_seeds": [child_seed(each, protocol, fresh=True) for each in SEEDS],
            "runs": self._runs,
        }

    def _test_examples(self, environments: Sequence[Json]) -> int | None:
        counts = {str(each.get(TEST_EXAMPLES, "")) for each in environments}
        if len(counts) > 1:
            what, hint = f"test examples of table {self._table.name}", "Build its parts again with one copy of the data"
            raise LedgerError(message(what, expected="one number in all", got=", ".join(sorted(counts)), hint=hint))
        (count,) = counts
        return int(count) if count.isdecimal() else None
