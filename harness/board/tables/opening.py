"""What boards read of a packed table: tasks are reached only by name, so protocols describe its class here."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.contracts import ChildProtocol, Outcome, Rule
from harness.space.grammar import Space

MODULE, CLASS = "harness.tasks.table.outcome_table", "OutcomeTable"
SUFFIX = ".npz"


class Grid(Protocol):
    """Outcomes of rules on seeds, as ``harness.tasks.table.grid`` holds them."""

    arrays: Mapping[str, NDArray[Any]]

    @property
    def keys(self) -> tuple[str, ...]:
        """The rules' keys, in order."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in order."""

    @property
    def places(self) -> Mapping[str, int]:
        """The place of each key."""

    @property
    def seeds(self) -> int:
        """How many outcomes each rule has."""

    @property
    def scores(self) -> NDArray[np.float64]:
        """Scores, shape (rules, seeds)."""

    @property
    def tests(self) -> NDArray[np.float64]:
        """Test scores, shape (rules, seeds); NaN where there is none."""

    def outcome(self, place: int, seed: int) -> Outcome:
        """Return what a rule earned on a seed, both given by their places."""


class Table(Protocol):
    """A packed table, as ``harness.tasks.table`` reads it."""

    name: str
    space: Space
    protocol: ChildProtocol
    own: Grid
    strings: NDArray[Any]
    fresh: Grid
    header: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """A hash of its whole content."""

    @property
    def known(self) -> Mapping[str, str]:
        """The keys of the known optimizers, by name."""

    def outcome(self, rule: Rule | str, replicate: int) -> Outcome:
        """What a rule earned in a replicate, by the rule or its key."""

    def truth(self, rule: Rule | str) -> float:
        """Return a rule's mean score on fresh seeds, given the rule or its key."""


def path_of(name: str | os.PathLike[str]) -> Path:
    """Return the file of a table that ships with the harness; a name that ends in ``.npz`` is already a path.

    Raises:
        DataError: no table has that name.
    """
    path: Path = _class().path_of(name)
    return path


def opened(name: str | os.PathLike[str]) -> Table:
    """Read a table that ships with the harness, or another one by its path.

    Raises:
        DataError: there is no such table, or it is damaged.
    """
    table: Table = _class().shipped(name)
    return table


def packed(
    header: Mapping[str, object],
    protocol: ChildProtocol,
    *,
    own: tuple[Sequence[tuple[Rule, Sequence[Outcome]]], NDArray[Any]],
    strings: Sequence[int],
    fresh: tuple[Sequence[tuple[Rule, Sequence[Outcome]]], NDArray[Any]],
) -> bytes:
    """Return the bytes of a table's file: see ``OutcomeTable.pack``.

    Raises:
        DataError: an outcome cannot be held exactly.
    """
    content: bytes = _class().pack(header, protocol, own=own, strings=strings, fresh=fresh)
    return content


def _class() -> Any:
    return getattr(importlib.import_module(MODULE), CLASS)
