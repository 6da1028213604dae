"""Tables that compare every two entrants of a board; wider than a terminal, so only for documents."""

from __future__ import annotations

from collections.abc import Sequence

from harness.board.comparison import Comparison
from harness.board.page import Column, TableText
from harness.board.searches.board import Board
from harness.board.wording import adjusted_chance, plain


def matrices(board: Board) -> tuple[TableText, ...]:
    """Return the differences in area and, if any, in final regret and retrained score; none for a single entrant."""
    found = [_matrix("area", [row.label for row in board.rows], board.comparisons)]
    if board.regrets:
        found.append(_matrix("final regret", [row.label for row in board.rows], board.regrets))
    if board.retrained is not None:
        labels = [row.label for row in board.retrained.rows]
        found.append(_matrix("retrained score", labels, board.retrained.comparisons))
    return tuple(table for table in found if table.rows)


def _matrix(figure: str, labels: Sequence[str], comparisons: Sequence[Comparison]) -> TableText:
    title = f"Difference in {figure} by shared seed, row minus column (p, Holm)"
    among = {(each.first, each.second): each for both in comparisons for each in (both, both.turned())}
    names = labels if among else []
    columns = (Column("searcher"), *(Column(plain(name)) for name in names))
    rows = ((plain(name), *(_cell(among.get((name, other))) for other in names)) for name in names)
    return TableText(title, columns, tuple(rows))


def _cell(each: Comparison | None) -> str:
    if each is None or each.test is None:
        return "" if each is None else "no shared seed"
    return f"{each.test.difference.mean:+z.3f} ({adjusted_chance(each)})"
