"""From records of comparisons to boards: final figures, and who is significantly better.

Candidates are compared on log10 of the final f, problem by problem: on its scale, every problem counts alike, while
means of f are decided by the hardest problems. Values are clipped to what float32 holds, so a problem that diverged
counts with the largest number.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.board.comparison import compare, places, seeds_needed
from harness.board.learned.board import LearnedBoard, Problems, Result
from harness.board.learned.record import LARGEST, Comparison, Entrant
from harness.board.statistics import Estimate, bootstrapped
from harness.candidates import NamedOptimizer
from harness.seeds import derive_seed

SMALLEST = float(np.finfo(np.float32).tiny)
DIVISORS = {"quadratic": 10}  # [L2L] sums over ten equations; figures for a mean over them are a tenth
FAMILY, IN_A_FILE = "learned", "file"  # of candidates that are weights in a file
SHOWN_DIGITS = 6  # of a hash of weights, where two have one name


def board(comparisons: Sequence[Comparison]) -> LearnedBoard:
    """Return the board of some comparisons, in the order given."""
    entrants = [each for comparison in comparisons for each in comparison.candidates]
    names = [comparison.conditions.name for comparison in comparisons]
    return LearnedBoard(
        problems=tuple(
            _problems(each, f"{name}, {_apart(each)}" if names.count(name) > 1 else name)
            for each, name in zip(comparisons, names, strict=True)
        ),
        commits=tuple(dict.fromkeys(each.commit for each in entrants if each.commit)),
        hardware=tuple(dict.fromkeys(each.hardware for each in entrants if each.hardware)),
    )


def _apart(each: Comparison) -> str:
    conditions = each.conditions
    return f"seed {conditions.seed}, {conditions.count} problems, {conditions.steps} steps ({conditions.identity})"


def _problems(comparison: Comparison, label: str) -> Problems:
    labelled = dict(zip(_labels(comparison.candidates), comparison.candidates, strict=True))
    logs = {name: np.log10(_clipped(each)) for name, each in labelled.items()}
    worths = {name: dict(enumerate((-values).tolist())) for name, values in logs.items()}
    pairs = compare(worths, seed=derive_seed(0, "board", "learned", "pairs"))
    enough = comparison.conditions.count >= seeds_needed(len(labelled))
    if not enough:  # even the least p that so few problems can give is above 5% after Holm's correction
        pairs = tuple(replace(pair, adjusted=None) for pair in pairs)
    placed = places(list(labelled), pairs)
    results = [
        Result(
            label=name,
            candidate=each.read,
            entrant=each,
            mean=_mean(each),
            median=math.inf if (median := each.curve.median[-1]) is None else median,
            log=bootstrapped(logs[name].tolist(), seed=derive_seed(0, "board", "learned", "log")),
            diverged=sum(value is None for value in each.finals),
            places=placed[name],
            compared=enough,
        )
        for name, each in labelled.items()
    ]
    return Problems(
        label=label,
        conditions=comparison.conditions,
        results=tuple(sorted(results, key=lambda each: (each.log.mean, each.label))),
        pairs=pairs,
        divisor=DIVISORS.get(comparison.conditions.problems, 1),
    )


def _clipped(each: Entrant) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.array([LARGEST if value is None else value for value in each.finals], dtype=np.float64)
    return np.clip(values, SMALLEST, LARGEST)


def _mean(each: Entrant) -> Estimate:
    known = [value for value in each.finals if value is not None]
    if len(known) < len(each.finals):
        return Estimate(math.inf, None, None, len(each.finals))
    return bootstrapped(known, seed=derive_seed(0, "board", "learned", "mean"))


def _labels(entrants: Sequence[Entrant]) -> list[str]:
    """Return the candidates' names; where one name stands for several, with the weights' hash or a number."""
    names = [_name(each) for each in entrants]
    times, found = Counter(names), list[str]()
    for number, (label, each) in enumerate(zip(names, entrants, strict=True), 1):
        if times[label] > 1:
            own = each.read
            weights = own.options.get("weights") if isinstance(own, NamedOptimizer) else None
            label += f" {str(weights)[:SHOWN_DIGITS]}" if weights else f" {number}"
        found.append(label)
    return found


def _name(entrant: Entrant) -> str:
    """Return the candidate's name; of weights in a file, which would fill the board with a path, ``lstm FILE``."""
    own = entrant.read
    if isinstance(own, NamedOptimizer) and (own.family, own.name) == (FAMILY, IN_A_FILE):
        return f"lstm {Path(str(own.options['path'])).stem}"
    return entrant.name
