"""A board as short tables of plain text that fit 80 columns: what every printed format shows of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.board.statistics import MOST_PAIRS
from harness.board.wording import plain

BIASED = "search scores, biased upward: confirm before believing"
SHOWN_DIGITS = 12  # of a hash, fingerprint or commit
FEW_SEEDS = 10  # below which an interval's own coverage is told (results/studies/statistics)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        right: whether it holds numbers, set flush right.
        code: whether it holds formulas or names, to be shown letter by letter.
    """

    title: str
    right: bool = False
    code: bool = False


@dataclass(frozen=True, slots=True)
class TableText:
    """A titled table of plain text; each row has a cell for each column."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A board as plain text: what every printed format shows of it, in order.

    Attributes:
        title: its heading.
        facts: what everything on it shares, as (name, text).
        tables: none of them without rows.
        notes: what must be known to read the tables rightly.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[TableText, ...]
    notes: tuple[str, ...]


def made_by(commits: Sequence[str], hardware: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Lines for the code and the processors that results come from, each named once."""
    return (("commit", plain(", ".join(map(_commit, commits)))), ("hardware", plain(", ".join(hardware))))


def _commit(text: str) -> str:
    revision, plus, dirty = text.partition("+")
    return revision[:SHOWN_DIGITS] + plus + dirty


def sign_flips(pairs: Collection[int]) -> str:
    """How the signs of tests over so many pairs each were gone through."""
    kinds = {each <= MOST_PAIRS for each in pairs}
    return (
        f"exact or, beyond {MOST_PAIRS} pairs, sampled" if len(kinds) > 1 else "exact" if True in kinds else "sampled"
    )
