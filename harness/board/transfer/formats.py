"""Boards of transfers for other programs and documents: JSON, CSV and Markdown.

**JSON** (``"schema": 1``; a change that could break a reader raises it, a new key does not)::

    {"schema": 1, "transfer_boards": [{
      "chosen": str,                         # how the candidates were chosen; empty if they were named by hand
      "commits": [str], "hardware": [str],
      "candidates": [{"label", "rule", "tokens", "key"}],            # by mean rank; then by name those without one
      "workloads": [{
        "label", "protocol": {"name", "version", "hash", "metric": {...}}, "epochs", "task",
        "data": {"name", "fingerprint"}, "environment": {...}, "seeds": [int],
        "figure": "test" or "validation",    # what is reported, ranked and compared
        "metric": {"name", "unit", "score", "better": "more" or "less"},
        "unit": "training examples" or "epochs",                     # of times
        "adam": label or "", "targets": [{"seed", "validation"}],    # what tuned ADAM ended with
        "results": [{                        # of candidates that trained to the end, by the figure, the best first
          "label", "key", "places": [best, worst],
          "group": "1–3", "underpowered", or "" for a single candidate,
          "validation": mean, "test": mean or null, "best_validation": mean, "test_at_best": mean or null,
          "figures": {name: {"mean", "low", "high", "count"}},       # others, such as BLEU
          "time": null or {"seeds": [int], "needed": [amount], "reached", "median": amount,
            "low": amount or null, "high": amount or null},
          "diverged", "errors",
          "children": [{"seed", "status", "validation", "test", "best_validation", "best_epoch", "test_at_best",
            "figures": {...}, "learning_rate", "examples", "seconds", "sweep": [[float, float]], "curve": [float]}]}],
        "comparisons": [comparison],         # of every two results, in scores, as on the searchers' board
        "funnel": null or {"rungs": [int], "entered": [{"label", "key", "standing", "stopped": int or null,
          "finished": bool, "validation": [mean or null]}]}}],       # at each rung
      "across": null or {
        "workloads": [label], "left_out": [label],
        "ranks": [{"label", "mean", "ranks": [float]}],              # by mean; ranks by workload
        "timed": [label], "profiles": [{"label", "score", "ratios": [amount], "steps": [[ratio, share]]}]},
      "unfinished": [{"run", "workload", "seed", "state", "done", "candidates"}],
      "notes": [str]}]}

A *mean* is ``{"mean", "low", "high", "count", "figure": {"mean", "low", "high"}}``: scores in [0, 1] over so many
seeds, with the interval's ends null below three seeds; and beside them the metric's figures, null where there is no
interval or the figure is infinite. Children and targets hold scores. An *amount* is a number, or ``"never"``.

**CSV** has one line per candidate and workload, which starts with the workload's columns; figures by seed are separated
by blanks.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterator, Sequence

from harness.board import wording
from harness.board.markdown import Format, markdown
from harness.board.searches.formats import comparison, protocol
from harness.board.statistics import Estimate
from harness.board.transfer import pages as transfer_pages
from harness.board.transfer.board import Across, Child, Entered, Funnel, Result, TimeToTarget, TransferBoard, Workload
from harness.board.transfer.figures import NEVER, better, ends, figure, tie_group
from harness.contracts import Metric

SCHEMA = 1

Json = dict[str, object]


def render(boards: Sequence[TransferBoard], format: Format) -> str:
    """Write boards as one text, ending in a line break."""
    match format:
        case Format.JSON:
            document = {"schema": SCHEMA, "transfer_boards": [_board(board) for board in boards]}
            return json.dumps(document, indent=2, allow_nan=False) + "\n"
        case Format.CSV:
            return _csv(boards)
        case Format.MD:
            return _markdown(boards)


def _markdown(boards: Sequence[TransferBoard]) -> str:
    """Write pages with the wide matrix, which has intervals, in place of the narrow one."""
    if not boards:
        return transfer_pages.EMPTY + "\n"
    pages = []
    for board, page in zip(boards, transfer_pages.pages(boards), strict=True):
        wide = transfer_pages.matrix(board, board.workloads, intervals=True)
        narrow = -(-len(board.workloads) // transfer_pages.MOST_COLUMNS)
        pages.append(dataclasses.replace(page, tables=(wide, *page.tables[narrow:]) if wide.rows else page.tables))
    return markdown(pages)


def _board(board: TransferBoard) -> Json:
    return {
        "chosen": board.chosen,
        "commits": list(board.commits),
        "hardware": list(board.hardware),
        "candidates": [
            {
                "label": each.label,
                "rule": wording.formula(each.candidate),
                "tokens": str(each.candidate),
                "key": each.key,
            }
            for each in board.entrants
        ],
        "workloads": [_workload(each) for each in board.workloads],
        "across": None if board.across is None else _across(board.across),
        "unfinished": [dataclasses.asdict(each) for each in board.unfinished],
        "notes": list(board.notes),
    }


def _workload(each: Workload) -> Json:
    metric = each.protocol.measured
    return {
        "label": each.label,
        "protocol": protocol(each.protocol),
        "epochs": each.protocol.epochs,
        "task": each.protocol.task,
        "data": {"name": each.data, "fingerprint": each.fingerprint},
        "environment": dict(each.environment),
        "seeds": list(each.seeds),
        "figure": _figure(each),
        "metric": {**dataclasses.asdict(metric), "better": better(metric).partition(" ")[0]},
        "unit": each.unit,
        "adam": each.adam,
        "targets": [{"seed": seed, "validation": score} for seed, score in each.targets],
        "results": [_result(each, result) for result in each.results],
        "comparisons": [comparison(pair) for pair in each.comparisons],
        "funnel": None if each.funnel is None else _funnel(each.funnel, metric),
    }


def _figure(each: Workload) -> str:
    return "test" if each.tested else "validation"


def _result(workload: Workload, each: Result) -> Json:
    metric = workload.protocol.measured
    return {
        "label": each.label,
        "key": each.key,
        "places": list(each.places),
        "group": tie_group(each, len(workload.results) - 1),
        "validation": _mean(metric, each.validation),
        "test": None if each.test is None else _mean(metric, each.test),
        "best_validation": _mean(metric, each.best),
        "test_at_best": None if each.test_at_best is None else _mean(metric, each.test_at_best),
        "figures": {name: dataclasses.asdict(found) for name, found in each.figures},
        "time": None if each.time is None else _time(each.time),
        "diverged": each.diverged,
        "errors": each.errors,
        "children": [_child(child) for child in each.children],
    }


def _mean(metric: Metric, each: Estimate) -> Json:
    low, high = ends(metric, each) or (None, None)
    figures = {"mean": _finite(figure(metric, each.mean)), "low": _finite(low), "high": _finite(high)}
    return dataclasses.asdict(each) | {"figure": figures}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _amount(value: float) -> float | str:
    return value if math.isfinite(value) else NEVER


def _time(each: TimeToTarget) -> Json:
    return {
        "seeds": list(each.seeds),
        "needed": [_amount(value) for value in each.needed],
        "reached": each.reached,
        "median": _amount(each.median),
        "low": None if each.low is None else _amount(each.low),
        "high": None if each.high is None else _amount(each.high),
    }


def _child(each: Child) -> Json:
    fields = dataclasses.asdict(each)
    best = fields.pop("best")
    return fields | {"status": each.status.value, "best_validation": best, "figures": dict(each.figures)}


def _funnel(found: Funnel, metric: Metric) -> Json:
    return {"rungs": list(found.rungs), "entered": [_entered(each, metric) for each in found.entered]}


def _entered(each: Entered, metric: Metric) -> Json:
    return {
        "label": each.label,
        "key": each.key,
        "standing": each.standing,
        "stopped": each.stopped,
        "finished": each.finished,
        "validation": [None if score is None else _mean(metric, score) for score in each.scores],
    }


def _across(found: Across) -> Json:
    return {
        "workloads": list(found.workloads),
        "left_out": list(found.left_out),
        "ranks": [{"label": each.label, "mean": each.mean, "ranks": list(each.ranks)} for each in found.ranks],
        "timed": list(found.timed),
        "profiles": [
            {
                "label": each.label,
                "score": each.score,
                "ratios": [_amount(ratio) for ratio in each.ratios],
                "steps": [list(step) for step in each.steps],
            }
            for each in found.profiles
        ],
    }


# fmt: off
COLUMNS = (
    "board", "chosen", "workload", "protocol", "protocol_version", "protocol_hash", "data", "fingerprint",
    "environment", "epochs", "figure", "metric", "better", "label", "rule", "tokens", "key", "standing",
    "place_best", "place_worst", "group", "seeds", "value", "value_low", "value_high", "test", "test_low", "test_high",
    "tests", "validation", "validation_low", "validation_high", "validations", "best_validation", "best_validations",
    "test_at_best", "tests_at_best", "figures", "adam", "time_unit", "time_median", "time_low", "time_high",
    "time_reached", "time_seeds", "times", "diverged", "errors", "learning_rates", "mean_rank", "profile_score",
)
# fmt: on


def _csv(boards: Sequence[TransferBoard]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines(boards))
    return text.getvalue()


def lines(boards: Sequence[TransferBoard]) -> Iterator[Json]:
    """Yield the cells of a line of the CSV: of each candidate of a workload, by column; missing ones are left out."""
    for number, board in enumerate(boards, 1):
        records = {each.key: each.candidate for each in board.entrants}
        for workload in board.workloads:
            finished = {each.key for each in workload.results}
            entered = () if workload.funnel is None else workload.funnel.entered
            shown = [(each.label, each.key, _cells(board, workload, each)) for each in workload.results]
            shown += [
                (each.label, each.key, {"standing": each.standing, "seeds": _joined([c.seed for c in each.children])})
                for each in entered
                if each.key not in finished
            ]
            for label, key, cells in shown:
                named = {"label": label, "rule": wording.formula(records[key]), "tokens": str(records[key]), "key": key}
                yield _head(number, board, workload) | named | cells


def _head(number: int, board: TransferBoard, each: Workload) -> Json:
    metric = each.protocol.measured
    return {
        "board": number,
        "chosen": wording.plain(board.chosen),
        "workload": wording.plain(each.label),
        "protocol": each.protocol.name,
        "protocol_version": each.protocol.version,
        "protocol_hash": each.protocol.hash,
        "data": wording.plain(each.data),
        "fingerprint": each.fingerprint,
        "environment": json.dumps(dict(each.environment), sort_keys=True),
        "epochs": each.protocol.epochs,
        "figure": _figure(each),
        "metric": wording.plain(metric.titled),
        "better": better(metric).partition(" ")[0],
        "adam": each.adam,
        "time_unit": each.unit,
    }


def _cells(board: TransferBoard, workload: Workload, each: Result) -> Json:
    metric = workload.protocol.measured
    low, high = ends(metric, each.figure) or (None, None)
    cells: Json = {
        "standing": "finished",
        "place_best": each.places[0],
        "place_worst": each.places[1],
        "group": tie_group(each, len(workload.results) - 1),
        "seeds": _joined(each.seeds),
        "value": figure(metric, each.figure.mean),
        "value_low": low,
        "value_high": high,
        "best_validation": each.best.mean,
        "best_validations": _joined([child.best for child in each.children]),
        "test_at_best": None if each.test_at_best is None else each.test_at_best.mean,
        "tests_at_best": _joined([child.test_at_best for child in each.children]) if each.test_at_best else "",
        "tests": _joined([child.test for child in each.children]) if each.test else "",
        "validations": _joined([child.validation for child in each.children]),
        "figures": json.dumps({name: found.mean for name, found in each.figures}) if each.figures else "",
        "diverged": each.diverged,
        "errors": each.errors,
        "learning_rates": _joined([child.learning_rate for child in each.children]),
    }
    for name, found in {"test": each.test, "validation": each.validation}.items():
        if found is not None:
            cells |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    if each.time is not None:
        timed = _time(each.time)
        cells |= {f"time_{name}": timed[name] for name in ("median", "low", "high", "reached")}
        cells |= {"time_seeds": len(each.time.seeds), "times": _joined([_amount(one) for one in each.time.needed])}
    if board.across is not None:
        ranks = {one.label: one.mean for one in board.across.ranks}
        scores = {one.label: one.score for one in board.across.profiles}
        cells |= {"mean_rank": ranks.get(each.label), "profile_score": scores.get(each.label)}
    return cells


def _joined(values: Sequence[float | str | None]) -> str:
    return " ".join("none" if value is None else str(value) for value in values)
