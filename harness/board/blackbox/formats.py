"""Boards of black-box optimizers for other programs and documents: JSON, CSV and Markdown.

**JSON** (``"schema": 1``; a change that could break a reader raises it, a new key does not)::

    {"schema": 1, "blackbox_boards": [{
      "commits": [str], "hardware": [str],
      "problems": [{
        "label", "conditions": {...},            # as in the record of the contest
        "figure": "regret" or "minimum so far",
        "results": [{                            # by place, then by the mean of the last figure
          "label", "method": {...}, "places": [best, worst], "group": str, "count",
          "final": {"mean", "low", "high", "count"}, "quantiles": [10%, median, 90%],
          "curve": {"mean": [float], "margin": [float] or null},
          "seconds", "seconds_side_by_side": float or null,
          "trajectories": [{"points": [float], "values": [float]}]}],
        "shown": [[float]],
        "comparisons": [comparison]}],           # in minus the figure, as on the searchers' board
      "notes": [str]}]}

Curves have values for steps 1 to T; ``margin`` is half the width of the 95% interval.

**CSV** has one line per entrant and problem; values by step are separated by blanks.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence

from harness.board import wording
from harness.board.blackbox import pages
from harness.board.blackbox.board import BlackboxBoard, Problem, Result
from harness.board.markdown import Format, markdown
from harness.board.searches.formats import comparison

SCHEMA = 1

Json = dict[str, object]


def render(boards: Sequence[BlackboxBoard], format: Format) -> str:
    """Write boards as one text, ending in a line break."""
    match format:
        case Format.JSON:
            document = {"schema": SCHEMA, "blackbox_boards": [_board(board) for board in boards]}
            return json.dumps(document, indent=2, allow_nan=False) + "\n"
        case Format.CSV:
            return _csv(boards)
        case Format.MD:
            return markdown([pages.page(board) for board in boards]) if boards else pages.EMPTY + "\n"


def _board(board: BlackboxBoard) -> Json:
    return {
        "commits": list(board.commits),
        "hardware": list(board.hardware),
        "problems": [_problem(each) for each in board.problems],
        "notes": list(pages.notes(board)),
    }


def _problem(each: Problem) -> Json:
    return {
        "label": each.label,
        "conditions": each.conditions.model_dump(),
        "figure": each.figure,
        "results": [_result(one, each) for one in each.results],
        "shown": [list(values) for values in each.shown],
        "comparisons": [comparison(pair) for pair in each.pairs],
    }


def _result(one: Result, each: Problem) -> Json:
    entrant = one.entrant
    return {
        "label": one.label,
        "method": entrant.method.model_dump(),
        "places": list(one.places),
        "group": pages.tie_group(one, each),
        "count": entrant.count,
        "final": dataclasses.asdict(one.final),
        "quantiles": [entrant.low, entrant.median, entrant.high],
        "curve": entrant.curve.model_dump(),
        "seconds": entrant.seconds,
        "seconds_side_by_side": entrant.seconds_side_by_side,
        "trajectories": [trajectory.model_dump() for trajectory in entrant.trajectories],
    }


# fmt: off
COLUMNS = (
    "functions", "variant", "version", "fingerprint", "dimensions", "seed", "steps", "workers", "figure",
    "label", "name", "settings", "method_version", "method_fingerprint", "environment", "place_best", "place_worst",
    "group", "count", "mean", "low", "high", "quantile_10", "median", "quantile_90", "seconds", "seconds_side_by_side",
    "curve_mean", "curve_margin",
)
# fmt: on


def _csv(boards: Sequence[BlackboxBoard]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_line(one, each) for board in boards for each in board.problems for one in each.results)
    return text.getvalue()


def _line(one: Result, each: Problem) -> Json:
    entrant, method = one.entrant, one.entrant.method
    shared = each.conditions.model_dump(include={*COLUMNS} - {"environment"})
    return {
        **{name: wording.plain(text) if isinstance(text, str) else text for name, text in shared.items()},
        "figure": each.figure,
        "label": wording.plain(one.label),
        "name": wording.plain(method.name),
        "settings": json.dumps(method.settings, sort_keys=True),
        "method_version": method.version,
        "method_fingerprint": method.fingerprint,
        "environment": json.dumps(method.environment, sort_keys=True),
        "place_best": one.places[0],
        "place_worst": one.places[1],
        "group": pages.tie_group(one, each),
        "count": entrant.count,
        **{name: getattr(one.final, name) for name in ("mean", "low", "high")},
        "quantile_10": entrant.low,
        "median": entrant.median,
        "quantile_90": entrant.high,
        "seconds": entrant.seconds,
        "seconds_side_by_side": entrant.seconds_side_by_side,
        "curve_mean": _joined(entrant.curve.mean),
        "curve_margin": _joined(entrant.curve.margin or ()),
    }


def _joined(values: Sequence[float]) -> str:
    return " ".join(map(str, values))
