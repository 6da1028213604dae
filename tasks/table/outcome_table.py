"""A packed table of outcomes, which looks up what a function of a small space earned in microseconds (protocol §5)."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.contracts import ChildProtocol, Metric, Outcome, Rule
from harness.errors import DataError, HarnessError, SpaceError, check_choice, check_range, message
from harness.space.expression import FIRST_LANGUAGE, LANGUAGE_VERSION
from harness.space.grammar import Space
from harness.tasks.table import archive
from harness.tasks.table.archive import SUFFIX, Json
from harness.tasks.table.grid import NAMES, Array, Grid, Rows, Scale

FOLDER = Path(__file__).parent  # folder of the tables that ship with the harness
STRINGS = "strings"
TRUTH = "truth_"  # prefix of the arrays of fresh seeds


@dataclass(frozen=True)
class OutcomeTable:
    """Every function of a space with its outcomes, as ``harness table pack`` wrote them.

    Attributes:
        name: its name, such as ``broad``.
        space: the space whose functions it holds.
        protocol: the protocol of the scores.
        own: the functions with their outcomes, one replicate per column.
        strings: how many strings of the space each function is, shape (n,): a uniform draw meets it so often.
        fresh: the best of them and the known optimizers, retrained on fresh seeds, one seed per column. Known
            optimizers may lie outside the space.
        header: where the content comes from: ``data`` (``name``, ``fingerprint``), ``environments``, ``commits``,
            ``known`` (key of each known optimizer, by name), ``runs`` (of each file: SHA-256 of its content, number of
            its environment and of its commit) and ``truth_seeds``.
    """

    name: str
    space: Space
    protocol: ChildProtocol
    own: Grid
    strings: Array
    fresh: Grid
    header: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path) -> OutcomeTable:
        """Read and check a table's file, and return the table.

        Raises:
            DataError: it cannot be read, is damaged, is not a table, or has a newer version.
        """
        header, arrays = archive.decode(path)
        try:
            return cls._of(header, arrays)
        except (KeyError, TypeError, ValueError, IndexError, HarnessError) as cause:
            got = cause if isinstance(cause, HarnessError) else f"{type(cause).__name__}: {cause}"
            what = f"table {path}"
            raise DataError(message(what, expected="a complete table", got=got, hint=archive.HINT)) from cause

    @staticmethod
    def path_of(name: str | os.PathLike[str]) -> Path:
        """Return the file of a table that ships with the harness; a name that ends in ``.npz`` is already a path.

        Raises:
            DataError: no table has that name.
        """
        if isinstance(name, os.PathLike) or (isinstance(name, str) and name.endswith(SUFFIX)):
            return Path(name)
        known = [path.stem for path in sorted(FOLDER.glob(f"*{SUFFIX}"))]
        check_choice("table", name, known, error=DataError, hint=f"Choose one, or name a file that ends in {SUFFIX}")
        return FOLDER / f"{name}{SUFFIX}"

    @classmethod
    def shipped(cls, name: str | os.PathLike[str]) -> OutcomeTable:
        """Read and return a table that ships with the harness, or another one by its path.

        Raises:
            DataError: there is no such table, or it is damaged.
        """
        return cls.load(cls.path_of(name))

    @classmethod
    def _of(cls, header: Json, arrays: Mapping[str, Array]) -> OutcomeTable:
        fields = dict(header["protocol"])
        fields |= {name: tuple(fields.get(name, ())) for name in ("learning_rates", "rungs")}
        if fields.get("metric"):
            fields["metric"] = Metric(**fields["metric"])
        protocol, messages = ChildProtocol(**fields), tuple(header["messages"])
        scale = Scale.of(protocol, header["test_examples"])
        own = Grid(scale, messages, {name: arrays[name] for name in NAMES})
        fresh = Grid(scale, messages, {name: arrays[TRUTH + name] for name in NAMES})
        cls._check(header, protocol)
        own.check("outcomes")
        fresh.check("truth")
        space, counts = Space.from_spec(header["space"]), arrays[STRINGS]
        if counts.shape != (len(own.keys),) or int(counts.sum()) != space.size():
            expected, hint = f"{space.size():,} strings in {len(own.keys):,} functions", archive.HINT
            raise DataError(message("strings", expected=expected, got=f"{int(counts.sum()):,}", hint=hint))
        return cls(header["name"], space, protocol, own, counts, fresh, header)

    @staticmethod
    def _check(header: Json, protocol: ChildProtocol) -> None:
        """Raise unless a table was scored by the protocol of its header, in our version of the language.

        Raises:
            DataError: it was scored otherwise.
        """
        if header["protocol_hash"] != protocol.hash:
            what, hint = "protocol", "Use the version of this program that packed it"
            raise DataError(message(what, expected=f"hash {header['protocol_hash']}", got=protocol.hash, hint=hint))
        for language in {each.get("language", FIRST_LANGUAGE) for each in header["environments"]}:
            if language != str(LANGUAGE_VERSION):
                hint = "Other versions have other keys: build and pack it again"
                raise DataError(message("language", expected=str(LANGUAGE_VERSION), got=language, hint=hint))

    @staticmethod
    def pack(
        header: Mapping[str, object],
        protocol: ChildProtocol,
        *,
        own: tuple[Rows, Array],
        strings: Sequence[int],
        fresh: tuple[Rows, Array],
    ) -> bytes:
        """Return the bytes of a table's file; equal content gives equal bytes.

        Args:
            header: the fields that the class lists, with ``name``, ``space`` and ``test_examples``.
            protocol: the protocol of the scores.
            own: each function with its outcomes, and the number of each outcome's environment.
            strings: how many strings of the space each function is.
            fresh: the same for the fresh seeds.

        Raises:
            DataError: an outcome cannot be stored exactly.
        """
        test = header["test_examples"]
        assert test is None or isinstance(test, int), "a number of examples"
        scale = Scale.of(protocol, test)
        messages = tuple(sorted({""} | {each.message for rows, _ in (own, fresh) for _, one in rows for each in one}))
        grids = {"": Grid.of(*own, scale, messages), TRUTH: Grid.of(*fresh, scale, messages)}
        arrays = {before + name: grid.arrays[name] for before, grid in grids.items() for name in NAMES}
        arrays[STRINGS] = np.array(strings, dtype="<u4")
        return archive.encode(dict(header) | {"protocol": protocol.spec(), "messages": messages}, arrays)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the whole content: equal fingerprints mean equal tables."""
        return hashlib.sha256(json.dumps(self.header, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """One rule for each function, in the order of the table."""
        return self.own.rules

    @property
    def replicates(self) -> int:
        """How many outcomes each function has."""
        return self.own.seeds

    @property
    def known(self) -> Mapping[str, str]:
        """The keys of the known optimizers, by name."""
        found: Mapping[str, str] = self.header["known"]
        return found

    def outcome(self, rule: Rule | str, replicate: int) -> Outcome:
        """Return what a rule earned in a replicate, exactly as in the run that trained it, except that seconds are 0.

        Args:
            rule: a rule, or the key of one.
            replicate: the replicate, from 0.

        Raises:
            SpaceError: the table does not hold the rule.
            SettingError: there is no such replicate.
        """
        check_range(f"table {self.name}, replicate", replicate, least=0, most=self.replicates - 1)
        return self.own.outcome(self._place(rule), replicate)

    def truth(self, rule: Rule | str) -> float:
        """Return a rule's mean score on fresh seeds or, if it was not retrained, that of its replicates.

        Replicates chose which rules are retrained, so they say nothing about the worth of those (protocol §5).

        Args:
            rule: a rule of the table or a known optimizer, or its key.

        Raises:
            SpaceError: the table does not hold the rule.
        """
        place = self.fresh.places.get(_key(rule))
        scores = self.own.scores[self._place(rule)] if place is None else self.fresh.scores[place]
        return statistics.fmean(scores.tolist())

    def retrained(self, rule: Rule | str) -> tuple[Outcome, ...]:
        """Return what a rule earned on the fresh seeds; empty if it was not retrained."""
        place = self.fresh.places.get(_key(rule))
        return () if place is None else tuple(self.fresh.outcome(place, seed) for seed in range(self.fresh.seeds))

    def __contains__(self, rule: Rule | str) -> bool:
        return _key(rule) in self.own.places

    def _place(self, rule: Rule | str) -> int:
        place = self.own.places.get(_key(rule))
        if place is None:
            expected = f"one of the {len(self.own.keys):,} functions of {self.space.describe()}"
            got = rule if isinstance(rule, str) else rule.infix
            hint = f"See them with `harness table info {self.name}`"
            raise SpaceError(message(f"rule of table {self.name}", expected=expected, got=got, hint=hint))
        return place


def _key(rule: Rule | str) -> str:
    return rule if isinstance(rule, str) else rule.key
