"""Boards of confirmed rules for other programs and documents: JSON, CSV and Markdown.

**JSON** (``"schema": 1``; a change that could break a reader raises it, a new key does not)::

    {"schema": 1, "rules_boards": [{
      "protocol": {"name", "version", "hash", "metric": {...}},       # the metric if it states one
      "data": {"name", "fingerprint"}, "environment": {...},
      "searched": null or {"comparable", "space": {...}, "protocol", "data", "budget": {"children", "proposals"}},
      "nominated": str,                      # how the rules were chosen; empty if that was not recorded
      "seeds": [int], "commits": [str], "hardware": [str],
      "figure": "test" or "validation",      # what rules are ranked by and compared in
      "best_known": key, "target": float or null,
      "rules": [{                            # by the figure, the best first
        "rule", "tokens", "key", "known", "finders": [{"label", "seeds": [int], "score"}], "search_score", "drop",
        "validation": {"mean", "low", "high"}, "test": {...} or null,
        "paired": null or {"difference": {...}, "differences": [float], "seeds": [int], "p", "adjusted", "least"},
        "diverged", "errors", "reached", "target_examples", "means": [str] or null, "complexity": int or null,
        "retrainings": [{"seed", "status", "validation", "test", "learning_rate", "target_examples", "examples",
          "seconds", "sweep": [[float, float]], "curve": [float]}]}],
      "unfinished": [{"run", "seed", "state", "done", "rules"}],
      "notes": [str]}]}

For a candidate that is not a rule, ``rule`` is its name with the options given, such as ``torch
AdamW(weight_decay=0.1)``, ``tokens`` is its record, and ``means`` and ``complexity`` are null.

**CSV** has one line per rule, which starts with its board's columns; figures by seed are separated by blanks.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence

from harness.board import wording
from harness.board.markdown import Format, markdown
from harness.board.rules import pages as rules_pages
from harness.board.rules.board import ConfirmedRule, RulesBoard, Searched
from harness.board.searches.formats import interval, protocol

SCHEMA = 1

Json = dict[str, object]


def render(boards: Sequence[RulesBoard], format: Format) -> str:
    """Write boards as one text, ending in a line break."""
    match format:
        case Format.JSON:
            document = {"schema": SCHEMA, "rules_boards": [_board(board) for board in boards]}
            return json.dumps(document, indent=2, allow_nan=False) + "\n"
        case Format.CSV:
            return _csv(boards)
        case Format.MD:
            return markdown(rules_pages.pages(boards)) if boards else rules_pages.EMPTY + "\n"


def _board(board: RulesBoard) -> Json:
    return {
        "protocol": protocol(board.protocol),
        "data": {"name": board.data, "fingerprint": board.fingerprint},
        "environment": dict(board.environment),
        "searched": None if board.searched is None else _searched(board.searched),
        "nominated": board.nominated,
        "seeds": list(board.seeds),
        "commits": list(board.commits),
        "hardware": list(board.hardware),
        "figure": _figure(board),
        "best_known": board.best_known,
        "target": board.target,
        "rules": [_rule(each) for each in board.rules],
        "unfinished": [dataclasses.asdict(each) for each in board.unfinished],
        "notes": list(board.notes),
    }


def _searched(each: Searched) -> Json:
    return {
        "comparable": each.comparable,
        "space": each.space.spec(),
        "protocol": protocol(each.protocol),
        "data": {"name": each.data, "fingerprint": each.fingerprint},
        "budget": dataclasses.asdict(each.budget),
    }


def _figure(board: RulesBoard) -> str:
    return "test" if board.tested else "validation"


def _rule(each: ConfirmedRule) -> Json:
    paired = each.paired
    return {
        "rule": wording.formula(each.rule),
        "tokens": str(each.rule),
        "key": each.key,
        "known": each.known,
        "finders": [dataclasses.asdict(finder) for finder in each.finders],
        "search_score": each.search_score,
        "drop": each.drop,
        "validation": interval(each.validation),
        "test": None if each.test is None else interval(each.test),
        "paired": None
        if paired is None
        else {
            "difference": interval(paired.difference),
            "differences": list(paired.differences),
            "seeds": list(paired.seeds),
            "p": paired.p,
            "adjusted": paired.adjusted,
            "least": paired.least,
        },
        "diverged": each.diverged,
        "errors": each.errors,
        "reached": each.reached,
        "target_examples": each.target_examples,
        "means": None if each.means is None else list(each.means),
        "complexity": each.complexity,
        "retrainings": [dataclasses.asdict(one) | {"status": one.status.value} for one in each.retrainings],
    }


# fmt: off
COLUMNS = (
    "board", "protocol", "protocol_version", "protocol_hash", "data", "fingerprint", "searched", "budget_children",
    "commits", "hardware", "figure", "target", "place", "rule", "tokens", "key", "known", "found_by", "search_score",
    "drop", "seeds", "test", "test_low", "test_high", "tests", "validation", "validation_low", "validation_high",
    "validations", "difference", "difference_low", "difference_high", "p", "p_adjusted", "diverged", "errors",
    "reached", "target_examples", "means", "complexity", "learning_rates", "nominated",
)
# fmt: on


def _csv(boards: Sequence[RulesBoard]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for number, board in enumerate(boards, 1):
        writer.writerows(_line(number, board, place, each) for place, each in enumerate(board.rules, 1))
    return text.getvalue()


def _line(number: int, board: RulesBoard, place: int, each: ConfirmedRule) -> Json:
    line: Json = {
        "board": number,
        "protocol": board.protocol.name,
        "protocol_version": board.protocol.version,
        "protocol_hash": board.protocol.hash,
        "data": wording.plain(board.data),
        "fingerprint": board.fingerprint,
        "searched": "" if board.searched is None else board.searched.comparable,
        "budget_children": "" if board.searched is None else board.searched.budget.children,
        "commits": " ".join(board.commits),
        "hardware": wording.plain("; ".join(board.hardware)),
        "figure": _figure(board),
        "target": board.target,
        "place": place,
        "rule": wording.formula(each.rule),
        "tokens": str(each.rule),
        "key": each.key,
        "known": each.known,
        "found_by": wording.plain(", ".join(finder.label for finder in each.finders)),
        "search_score": each.search_score,
        "drop": each.drop,
        "seeds": _joined(each.seeds),
        "tests": _joined([one.test for one in each.retrainings]) if each.test is not None else "",
        "validations": _joined([one.validation for one in each.retrainings]),
        "diverged": each.diverged,
        "errors": each.errors,
        "reached": each.reached,
        "target_examples": each.target_examples,
        "means": "" if each.means is None else " ".join(each.means),
        "complexity": each.complexity,
        "learning_rates": _joined([one.learning_rate for one in each.retrainings]),
        "nominated": wording.plain(board.nominated),
    }
    figures = {"test": each.test, "validation": each.validation}
    if each.paired is not None:
        line |= {"p": each.paired.p, "p_adjusted": each.paired.adjusted}
        figures["difference"] = each.paired.difference
    for name, figure in figures.items():
        if figure is not None:
            line |= {name: figure.mean, f"{name}_low": figure.low, f"{name}_high": figure.high}
    return line


def _joined(values: Sequence[float | None]) -> str:
    return " ".join("none" if value is None else str(value) for value in values)
