"""What the boards read of a packed table. Tasks are reached by name alone, so its class is known here by its shape."""

from __future__ import annotations

import importlib
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
    """Outcomes of some rules on some seeds, as ``harness.tasks.table.grid`` holds them."""

    arrays: Mapping[str, NDArray[Any]]

    @property
    def keys(self) -> tuple[str, ...]:
        """The rules' keys, in order."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in order."""

    @property
    def places(self) -> Mapping[str, int]:
        """Where each key lies."""

    @property
    def seeds(self) -> int:
        """How many outcomes a rule has."""

    @property
    def scores(self) -> NDArray[np.float64]:
        """Shape (rules, seeds)."""

    @property
    def tests(self) -> NDArray[np.float64]:
        """Shape (rules, seeds); NaN where there is none."""

    def outcome(self, place: int, seed: int) -> Outcome:
        """What a rule earned on a seed, both by their places."""


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
        """A hash of everything in it."""

    @property
    def known(self) -> Mapping[str, str]:
        """The known optimizers: the key of each, by name."""

    def outcome(self, rule: Rule | str, replicate: int) -> Outcome:
        """What a rule earned in a replicate, by the rule or its key."""

    def truth(self, rule: Rule | str) -> float:
        """What a rule is worth, by the rule or its key."""


def path_of(name: str) -> Path:
    """The file of a table that ships with the harness; a name that ends in ``.npz`` is a path already.

    Raises:
        DataError: none has that name.
    """
    path: Path = _class().path_of(name)
    return path


def opened(name: str) -> Table:
    """Read a table that ships with the harness, or another by its path.

    Raises:
        DataError: there is none, or it is damaged.
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
    """The bytes of a table's file: see ``OutcomeTable.pack``.

    Raises:
        DataError: an outcome cannot be held exactly.
    """
    content: bytes = _class().pack(header, protocol, own=own, strings=strings, fresh=fresh)
    return content


def _class() -> Any:
    return getattr(importlib.import_module(MODULE), CLASS)
