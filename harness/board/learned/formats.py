"""Boards of learned optimizers for other programs and documents: JSON, CSV and Markdown.

**JSON** (``"schema": 1``; a change that could break a reader raises it, a new key does not)::

    {"schema": 1, "learned_boards": [{
      "commits": [str], "hardware": [str],
      "problems": [{
        "label", "conditions": {...},            # as in the record of the comparison
        "divisor": int,                          # figures may be divided by it: 10 for quadratics
        "results": [{                            # by the mean of log10 of the final f, the best first
          "label", "rule", "tokens", "key", "places": [best, worst], "group": str,
          "tuned": bool, "rate": float or null, "validation": [[rate, mean final f or null]],
          "mean": {"mean", "low", "high", "count"}, "median", "log10": {"mean", "low", "high", "count"},
          "diverged": int, "curve": {"mean", "median", "low", "high"}, "finals": [f or null]}],
        "comparisons": [comparison]}],           # in −log10 of the final f, as on the searchers' board
      "notes": [str]}]}

A value that is not finite is null. Curves have values for steps 0 to T.

**CSV** has one line per candidate and family of problems; values by step or problem are separated by blanks.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterator, Sequence

from harness.board import wording
from harness.board.learned import pages
from harness.board.learned.board import LearnedBoard, Problems, Result
from harness.board.markdown import Format, markdown
from harness.board.searches.formats import comparison
from harness.board.statistics import Estimate

SCHEMA = 1

Json = dict[str, object]


def render(boards: Sequence[LearnedBoard], format: Format) -> str:
    """Write boards as one text, ending in a line break."""
    match format:
        case Format.JSON:
            document = {"schema": SCHEMA, "learned_boards": [_board(board) for board in boards]}
            return json.dumps(document, indent=2, allow_nan=False) + "\n"
        case Format.CSV:
            return _csv(boards)
        case Format.MD:
            return markdown([pages.page(board) for board in boards]) if boards else pages.EMPTY + "\n"


def _board(board: LearnedBoard) -> Json:
    return {
        "commits": list(board.commits),
        "hardware": list(board.hardware),
        "problems": [_problems(each) for each in board.problems],
        "notes": list(pages.notes(board)),
    }


def _problems(each: Problems) -> Json:
    return {
        "label": each.label,
        "conditions": each.conditions.model_dump(),
        "divisor": each.divisor,
        "results": [_result(one, each) for one in each.results],
        "comparisons": [comparison(pair) for pair in each.pairs],
    }


def _result(one: Result, each: Problems) -> Json:
    return {
        "label": one.label,
        "rule": wording.formula(one.candidate),
        "tokens": str(one.candidate),
        "key": one.candidate.key,
        "places": list(one.places),
        "group": pages.tie_group(one, each),
        "tuned": one.tuned,
        "rate": one.entrant.rate,
        "validation": [list(tried) for tried in one.entrant.validation],
        "mean": _mean(one.mean),
        "median": _finite(one.median),
        "log10": _mean(one.log),
        "diverged": one.diverged,
        "curve": one.entrant.curve.model_dump(),
        "finals": list(one.entrant.finals),
    }


def _mean(mean: Estimate) -> Json:
    return dataclasses.asdict(mean) | {"mean": _finite(mean.mean)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# fmt: off
COLUMNS = (
    "problems", "variant", "version", "data", "fingerprint", "seed", "count", "steps", "held_out", "environment",
    "label", "rule", "tokens", "key", "place_best", "place_worst", "group", "tuned", "rate", "validation",
    "mean", "mean_low", "mean_high", "median", "log10", "log10_low", "log10_high", "diverged", "finals",
    "curve_mean", "curve_median", "curve_low", "curve_high",
)
# fmt: on


def _csv(boards: Sequence[LearnedBoard]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_line(one, each) for board in boards for each in board.problems for one in each.results)
    return text.getvalue()


def _line(one: Result, each: Problems) -> Json:
    shared = each.conditions.model_dump(include={*COLUMNS})
    shared["environment"] = json.dumps(shared["environment"], sort_keys=True)
    cells = _result(one, each)
    own = {name: cells[name] for name in ("label", "rule", "tokens", "key", "group", "rate", "diverged", "median")}
    curve = one.entrant.curve
    return {
        **{name: wording.plain(text) if isinstance(text, str) else text for name, text in shared.items()},
        **own,
        "tuned": str(one.tuned).lower(),
        "place_best": one.places[0],
        "place_worst": one.places[1],
        "validation": " ".join(f"{rate:g}:{_word(f)}" for rate, f in one.entrant.validation),
        **dict(_interval("mean", one.mean)),
        **dict(_interval("log10", one.log)),
        "finals": _joined(one.entrant.finals),
        **{f"curve_{name}": _joined(getattr(curve, name)) for name in ("mean", "median", "low", "high")},
    }


def _interval(name: str, mean: Estimate) -> Iterator[tuple[str, float | None]]:
    yield from ((name, _finite(mean.mean)), (f"{name}_low", mean.low), (f"{name}_high", mean.high))


def _joined(values: Sequence[float | None]) -> str:
    return " ".join(map(_word, values))


def _word(value: float | None) -> str:
    return "none" if value is None else str(value)
