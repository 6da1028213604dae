"""Boards that show themselves: as text in a terminal, as tables in a notebook, as Markdown anywhere."""

from __future__ import annotations

import dataclasses
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.board.markdown import Format
from harness.board.page import Page
from harness.board.rules import board as rules_board
from harness.board.rules import formats as rules_formats
from harness.board.rules import pages as rules_pages
from harness.board.rules.judging import rules_boards as judged_rules
from harness.board.searches import board as search_board
from harness.board.searches import formats as search_formats
from harness.board.searches import pages as search_pages
from harness.board.searches.judging import TOP, comparables
from harness.board.searches.judging import boards as judged_searches
from harness.board.tables.truths import truth_of
from harness.errors import check_choice
from harness.race.runs import Judged, RunRecord
from harness.race.store.ledger import Ledger


class _Shown(ABC):
    """What shows itself wherever it is looked at."""

    @abstractmethod
    def page(self) -> Page:
        """All that is printed of it, as tables of text."""

    @abstractmethod
    def render(self, format: str = "md") -> str:
        """Write it as Markdown (``md``), JSON or CSV: what ``harness leaderboard --format`` prints."""

    def __str__(self) -> str:
        """The text that a command prints."""
        from rich.console import Console

        from harness.board.terminal import show_page

        shown = io.StringIO()
        console = Console(
            file=shown, force_jupyter=False, force_terminal=False, markup=False, emoji=False, highlight=False
        )
        show_page(self.page(), console)
        return shown.getvalue()

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        from markdown_it import MarkdownIt

        return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(self.render()))


@dataclass(frozen=True, kw_only=True, repr=False)
class Board(_Shown, search_board.Board):
    """Searchers that were raced alike, ranked: ``rows`` by area, ``comparisons``, ``rules``, and what else they share.

    Over a table there are ``truth``, what the table knows, each row's ``regret``, and ``regrets``, comparing these.

    ``print(board)`` shows it, and so does a notebook; ``render("json")`` writes it.

    Attributes:
        results: the folder that holds its runs.
        runs: names of its runs, or of those that the call was for that returned it.
    """

    results: Path
    runs: tuple[str, ...]

    def page(self) -> Page:
        """All that is printed of it, as tables of text."""
        return search_pages.page(self)

    def render(self, format: str = "md") -> str:
        """Write it as Markdown (``md``), JSON or CSV: what ``harness leaderboard --format`` prints."""
        return search_formats.render([self], _format(format))


@dataclass(frozen=True, kw_only=True, repr=False)
class RulesBoard(_Shown, rules_board.RulesBoard):
    """Rules that were retrained alike, ranked: ``rules`` by what they earn on fresh seeds.

    ``print(board)`` shows it, and so does a notebook; ``render("json")`` writes it.

    Attributes:
        results: the folder that holds its runs.
    """

    results: Path

    def page(self) -> Page:
        """All that is printed of it, as tables of text."""
        return rules_pages.page(self)

    def render(self, format: str = "md") -> str:
        """Write it as Markdown (``md``), JSON or CSV: what ``harness leaderboard --rules --format`` prints."""
        return rules_formats.render([self], _format(format))


def _format(name: str) -> Format:
    return Format(check_choice("format", name, list(Format)))


def boards(results: Path, *, top: int = TOP, only: str = "") -> tuple[Board, ...]:
    """The boards of a store's searches, in the order in which their groups were begun.

    Args:
        results: the folder.
        top: best rules to list on each.
        only: a header's ``comparable``, to make that group's board alone; empty for all.
    """
    with Ledger.read(results) as ledger:
        records = ledger.results()
    return boards_of(records, results, top=top, only=only)


def rules_boards(results: Path, *, only: str = "") -> tuple[RulesBoard, ...]:
    """The boards of a store's confirmed rules, in the order in which their groups were begun.

    Args:
        results: the folder.
        only: ``group_of`` a header, to make that group's board alone; empty for all.
    """
    with Ledger.read(results) as ledger:
        records, confirmations = ledger.results(), ledger.confirmations()
    return rules_boards_of(records, confirmations, results, only=only)


def boards_of(records: Sequence[Judged], results: Path, *, top: int = TOP, only: str = "") -> tuple[Board, ...]:
    """The boards of some runs."""
    groups = comparables(records)
    return tuple(
        Board(**_fields(each), results=results, runs=tuple(run.header.name for run in groups[each.comparable]))
        for each in judged_searches(records, top=top, only=only, truths=truth_of)
    )


def rules_boards_of(
    records: Sequence[Judged], confirmations: Sequence[RunRecord], results: Path, *, only: str = ""
) -> tuple[RulesBoard, ...]:
    """The boards of the rules that some runs confirmed."""
    found = judged_rules(records, confirmations, only=only)
    return tuple(RulesBoard(**_fields(each), results=results) for each in found)


def _fields(board: search_board.Board | rules_board.RulesBoard) -> dict[str, Any]:
    return {field.name: getattr(board, field.name) for field in dataclasses.fields(board)}
