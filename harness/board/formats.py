"""Boards for other programs and documents: JSON, CSV and Markdown.

**JSON** (``"schema": 1``; a change that could break a reader raises it, a new key does not)::

    {"schema": 1, "boards": [{
      "comparable": str,                     # hash that the board's runs share
      "space": {...},                        # Space.spec()
      "protocol": {"name", "version", "hash"},
      "data": {"name", "fingerprint"},
      "budget": {"children", "proposals"},
      "entrants": [{                         # by mean area, the best first
        "label", "searcher", "version", "settings": {...}, "async": bool, "environment": {...},
        "places": [best, worst],             # the intervals allow any place between
        "seeds": [int], "areas": [float], "finals": [float],        # by seed
        "area": {"mean", "low", "high"}, "final": {...},            # low and high null for one seed
        "curve": [float],                    # median best-so-far after each child of the budget
        "best": rule or null, "children", "proposals", "duplicates", "diverged", "errors", "seconds"}],
      "references": [{                       # random search by many draws: no entrant, no place
        "label", "environment", "evaluations", "seeds", "areas", "finals", "area", "final",
        "curve": [float]}],                  # mean expected best-so-far after each child of the budget
      "rules": [{"rule", "tokens", "key", "score", "mean", "seed", "learning_rate", "children", "found", "searchers"}],
      "unfinished": [{"run", "label", "seed", "state", "children", "best"}],
      "notes": [str]}]}

**CSV** has one line an entrant, led by its board's columns, and after a board's entrants one line a reference, whose
places are empty; settings and environment are JSON in their cells.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from enum import StrEnum

from harness.board import layout
from harness.board.layout import Page, TableText
from harness.board.statistics import Estimate
from harness.board.tables import Board, Nomination, Reference, Row

SCHEMA = 1

Json = dict[str, object]


class Format(StrEnum):
    """What ``render`` writes."""

    JSON = "json"
    MD = "md"
    CSV = "csv"


def render(boards: Sequence[Board], format: Format) -> str:
    """Write boards as one text, ending in a line break."""
    match format:
        case Format.JSON:
            document = {"schema": SCHEMA, "boards": [_board(board) for board in boards]}
            return json.dumps(document, indent=2, allow_nan=False) + "\n"
        case Format.CSV:
            return _csv(boards)
        case Format.MD:
            return _markdown(boards)


def _board(board: Board) -> Json:
    return {
        "comparable": board.comparable,
        "space": board.space.spec(),
        "protocol": {
            "name": board.protocol.name,
            "version": board.protocol.version,
            "hash": board.protocol.hash,
        },
        "data": {"name": board.data, "fingerprint": board.fingerprint},
        "budget": {"children": board.budget.children, "proposals": board.budget.proposals},
        "entrants": [_entrant(row) for row in board.rows],
        "references": [_reference(each) for each in board.references],
        "rules": [_nomination(each) for each in board.rules],
        "unfinished": [
            {
                "run": each.run,
                "label": each.label,
                "seed": each.seed,
                "state": each.state,
                "children": each.children,
                "best": each.best,
            }
            for each in board.unfinished
        ],
        "notes": [*board.apart, *board.notes],
    }


def _entrant(row: Row) -> Json:
    return {
        "label": row.label,
        "searcher": row.searcher,
        "version": row.version,
        "settings": dict(row.settings),
        "async": row.asynchronous,
        "environment": dict(row.environment),
        "places": list(row.places),
        "seeds": list(row.seeds),
        "areas": list(row.areas),
        "finals": list(row.finals),
        "area": _estimate(row.area),
        "final": _estimate(row.final),
        "curve": list(row.curve),
        "best": _nomination(row.best) if row.best else None,
        "children": row.children,
        "proposals": row.proposals,
        "duplicates": row.duplicates,
        "diverged": row.diverged,
        "errors": row.errors,
        "seconds": row.seconds,
    }


def _reference(each: Reference) -> Json:
    return {
        "label": each.label,
        "environment": dict(each.environment),
        "evaluations": each.evaluations,
        "seeds": list(each.seeds),
        "areas": list(each.areas),
        "finals": list(each.finals),
        "area": _estimate(each.area),
        "final": _estimate(each.final),
        "curve": list(each.curve),
    }


def _estimate(figure: Estimate) -> Json:
    return {"mean": figure.mean, "low": figure.low, "high": figure.high}


def _nomination(each: Nomination) -> Json:
    return {
        "rule": layout.formula(each.rule),
        "tokens": str(each.rule),
        "key": each.key,
        "score": each.score,
        "mean": each.mean,
        "seed": each.seed,
        "learning_rate": each.learning_rate,
        "children": each.children,
        "found": each.found,
        "searchers": list(each.searchers),
    }


def _csv(boards: Sequence[Board]) -> str:
    lines = []
    for number, board in enumerate(boards, 1):
        lines += [_line(number, board, row) for row in board.rows]
        lines += [_reference_line(number, board, each) for each in board.references]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


# fmt: off
COLUMNS = (
    "board", "comparable", "space", "protocol", "protocol_version", "protocol_hash", "data", "fingerprint",
    "budget_children", "budget_proposals", "label", "searcher", "version", "settings", "async", "environment",
    "place_best", "place_worst", "seeds", "area", "area_low", "area_high", "final", "final_low", "final_high",
    "best_rule", "best_tokens", "best_score", "best_seed", "best_learning_rate",
    "children", "proposals", "duplicates", "diverged", "errors", "seconds",
)
# fmt: on


def _line(number: int, board: Board, row: Row) -> Json:
    line: Json = _head(number, board, row) | {
        "searcher": layout.plain(row.searcher),
        "version": row.version,
        "settings": json.dumps(dict(row.settings), sort_keys=True),
        "async": str(row.asynchronous).lower(),
        "place_best": row.places[0],
        "place_worst": row.places[1],
        "children": row.children,
        "proposals": row.proposals,
        "duplicates": row.duplicates,
        "diverged": row.diverged,
        "errors": row.errors,
        "seconds": round(row.seconds, 3),
    }
    if row.best:
        line |= {
            "best_rule": layout.formula(row.best.rule),
            "best_tokens": str(row.best.rule),
            "best_score": row.best.score,
            "best_seed": row.best.seed,
            "best_learning_rate": row.best.learning_rate,
        }
    return line


def _reference_line(number: int, board: Board, each: Reference) -> Json:
    return _head(number, board, each) | {"children": each.evaluations}


def _head(number: int, board: Board, each: Row | Reference) -> Json:
    """The cells that entrants and references share."""
    line: Json = {
        "board": number,
        "comparable": board.comparable,
        "space": layout.plain(board.space.describe()),
        "protocol": board.protocol.name,
        "protocol_version": board.protocol.version,
        "protocol_hash": board.protocol.hash,
        "data": layout.plain(board.data),
        "fingerprint": board.fingerprint,
        "budget_children": board.budget.children,
        "budget_proposals": board.budget.proposals,
        "label": layout.plain(each.label),
        "environment": json.dumps(dict(each.environment), sort_keys=True),
        "seeds": " ".join(map(str, each.seeds)),
    }
    for name, figure in (("area", each.area), ("final", each.final)):
        line |= {name: figure.mean, f"{name}_low": figure.low, f"{name}_high": figure.high}
    return line


def _markdown(boards: Sequence[Board]) -> str:
    if not boards:
        return layout.EMPTY + "\n"
    return markdown([layout.page(each, place if len(boards) > 1 else 0) for place, each in enumerate(boards, 1)])


def markdown(pages: Sequence[Page]) -> str:
    """Write pages as Markdown, ending in a line break."""
    parts = []
    for page in pages:
        parts.append(f"## {page.title}")
        parts.append("\n".join(f"- {name}: {_escaped(text)}" for name, text in page.facts))
        for table in page.tables:
            parts += (f"### {_escaped(table.title)}", _markdown_table(table))
        if page.notes:
            parts.append("\n".join(f"- {_escaped(note)}" for note in page.notes))
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: TableText) -> str:
    lines = [[column.title for column in table.columns], ["---:" if each.right else "---" for each in table.columns]]
    for row in table.rows:
        cells = zip(table.columns, row, strict=True)
        lines.append([_code(cell) if column.code else _escaped(cell) for column, cell in cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#~$&!])", r"\\\1", text)


def _code(text: str) -> str:
    """A code span inside a table: its fence longer than any run of backticks within, its bars escaped."""
    if not text:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")
