"""From records of contests to boards: who is significantly better, with Holm's correction over pairs."""

from __future__ import annotations

from collections.abc import Sequence

from harness.board.blackbox.board import BlackboxBoard, Problem, Result
from harness.board.blackbox.record import Entrant, Pair, Record
from harness.board.comparison import Comparison, corrected, places
from harness.board.statistics import Estimate, PairedTest


def board(records: Sequence[Record]) -> BlackboxBoard:
    """Return the board of some contests, in the order given."""
    names = [_name(record) for record in records]
    entrants = [each for record in records for each in record.entrants]
    return BlackboxBoard(
        problems=tuple(
            _problem(each, f"{name}, {_apart(each)}" if names.count(name) > 1 else name)
            for each, name in zip(records, names, strict=True)
        ),
        commits=tuple(dict.fromkeys(text for each in entrants for text in each.commits)),
        hardware=tuple(dict.fromkeys(text for each in entrants for text in each.hardware)),
    )


def _name(record: Record) -> str:
    workers = record.conditions.workers
    return f"{record.conditions.name}, {workers} workers" if workers > 1 else record.conditions.name


def _apart(record: Record) -> str:
    conditions = record.conditions
    return f"seed {conditions.seed}, {conditions.steps} steps ({conditions.identity})"


def _problem(record: Record, label: str) -> Problem:
    pairs = corrected([_compared(each) for each in record.pairs])
    placed = places([each.label for each in record.entrants], pairs)
    results = [
        Result(
            label=each.label,
            entrant=each,
            final=_final(each),
            places=placed[each.label],
            compared=not pairs
            or any(pair.adjusted is not None for pair in pairs if each.label in (pair.first, pair.second)),
        )
        for each in record.entrants
    ]
    return Problem(
        label=label,
        conditions=record.conditions,
        regret=record.regret,
        results=tuple(sorted(results, key=lambda each: (sum(each.places), each.final.mean, each.label))),
        pairs=pairs,
        shown=record.shown,
    )


def _compared(pair: Pair) -> Comparison:
    """Return a pair's comparison in minus the figure, so that more is better as on other boards."""
    test = PairedTest(_interval(-pair.difference, pair.margin, pair.count), pair.spread, pair.p)
    return Comparison(first=pair.first, second=pair.second, test=test)


def _final(each: Entrant) -> Estimate:
    margin = None if each.curve.margin is None else each.curve.margin[-1]
    return _interval(each.curve.mean[-1], margin, each.count)


def _interval(mean: float, margin: float | None, count: int) -> Estimate:
    return Estimate(mean, None, None, count) if margin is None else Estimate(mean, mean - margin, mean + margin, count)
