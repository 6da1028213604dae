"""Proposals and runs as rows of the ledger, exact to the last bit."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass

from harness.candidates import NamedOptimizer, names_optimizer
from harness.contracts import Block, Candidate, Outcome, Rule, Status
from harness.errors import LedgerError, message
from harness.race.entry import Entry, Source
from harness.race.header import RunHeader
from harness.race.runs import Results, RunState

RUN_COLUMNS = ("identity", "header", "state", "started", "seconds", "exhausted")
LATER_COLUMNS = ("test", "test_at_best", "figures")  # empty where a task gives none, as before they existed
OUTCOME_COLUMNS = (
    "status",
    "score",
    "learning_rate",
    "examples",
    "seconds",
    "sweep",
    "curve",
    "message",
    *LATER_COLUMNS,
)
ENTRY_COLUMNS = ("number", "rule", "key", "source", "asked", "told", *OUTCOME_COLUMNS)
RESULT_COLUMNS = ("number", "rule", "key", "source", "status", "score", "learning_rate", "message")
Cell = str | int | float | None
_header_from = functools.lru_cache(maxsize=65_536)(RunHeader.from_json)  # boards read the same headers again and again


_RATES = {float, type(None)}
_CHARGED: dict[Cell, bool] = {source.value: source is not Source.DUPLICATE for source in Source}
_STATUSES: dict[Cell, Status] = {status.value: status for status in Status}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run without its proposals.

    Attributes:
        identity: the run's identity.
        header: its header.
        state: its state.
        started: when it first began, in seconds since the epoch.
        seconds: wall time that processes have spent on it.
        exhausted: the step at which the searcher had nothing left to propose; None if it never happened.
    """

    identity: str
    header: RunHeader
    state: RunState
    started: float
    seconds: float
    exhausted: int | None


def run_from(cells: Sequence[Cell]) -> RunRow:
    """Read the values of ``RUN_COLUMNS``.

    Raises:
        LedgerError: the cells are not a run.
    """
    identity, header, state, started, seconds, exhausted = cells
    try:
        return RunRow(
            identity=str(identity),
            header=_header_from(str(header)),
            state=RunState(str(state)),
            started=number(started),
            seconds=number(seconds),
            exhausted=None if exhausted is None else whole(exhausted),
        )
    except ValueError as cause:
        raise unreadable("run", cells) from cause


def rule_from(text: str) -> Rule:
    """Read a token string that ``str(rule)`` wrote, without the full parser.

    Raises:
        LedgerError: it is not a multiple of five names.
    """
    names = text.split(" ")
    if len(names) % 5:
        raise unreadable("rule", text)
    return Rule(tuple(Block(*names[start : start + 5]) for start in range(0, len(names), 5)))


def candidate_from(text: str) -> Candidate:
    """Read what ``str(candidate)`` wrote: a rule's token string, or the record of another optimizer.

    Raises:
        LedgerError: it is neither.
    """
    return NamedOptimizer.read(text) if names_optimizer(text) else rule_from(text)


def outcome_cells(outcome: Outcome | None) -> tuple[Cell, ...]:
    """Return the values of ``OUTCOME_COLUMNS``; all None for a pending child."""
    if outcome is None:
        return (None,) * len(OUTCOME_COLUMNS)
    return (
        outcome.status.value,
        outcome.score,
        outcome.learning_rate,
        outcome.examples,
        outcome.seconds,
        json.dumps(outcome.sweep),
        json.dumps(outcome.curve),
        outcome.message,
        outcome.test,
        outcome.test_at_best,
        json.dumps(outcome.figures) if outcome.figures else None,
    )


def outcome_from(cells: Sequence[Cell]) -> Outcome | None:
    """Read what ``outcome_cells`` returned; None for a pending child.

    Raises:
        LedgerError: the cells are not an outcome.
    """
    status, score, learning_rate, examples, seconds, sweep, curve, note, test, at_best, figures = cells
    if status is None:
        return None
    try:
        return Outcome(
            status=Status(str(status)),
            score=number(score),
            learning_rate=None if learning_rate is None else number(learning_rate),
            examples=whole(examples),
            seconds=number(seconds),
            sweep=tuple((float(rate), float(earned)) for rate, earned in json.loads(str(sweep))),
            curve=tuple(float(earned) for earned in json.loads(str(curve))),
            message=str(note),
            test=None if test is None else number(test),
            test_at_best=None if at_best is None else number(at_best),
            figures=tuple((str(name), float(figure)) for name, figure in json.loads(str(figures or "[]"))),
        )
    except (ValueError, TypeError) as cause:
        raise unreadable("outcome", cells) from cause


def entry_cells(entry: Entry) -> tuple[Cell, ...]:
    """Return the values of ``ENTRY_COLUMNS``."""
    head = (entry.index, str(entry.rule), entry.key, entry.source.value, entry.asked, entry.told)
    return head + outcome_cells(entry.outcome)


def entry_from(cells: Sequence[Cell]) -> Entry:
    """Read what ``entry_cells`` returned.

    Raises:
        LedgerError: the cells are not an entry.
    """
    index, rule, key, source, asked, told, *rest = cells
    try:
        return Entry(
            index=whole(index),
            rule=candidate_from(str(rule)),
            key=str(key),
            source=Source(str(source)),
            asked=whole(asked),
            told=None if told is None else whole(told),
            outcome=outcome_from(rest),
        )
    except ValueError as cause:
        raise unreadable("trial", cells) from cause


def results_from(rows: Sequence[Sequence[Cell]]) -> Results:
    """Read rows of ``RESULT_COLUMNS``, column by column: boards read hundreds of thousands.

    Raises:
        LedgerError: one of them is not a result.
    """
    if not rows:
        return Results()
    numbers, rules, keys, sources, statuses, scores, rates, notes = zip(*rows, strict=True)
    try:
        texts = ((rules, {str}), (keys, {str}), (notes, {str}))
        for column, kinds in ((numbers, {int}), *texts, (scores, {float}), (rates, _RATES)):
            if not kinds.issuperset(map(type, column)):
                raise KeyError(column)
        charged, ended = [_CHARGED[source] for source in sources], [_STATUSES[status] for status in statuses]
    except KeyError as cause:
        broken = next(row for row in rows if _unlike_a_result(row))
        raise unreadable("result", broken) from cause
    return Results(numbers, rules, keys, charged, ended, scores, rates, notes)


def _unlike_a_result(row: Sequence[Cell]) -> bool:
    index, rule, key, source, status, score, rate, note = row
    kinds = (type(index), type(score)) == (int, float) and type(rate) in _RATES
    kinds = kinds and {type(rule), type(key), type(note)} == {str}
    return not kinds or source not in _CHARGED or status not in _STATUSES


def number(cell: Cell) -> float:
    """Return the value of a cell that must hold a number.

    Raises:
        ValueError: it holds something else.
    """
    if isinstance(cell, int | float):
        return cell
    raise ValueError(f"{cell!r} is not a number")


def whole(cell: Cell) -> int:
    """Return the value of a cell that must hold a whole number.

    Raises:
        ValueError: it holds something else.
    """
    if isinstance(cell, int):
        return cell
    raise ValueError(f"{cell!r} is not a whole number")


def unreadable(what: str, got: object) -> LedgerError:
    """Return the error for something in the store that no run wrote."""
    hint = "The ledger is damaged: restore a copy"
    return LedgerError(message(f"{what} in the ledger", expected="what a run wrote", got=got, hint=hint))
