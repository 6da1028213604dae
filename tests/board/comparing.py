"""Made-up comparisons of learned optimizers: what every candidate ended with, problem by problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.board.learned.record import Comparison, Conditions, Curve, Entrant, finals
from harness.board.rules.known import candidate
from harness.candidates import NamedOptimizer

RATES = (0.01, 0.1, 1.0)
STEPS = 4
START = 100.0
LSTM = str(NamedOptimizer("learned", "quadratic", (), (("weights", "0123456789abcdef"),)))


def conditions(**changes: object) -> Conditions:
    fields: dict[str, object] = {
        "problems": "quadratic",
        "version": 1,
        "seed": 0,
        "count": 8,
        "steps": STEPS,
        "held_out": 5,
        "batch": 3,
        "rates": RATES,
        "environment": {"torch": "2.13.0"},
    }
    return Conditions(**fields | changes)  # type: ignore[arg-type]


def entrant(name: str, ends: Sequence[float], *, record: str = "", steps: int = STEPS, **changes: object) -> Entrant:
    """A candidate whose f falls on a straight line, on a log scale, from START to its ends.

    Args:
        name: its name; ``lstm`` is a learned optimizer, others are what ``--candidates`` takes.
        ends: the final f of each problem; one that is not finite diverged at the last step.
        record: its record, if the name is none.
        steps: how many steps it took.
        changes: of the record.
    """
    learned = name.startswith("lstm")
    part = np.linspace(0, 1, steps + 1)[:, None]
    with np.errstate(over="ignore"):
        values = START ** (1 - part) * np.where(np.isfinite(ends), ends, 1.0) ** part
    values[-1] = ends
    fields: dict[str, object] = {
        "name": name,
        "candidate": record or (LSTM if learned else str(candidate(name))),
        "rate": None if learned else 0.1,
        "validation": () if learned else ((0.01, 2.0), (0.1, 1.0), (1.0, None)),
        "commit": "0123456789abcdef",
        "hardware": "a processor",
        "curve": Curve.of(values),
        "finals": finals(values),
    }
    return Entrant(**fields | changes)  # type: ignore[arg-type]


def comparison(ends: Mapping[str, Sequence[float]], **changes: object) -> Comparison:
    """A comparison with the final f of each candidate by problem."""
    count = len(next(iter(ends.values())))
    made = Comparison(conditions=conditions(count=count, **changes))
    for name, values in ends.items():
        made = made.with_entrant(entrant(name, values, steps=made.conditions.steps))
    return made


BEST = [0.010, 0.012, 0.009, 0.011, 0.010, 0.008, 0.012, 0.010]
MIDDLE = [0.10, 0.13, 0.10, 0.12, 0.09, 0.08, 0.11, 0.11]
WORST = [1.0, 1.2, 1.1, 0.9, 1.0, 0.8, 1.3, 1.0]
