"""The record of a contest on the functions of one family: a small file from which its board can be made again.

::

    record = read(path)
    record.conditions.name          # "gp/3"
    record.entrants[0].curve.mean   # the mean over functions of the minimum so far, by step

Where the least value of every function is known, all figures are regrets: the minimum so far minus that value. Single
functions are not in it: a few kB hold what thousands of them came to. Numbers have six digits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from harness.files import matching
from harness.limits import Count, Label, Length, Line, Positive, Range
from harness.race.validation import Part, read_record
from harness.settings import Value

FOLDER = "blackbox"  # in a results folder
MOST_BYTES = 1 << 26  # of a file
Text = Annotated[str, Line(200, least=0)]
NotNegative = Annotated[float, Range(0)]
Numbers = tuple[float, ...]


class _Frozen(Part):
    model_config = ConfigDict(frozen=True)


class Conditions(_Frozen):
    """What all entrants of a contest share.

    Attributes:
        functions: the family of functions.
        variant: its variant; empty for the family itself.
        version: the family's version.
        fingerprint: of the files that it reads; empty if it reads none.
        dimensions: of the box.
        seed: root seed of functions, optimizers and durations.
        steps: how many points of each function are evaluated.
        workers: how many of them are out at once.
        block: how many functions are drawn at once.
        environment: versions that values depend on.
    """

    functions: Label
    variant: Text = ""
    version: Positive
    fingerprint: Text = ""
    dimensions: Positive
    seed: Count
    steps: Positive
    workers: Positive
    block: Positive
    environment: dict[str, str]

    @property
    def name(self) -> str:
        """The family with its variant, as ``--problems`` takes it."""
        return f"{self.functions}/{self.variant}" if self.variant else self.functions

    @property
    def identity(self) -> str:
        """8 hexadecimal digits that are equal for equal conditions."""
        return digest(self.model_dump())

    @property
    def stem(self) -> str:
        """The name of the contest's file without its ending, and of the folder of its runs."""
        return f"{re.sub(r'[^A-Za-z0-9.]+', '-', self.name)[:80]}-{self.identity}"


def digest(pins: Any) -> str:
    """Return 8 hexadecimal digits that are equal for equal content."""
    return hashlib.sha256(json.dumps(pins, sort_keys=True).encode()).hexdigest()[:8]


class Method(_Frozen):
    """What an optimizer's points depend on besides functions and seed.

    Attributes:
        name: its registered name, or ``module:attribute``.
        version: of its factory.
        settings: all of them, defaults included.
        fingerprint: of the files that it reads, such as weights; empty if it reads none.
        environment: versions of the packages that it computes with.
        side_by_side: whether all functions of a block asked and were told at once.
    """

    name: Label
    version: Positive
    settings: dict[str, Value]
    fingerprint: Text = ""
    environment: dict[str, str]
    side_by_side: bool = False

    @property
    def folder(self) -> str:
        """The name of the folder of its runs."""
        return f"{re.sub(r'[^A-Za-z0-9.]+', '-', self.name)[:80]}-{digest(self.model_dump())}"


class Curve(_Frozen):
    """A figure by step over functions: the mean, and half the width of its 95% interval (null for one function)."""

    mean: Numbers
    margin: Annotated[tuple[float, ...], Length(1)] | None


class Trajectory(_Frozen):
    """The points of one dimension in the order told, and their values."""

    points: Numbers
    values: Numbers


class Entrant(_Frozen):
    """One optimizer of a contest.

    Attributes:
        label: its name on the board.
        method: what it is.
        commits: the revisions of the harness that ran it.
        hardware: the processors.
        count: on how many functions: the first ones.
        curve: minimum so far, or regret, by step.
        low: of the last step, the value that 10% of the functions lie below.
        median: the median.
        high: the value that 90% lie below.
        seconds: what asking for a point and telling its value took, where one function is optimized alone: the median
            over functions.
        seconds_side_by_side: the same where all functions of a block are optimized at once; null if they are not.
        trajectories: on the functions that are shown.
    """

    label: Label
    method: Method
    commits: tuple[Text, ...]
    hardware: tuple[Text, ...]
    count: Positive
    curve: Curve
    low: float
    median: float
    high: float
    seconds: NotNegative
    seconds_side_by_side: NotNegative | None = None
    trajectories: tuple[Trajectory, ...] = ()


class Pair(_Frozen):
    """The test of two entrants over the functions that both have.

    Attributes:
        first: label of one.
        second: label of the other.
        count: how many functions both have.
        difference: mean of the first's last figure minus the second's; less is better.
        margin: half the width of its 95% interval; null for one function.
        spread: standard deviation of the differences; null for one function.
        p: of the paired test, not corrected for other tests.
    """

    first: Label
    second: Label
    count: Positive
    difference: float
    margin: NotNegative | None
    spread: NotNegative | None
    p: Annotated[float, Range(0, 1)]


class Record(_Frozen):
    """Optimizers under one set of conditions, by label.

    Attributes:
        conditions: what they share.
        regret: whether figures are regrets.
        shown: values of the functions that are shown, at evenly spaced points; only in one dimension.
        entrants: the optimizers.
        pairs: every two of them, in their order.
    """

    format: Literal["harness blackbox contest"] = "harness blackbox contest"
    schema_: Literal[1] = Field(default=1, alias="schema")
    conditions: Conditions
    regret: bool
    shown: tuple[Numbers, ...] = ()
    entrants: tuple[Entrant, ...]
    pairs: tuple[Pair, ...]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Check that every entrant has the figures that the conditions promise, and every pair its test."""
        steps = self.conditions.steps
        for each in self.entrants:
            margin = each.curve.mean if each.curve.margin is None else each.curve.margin
            if (len(each.curve.mean), len(margin)) != (steps, steps):
                raise ValueError(f"{steps} values of the curve of {each.label}")
            if len(each.trajectories) != len(self.shown):
                raise ValueError(f"{len(self.shown)} trajectories of {each.label}")
            if any((len(one.points), len(one.values)) != (steps, steps) for one in each.trajectories):
                raise ValueError(f"{steps} points of each trajectory of {each.label}")
        labels = [each.label for each in self.entrants]
        if len(set(labels)) < len(labels):
            raise ValueError("every entrant once")
        if [(each.first, each.second) for each in self.pairs] != list(combinations(labels, 2)):
            raise ValueError("a test of every two entrants")
        return self

    def __bytes__(self) -> bytes:
        """The content of its file: a line for each entrant and each pair."""
        fields = self.model_dump(by_alias=True)
        lists = {name: ",\n".join(map(_dumped, fields.pop(name))) for name in ("entrants", "pairs")}
        head = _dumped(fields).removesuffix("}")
        return (head + "".join(f', "{name}": [\n{text}\n]' for name, text in lists.items()) + "}\n").encode()


def _dumped(fields: Any) -> str:
    return json.dumps(fields, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def read(path: Path) -> Record:
    """Read a contest's file.

    Raises:
        LedgerError: it cannot be read, is damaged, or a newer version wrote it.
    """
    what, hint = f"contest in {path}", "Restore a copy, or delete it and run the contest again"
    return read_record(path, Record, what=what, command="harness blackbox", hint=hint, most_bytes=MOST_BYTES)


def stored(results: Path) -> Sequence[Record]:
    """Return all contests of a results folder, by functions, then by workers and seed.

    Raises:
        LedgerError: one of them cannot be read.
    """
    return in_order([read(path) for path in matching(results / FOLDER, "*.json")])


def in_order(records: Sequence[Record]) -> Sequence[Record]:
    """Return contests by functions, then by workers and seed."""
    return sorted(records, key=_order)


def _order(each: Record) -> tuple[Any, ...]:
    conditions = each.conditions
    return conditions.functions, conditions.variant, conditions.workers, conditions.seed, conditions.identity
