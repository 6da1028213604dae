"""Boards that can be displayed: as text in a terminal, as tables in a notebook, as Markdown anywhere."""

from __future__ import annotations

import dataclasses
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import plain
from harness.board.blackbox import board as contests
from harness.board.blackbox import formats as blackbox_formats
from harness.board.blackbox import pages as blackbox_pages
from harness.board.learned import board as learned
from harness.board.learned import formats as learned_formats
from harness.board.learned import pages as learned_pages
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
from harness.board.transfer import board as transfers
from harness.board.transfer import figures
from harness.board.transfer import formats as transfer_formats
from harness.board.transfer import pages as transfer_pages
from harness.board.transfer.judging import header_of as transfer_header
from harness.board.transfer.judging import transfer_boards as judged_transfers
from harness.errors import LedgerError, check_choice, message
from harness.library import arguments
from harness.library.arguments import ResultsLike
from harness.library.columns import Columns
from harness.race.runs import Judged, RunRecord
from harness.race.store.ledger import Ledger

TRANSFER_FIRST = "Run `harness transfer` first"


class _Shown(ABC):
    """Something that displays itself in a terminal or a notebook."""

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
    """Searchers raced under equal conditions: ``rows`` ranked by area, ``comparisons``, ``rules``, and the conditions.

    Over a table there is more: ``truth``, what the table knows; each row's ``regret``; and ``regrets``, their
    comparisons.

    ``print(board)`` shows it, and so does a notebook; ``render("json")`` writes it.

    Attributes:
        results: the folder that holds its runs.
        runs: names of its runs, or of the runs of the call that returned it.
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
    """Rules retrained under equal conditions: ``rules`` ranked by what they earn on fresh seeds.

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


# fmt: off
_CELLS: dict[str, type] = {
    "workload": object, "label": object, "key": object, "place_best": int, "place_worst": int, "group": object,
    "seeds": int, "value": float, "value_low": float, "value_high": float, "validation": float, "test": float,
    "best_validation": float, "test_at_best": float, "time_median": float, "time_reached": int, "time_seeds": int,
    "diverged": int, "errors": int,
}
_CHILDREN: dict[str, type] = {
    "workload": object, "label": object, "key": object, "seed": int, "status": object, "validation": float,
    "test": float, "best_validation": float, "best_epoch": float, "test_at_best": float, "learning_rate": float,
    "examples": int, "seconds": float,
}
_CURVES: dict[str, type] = {
    "workload": object, "label": object, "key": object, "seed": int, "epoch": int, "validation": float, "value": float,
}
# fmt: on


@dataclass(frozen=True, kw_only=True, repr=False)
class TransferBoard(_Shown, transfers.TransferBoard):
    """Candidates on workloads: ``workloads`` with their ``results``, and ``across`` them ranks and profiles.

    ``print(board)`` shows it, and so does a notebook; ``render("json")`` writes it. ``cells``, ``children`` and
    ``curves`` are columns, whose ``frame()`` is a pandas DataFrame.

    Attributes:
        results: the folder that holds its runs.
    """

    results: Path

    def page(self) -> Page:
        """All that is printed of it, as tables of text."""
        return transfer_pages.page(self)

    def render(self, format: str = "md") -> str:
        """Write it as Markdown (``md``), JSON or CSV: what ``harness leaderboard --transfer --format`` prints."""
        return transfer_formats.render([self], _format(format))

    @property
    def cells(self) -> Columns:
        """One row per cell of the matrix: ``value`` is the metric's figure, the other figures are mean scores.

        ``seeds`` counts them. ``time_median`` is infinite where half of the seeds or more never reached the target.
        """
        rows = []
        for workload in self.workloads:
            metric, others = workload.protocol.measured, len(workload.results) - 1
            for each in workload.results:
                low, high = figures.ends(metric, each.figure) or (None, None)
                means = (each.validation, each.test, each.best, each.test_at_best)
                time = (each.time.median, each.time.reached, len(each.time.seeds)) if each.time else (None, 0, 0)
                rows.append(
                    (
                        *(workload.label, each.label, each.key, *each.places, figures.tie_group(each, others)),
                        *(len(each.seeds), figures.figure(metric, each.figure.mean), low, high),
                        *(None if one is None else one.mean for one in means),
                        *(*time, each.diverged, each.errors),
                    )
                )
        return Columns.of(_CELLS, rows)

    @property
    def children(self) -> Columns:
        """One row per child of the matrix, in scores."""
        rows = [
            (
                *(workload.label, each.label, each.key, child.seed, child.status.value, child.validation, child.test),
                *(child.best, child.best_epoch, child.test_at_best, child.learning_rate, child.examples, child.seconds),
            )
            for workload in self.workloads
            for each in workload.results
            for child in each.children
        ]
        return Columns.of(_CHILDREN, rows)

    @property
    def curves(self) -> Columns:
        """One row per child and epoch: the validation score, and its figure as ``value``."""
        rows = [
            (
                *(workload.label, each.label, each.key, child.seed, epoch, score),
                figures.figure(workload.protocol.measured, score),
            )
            for workload in self.workloads
            for each in workload.results
            for child in each.children
            for epoch, score in enumerate(child.curve, 1)
        ]
        return Columns.of(_CURVES, rows)


@dataclass(frozen=True, kw_only=True, repr=False)
class LearnedBoard(_Shown, learned.LearnedBoard):
    """Learned optimizers beside others: ``problems`` with their ``results`` and ``pairs``.

    ``print(board)`` shows it, and so does a notebook; ``render("json")`` writes it.

    Attributes:
        results: the folder that holds its comparisons.
    """

    results: Path

    def page(self) -> Page:
        """All that is printed of it, as tables of text."""
        return learned_pages.page(self)

    def render(self, format: str = "md") -> str:
        """Write it as Markdown (``md``), JSON or CSV: what ``harness learn compare --format`` prints."""
        return learned_formats.render([self], _format(format))


@dataclass(frozen=True, kw_only=True, repr=False)
class BlackboxBoard(_Shown, contests.BlackboxBoard):
    """Optimizers of the unit box on black-box functions: ``problems`` with their ``results`` and ``pairs``.

    ``print(board)`` shows it, and so does a notebook; ``render("json")`` writes it.

    Attributes:
        results: the folder that holds its contests.
    """

    results: Path

    def page(self) -> Page:
        """All that is printed of it, as tables of text."""
        return blackbox_pages.page(self)

    def render(self, format: str = "md") -> str:
        """Write it as Markdown (``md``), JSON or CSV: what ``harness blackbox --format`` prints."""
        return blackbox_formats.render([self], _format(format))


def _format(name: str) -> Format:
    return Format(check_choice("format", name, list(Format)))


def boards(results: Path, *, top: int = TOP, only: str = "") -> tuple[Board, ...]:
    """Return the boards of a store's searches, in the order in which their groups began.

    Args:
        results: the folder.
        top: how many of the best rules to list on each.
        only: a header's ``comparable``, to make only that group's board; empty for all.
    """
    with Ledger.read(results) as ledger:
        records = ledger.results()
    return boards_of(records, results, top=top, only=only)


def rules_boards(results: Path, *, only: str = "") -> tuple[RulesBoard, ...]:
    """Return the boards of a store's confirmed rules, in the order in which their groups began.

    Args:
        results: the folder.
        only: ``group_of`` a header, to make only that group's board; empty for all.
    """
    with Ledger.read(results) as ledger:
        records, confirmations = ledger.results(), ledger.confirmations()
    return rules_boards_of(records, confirmations, results, only=only)


def boards_of(records: Sequence[Judged], results: Path, *, top: int = TOP, only: str = "") -> tuple[Board, ...]:
    """Return the boards of some runs."""
    groups = comparables(records)
    return tuple(
        Board(**_fields(each), results=results, runs=tuple(run.header.name for run in groups[each.comparable]))
        for each in judged_searches(records, top=top, only=only, truths=truth_of)
    )


def rules_boards_of(
    records: Sequence[Judged], confirmations: Sequence[RunRecord], results: Path, *, only: str = ""
) -> tuple[RulesBoard, ...]:
    """Return the boards of the rules that some runs confirmed."""
    found = judged_rules(records, confirmations, only=only)
    return tuple(RulesBoard(**_fields(each), results=results) for each in found)


def transfer_boards(results: Path, *, only: str | None = None) -> tuple[TransferBoard, ...]:
    """Return the boards of a store's transfers, in the order in which they began.

    Args:
        results: the folder.
        only: how candidates were chosen, to make only the board of those chosen so; None for all.
    """
    with Ledger.read(results) as ledger:
        records = ledger.transfers()
    if only is not None:
        records = [each for each in records if transfer_header(each).transfer.chosen == only]
    return transfer_boards_of(records, results)


def transfer_boards_of(records: Sequence[Judged], results: Path) -> tuple[TransferBoard, ...]:
    """Return the boards of the transfers among some runs."""
    return tuple(TransferBoard(**_fields(each), results=results) for each in judged_transfers(records))


def transfer_board(results: ResultsLike, number: int | None = None) -> TransferBoard:
    """Return the board of a results folder's transfers: candidates on workloads.

    Args:
        results: a results folder, or a board, whose folder is then used.
        number: the board's number on ``harness leaderboard --transfer``, from 1; None if there is only one.

    Raises:
        LedgerError: there is no store, no such board, or several of them and none was chosen.

    Example:
        >>> import harness
        >>> board = harness.race(["random"], protocol="toy-quadratic", children=2, seeds=1, progress=False)
        >>> harness.transfer_board(board)
        Traceback (most recent call last):
        ...
        harness.errors.LedgerError: transfers: expected some in the ledger, got none. Run `harness transfer` first.
    """
    found = transfer_boards(arguments.folder(results))
    if not found:
        raise LedgerError(message("transfers", expected="some in the ledger", got="none", hint=TRANSFER_FIRST))
    if number is None and len(found) > 1:
        got, hint = f"{len(found)} boards", f"Choose a number from 1 to {len(found)}"
        raise LedgerError(message("transfers", expected="a single board", got=got, hint=hint))
    if number is not None and not 1 <= plain.integer("number", number, "Write one, such as 1") <= len(found):
        hint = "`harness leaderboard --transfer` shows the numbers"
        expected = f"a number from 1 to {len(found)}"
        raise LedgerError(message("board of transfers", expected=expected, got=number, hint=hint))
    return found[(number or 1) - 1]


def _fields(
    board: search_board.Board | rules_board.RulesBoard | transfers.TransferBoard,
) -> dict[str, Any]:
    return {field.name: getattr(board, field.name) for field in dataclasses.fields(board)}
