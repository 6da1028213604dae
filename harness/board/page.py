"""A board as short tables of plain text that fit 80 columns, which every printed format shows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.board.statistics import MOST_PAIRS
from harness.board.wording import plain

BIASED = "search scores, biased upward: confirm before believing"
SHOWN_DIGITS = 12  # of a hash, fingerprint or commit
FEW_SEEDS = 10  # below which the coverage of an interval is stated (results/studies/statistics)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        right: whether it holds numbers, which are right-aligned.
        code: whether it holds formulas or names, to be shown verbatim.
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
    """A board as plain text, in the order in which every printed format shows it.

    Attributes:
        title: its heading.
        facts: the conditions that everything on it shares, as (name, text).
        tables: its tables, each with at least one row.
        notes: how to read the tables.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[TableText, ...]
    notes: tuple[str, ...]


def made_by(commits: Sequence[str], hardware: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return lines that name the commits and the hardware behind the results, each once."""
    return (("commit", plain(", ".join(map(_commit, commits)))), ("hardware", plain(", ".join(hardware))))


def _commit(text: str) -> str:
    revision, plus, dirty = text.partition("+")
    return revision[:SHOWN_DIGITS] + plus + dirty


def sign_flips(pairs: Collection[int]) -> str:
    """Say whether sign-flip tests over these numbers of pairs are exact or sampled."""
    kinds = {each <= MOST_PAIRS for each in pairs}
    return (
        f"exact or, beyond {MOST_PAIRS} pairs, sampled" if len(kinds) > 1 else "exact" if True in kinds else "sampled"
    )
