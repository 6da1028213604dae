"""A packed table of outcomes: what every function of a small space earned, looked up in microseconds (protocol §5)."""

from __future__ import annotations

import hashlib
import json
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

FOLDER = Path(__file__).parent  # of the tables that ship with the harness
STRINGS = "strings"
TRUTH = "truth_"  # before the names of the arrays of fresh seeds


@dataclass(frozen=True)
class OutcomeTable:
    """Every function of a space with its outcomes, as ``harness table pack`` wrote them.

    Attributes:
        name: such as ``broad``.
        space: whose functions it holds.
        protocol: by which they were scored.
        own: the functions with their outcomes, a replicate in each column.
        strings: how many strings of the space each function is, shape (n,): a uniform draw meets it so often.
        fresh: the best of them and the known optimizers, retrained on fresh seeds; a seed in each column. Known
            optimizers may lie outside the space.
        header: where all of it comes from: ``data`` (``name``, ``fingerprint``), ``environments``, ``commits``,
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
        """Read a table's file, and check all of it.

        Raises:
            DataError: it cannot be read, is damaged, is no table, or is of a newer version.
        """
        header, arrays = archive.decode(path)
        try:
            return cls._of(header, arrays)
        except (KeyError, TypeError, ValueError, IndexError, HarnessError) as cause:
            got = cause if isinstance(cause, HarnessError) else f"{type(cause).__name__}: {cause}"
            what = f"table {path}"
            raise DataError(message(what, expected="all that a table holds", got=got, hint=archive.HINT)) from cause

    @staticmethod
    def path_of(name: str) -> Path:
        """The file of a table that is installed with the harness; a name that ends in ``.npz`` is a path already.

        Raises:
            DataError: none has that name.
        """
        if name.endswith(SUFFIX):
            return Path(name)
        known = [path.stem for path in sorted(FOLDER.glob(f"*{SUFFIX}"))]
        check_choice("table", name, known, error=DataError, hint=f"Choose one, or name a file that ends in {SUFFIX}")
        return FOLDER / f"{name}{SUFFIX}"

    @classmethod
    def shipped(cls, name: str) -> OutcomeTable:
        """Read a table that is installed with the harness, or one by its path.

        Raises:
            DataError: there is none of that name, or it is damaged.
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
        """Raise unless a table was scored by what its header says, in our language.

        Raises:
            DataError: it was not.
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
        """The bytes of a table's file: equal content, equal bytes.

        Args:
            header: the fields that the class lists, with ``name``, ``space`` and ``test_examples``.
            protocol: by which the outcomes were scored.
            own: each function with its outcomes, and the number of each outcome's environment.
            strings: how many strings of the space each function is.
            fresh: likewise of the fresh seeds.

        Raises:
            DataError: an outcome cannot be held exactly.
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
        """A hash of everything in it: equal fingerprints, equal tables."""
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
        """The known optimizers: the key of each, by name."""
        found: Mapping[str, str] = self.header["known"]
        return found

    def outcome(self, rule: Rule | str, replicate: int) -> Outcome:
        """What a rule earned in a replicate, exactly as in the run that trained it, but for seconds, which are 0.

        Args:
            rule: a rule, or the key of one.
            replicate: counted from 0.

        Raises:
            SpaceError: the table does not hold the rule.
            SettingError: there is no such replicate.
        """
        check_range(f"table {self.name}, replicate", replicate, least=0, most=self.replicates - 1)
        return self.own.outcome(self._place(rule), replicate)

    def truth(self, rule: Rule | str) -> float:
        """What a rule is worth: its mean score on fresh seeds, or where it has none, that of its replicates.

        Replicates chose which rules are retrained, so they say nothing of those (protocol §5).

        Args:
            rule: a rule, or the key of one: of the table, or a known optimizer.

        Raises:
            SpaceError: the table does not hold the rule.
        """
        place = self.fresh.places.get(_key(rule))
        scores = self.own.scores[self._place(rule)] if place is None else self.fresh.scores[place]
        return statistics.fmean(scores.tolist())

    def retrained(self, rule: Rule | str) -> tuple[Outcome, ...]:
        """What a rule earned on the fresh seeds; nothing where it was not retrained."""
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
