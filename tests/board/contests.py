"""Made-up contests of black-box optimizers: what every entrant ended with, function by function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.blackbox.contest import GRID, TIMED, Aside
from harness.blackbox.store import Runs
from harness.board.blackbox.record import Conditions, Method, Record
from harness.board.blackbox.summary import Ran, summary

STEPS = 5
BEST = [0.010, 0.012, 0.009, 0.011, 0.010, 0.008, 0.012, 0.010]
MIDDLE = [0.10, 0.13, 0.10, 0.12, 0.09, 0.08, 0.11, 0.11]
WORST = [1.0, 1.2, 1.1, 0.9, 1.0, 0.8, 1.3, 1.0]


def conditions(**changes: object) -> Conditions:
    fields: dict[str, object] = {
        "functions": "gp",
        "variant": "2",
        "version": 1,
        "dimensions": 2,
        "seed": 0,
        "steps": STEPS,
        "workers": 1,
        "block": 100,
        "environment": {"numpy": "2.0"},
    }
    return Conditions(**fields | changes)  # type: ignore[arg-type]


def ran(
    name: str,
    ends: Sequence[float],
    *,
    steps: int = STEPS,
    known: bool = False,
    milliseconds: float = 1.0,
    shown: bool = False,
    **changes: object,
) -> Ran:
    """An optimizer that falls on a straight line from 2 to its ends, and then asks for something worse.

    Args:
        name: its name and label.
        ends: the least value of each function, which it finds at the step before the last.
        steps: how many it takes.
        known: whether the minima are known: they are 0.
        milliseconds: of a proposal.
        shown: whether functions are shown.
        changes: of the method.
    """
    part = np.linspace(0, 1, max(2, steps - 1))[None]
    values = 2.0 + part * (np.array(ends)[:, None] - 2.0)
    values = np.concatenate([values, np.full((len(ends), 1), 3.0)], axis=1)[:, -steps:]
    fields: dict[str, object] = {"name": name, "version": 1, "settings": {}, "environment": {"numpy": "2.0"}}
    method = Method(**fields | changes)  # type: ignore[arg-type]
    minima = np.zeros(len(ends)) if known else np.full(len(ends), np.nan)
    seconds = np.full(len(ends), steps * milliseconds / 1_000)
    made = {"commit": ("0123456789abcdef",), "hardware": ("a processor",)}
    aside = None
    if shown or method.side_by_side:
        width, kept = (GRID, steps) if shown else (0, 0)
        heights = np.arange(TIMED)[:, None]
        curves = np.linspace(-1, 1, width) ** 2 + heights
        points = np.tile(np.linspace(0, 1, kept), (TIMED, 1))
        aside = Aside(np.full(TIMED, 3 * steps * milliseconds / 1_000), curves, points, (2 * points - 1) ** 2 + heights)
    return Ran(name, method, Runs(values, minima, seconds, made), aside)


def record(
    ends: Mapping[str, Sequence[float]], *, known: bool = False, shown: bool = False, **changes: object
) -> Record:
    """A contest with the least value of each entrant by function."""
    if shown:
        changes = {"dimensions": 1, "variant": "1"} | changes
    shared = conditions(**changes)
    every = [
        ran(name, values, steps=shared.steps, known=known, shown=shown, milliseconds=10.0**place)
        for place, (name, values) in enumerate(ends.items())
    ]
    return summary(shared, every)
