"""From the runs of a contest to its record: means over functions by step, and paired tests of the last figure.

Entrants are compared on the minimum so far after the last step, function by function. Up to ``MOST_FLIPPED`` functions
p is that of the sign-flip test, beyond that of the paired t test, which then hardly assumes anything. Intervals are
Student's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.blackbox.contest import Aside, lowest
from harness.blackbox.store import Runs
from harness.board.blackbox.record import Conditions, Curve, Entrant, Method, Pair, Record, Trajectory, digest
from harness.board.statistics import CONFIDENCE, paired_t, sign_flip, student
from harness.seeds import derive_seed

MOST_FLIPPED = 200
SHOWN = 2  # functions of one dimension whose trajectories are kept
DIGITS, SHOWN_DIGITS = 6, 4
LABEL_DIGITS = 6  # of a hash, where one label would stand for two entrants
LOW, HIGH = 0.1, 0.9

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ran:
    """An optimizer with its runs.

    Attributes:
        label: its name on the board.
        method: what it is.
        runs: on the functions of the contest, at least one.
        aside: what it did apart from the contest, if it was due.
    """

    label: str
    method: Method
    runs: Runs
    aside: Aside | None


def summary(conditions: Conditions, ran: Sequence[Ran]) -> Record:
    """Return the record of some runs, by label."""
    labelled = dict(sorted(zip(_labels(ran), ran, strict=True)))
    regret = not any(np.isnan(each.runs.minima).any() for each in ran)
    curves = {label: _so_far(each.runs, regret=regret) for label, each in labelled.items()}
    shown = next((each.aside.curves[:SHOWN] for each in ran if each.aside is not None), np.empty((0, 0)))
    return Record(
        conditions=conditions,
        regret=regret,
        shown=tuple(_rounded(each, SHOWN_DIGITS) for each in shown if len(each)),
        entrants=tuple(_entrant(label, each, curves[label]) for label, each in labelled.items()),
        pairs=tuple(
            _pair(first, second, curves[first][:, -1], curves[second][:, -1])
            for first, second in combinations(labelled, 2)
        ),
    )


def _so_far(runs: Runs, *, regret: bool) -> Array:
    """Return the minimum so far, or the regret, (functions, steps)."""
    least: Array = np.minimum.accumulate(runs.values, axis=1)
    if not regret:
        return least
    above: Array = least - runs.minima[:, None]
    wrong = least < lowest(runs.minima)[:, None]  # the minimum is: then its regrets below zero stay to be seen
    return np.where(wrong, above, np.maximum(above, 0.0))


def _labels(ran: Sequence[Ran]) -> list[str]:
    times = Counter(each.label for each in ran)
    return [
        each.label if times[each.label] == 1 else f"{each.label} {digest(each.method.model_dump())[:LABEL_DIGITS]}"
        for each in ran
    ]


def _entrant(label: str, each: Ran, curves: Array) -> Entrant:
    steps, aside = curves.shape[1], each.aside
    low, median, high = np.quantile(curves[:, -1], [LOW, 0.5, HIGH])
    own = _digits(np.median(each.runs.seconds) / steps)
    alone = own if aside is None or not each.method.side_by_side else _digits(np.median(aside.seconds) / steps)
    shown = [] if aside is None or not aside.curves.size else list(zip(aside.points, aside.values, strict=True))[:SHOWN]
    return Entrant(
        label=label,
        method=each.method,
        commits=each.runs.made.get("commit", ()),
        hardware=each.runs.made.get("hardware", ()),
        count=len(curves),
        curve=Curve(mean=_rounded(curves.mean(0)), margin=_margins(curves)),
        low=_digits(low),
        median=_digits(median),
        high=_digits(high),
        seconds=alone,
        seconds_side_by_side=own if each.method.side_by_side else None,
        trajectories=tuple(
            Trajectory(points=_rounded(points, SHOWN_DIGITS), values=_rounded(values, SHOWN_DIGITS))
            for points, values in shown
        ),
    )


def _margins(values: Array) -> tuple[float, ...] | None:
    """Return half the width of the 95% interval of each column's mean; None for one row."""
    count = len(values)
    if count < 2:
        return None
    reach = student((1 + CONFIDENCE) / 2, count - 1)
    return _rounded(reach * values.std(axis=0, ddof=1) / count**0.5)


def _pair(first: str, second: str, one: Array, other: Array) -> Pair:
    count = min(len(one), len(other))
    differences = one[:count] - other[:count]
    if count <= MOST_FLIPPED:
        p = sign_flip(differences.tolist(), seed=derive_seed(0, "board", "blackbox", "pairs"))
    else:
        p = paired_t(differences.tolist())
    margin = _margins(differences[:, None])
    return Pair(
        first=first,
        second=second,
        count=count,
        difference=_digits(differences.mean()),
        margin=None if margin is None else margin[0],
        spread=None if count < 2 else _digits(differences.std(ddof=1)),
        p=_digits(p),
    )


def _digits(value: float, digits: int = DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def _rounded(values: Array, digits: int = DIGITS) -> tuple[float, ...]:
    return tuple(_digits(value, digits) for value in values.tolist())
