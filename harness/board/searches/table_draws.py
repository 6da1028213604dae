"""Random search by its table: what uniform random search earns there, from many simulated searches (protocol §5).

A string is drawn uniformly, and a function that was met before is free, so charged functions come without replacement,
each with a chance in proportion to its strings. Such an order is that of exponential clocks whose rates are the numbers
of strings. Each function shows one of its replicates at random, as a run's seed picks one. How many draws lie between
one new function and the next is geometric, which tells where the cap on proposals ends a search.

No closed form is known for the best of such draws after c children, much less for the truth of the rule that has it, so
searches are simulated (**D**): 10,000, or as many as fit a fixed number of children, from a fixed seed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.board import statistics
from harness.board.searches.board import RandomRegret, Reference, Truth
from harness.board.searches.regret import incumbents, shortfall
from harness.race.protocols import Budget
from harness.seeds import derive_seed

SEARCHES = 10_000
LEAST_SEARCHES = 1_000
MOST_CHILDREN = 2_000_000  # of all searches together, as long as they are no fewer than these
AT_ONCE = 1_000_000  # clocks

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Searches:
    """Simulated searches: best score so far, worth of the incumbent, and whether it is in the tie set.

    All of shape ``(searches, children)``; children that a search could not spend leave its last figures as they are.
    """

    best: Floats
    worth: Floats
    tied: NDArray[np.bool_]


@functools.lru_cache(maxsize=8)
def from_table(truth: Truth, budget: Budget, chance: float) -> Reference:
    """What uniform random search earns on a table under a budget.

    Args:
        truth: of the table.
        budget: of each search.
        chance: worth of no incumbent.
    """
    count = min(SEARCHES, max(LEAST_SEARCHES, MOST_CHILDREN // budget.children))
    found = _simulated(truth, budget, chance, count)
    curves = shortfall(truth, found.worth)
    low, high = np.quantile(curves, [0.25, 0.75], axis=0)
    reached = statistics.reached(list(found.tied.astype(np.float64)), target=1.0)
    return Reference(
        label=f"random, from table {truth.table}",
        environment={},
        evaluations=truth.scores.size,
        seeds=(),
        areas=(),
        finals=(),
        area=statistics.estimate(found.best.mean(axis=1).tolist()),
        final=statistics.estimate(found.best[:, -1].tolist()),
        curve=tuple(found.best.mean(axis=0).tolist()),
        regret=RandomRegret(
            searches=count,
            final=statistics.estimate(curves[:, -1].tolist()),
            curve=tuple(np.median(curves, axis=0).tolist()),
            band=(tuple(low.tolist()), tuple(high.tolist())),
            mean=tuple(curves.mean(axis=0).tolist()),
            share=tuple(found.tied.mean(axis=0).tolist()),
            ever=reached.count / count,
            median=reached.median,
        ),
    )


def _simulated(truth: Truth, budget: Budget, chance: float, count: int) -> _Searches:
    rng = np.random.default_rng(derive_seed(0, "random from table", truth.fingerprint))
    worth = np.array([*truth.worth.values(), chance])  # the last is that of no incumbent
    tied = np.array([key in truth.ties for key in truth.worth] + [False])
    parts = list(_parts(truth, budget, worth, tied, rng, count))
    return _Searches(
        np.concatenate([each.best for each in parts]),
        np.concatenate([each.worth for each in parts]),
        np.concatenate([each.tied for each in parts]),
    )


def _parts(
    truth: Truth, budget: Budget, worth: Floats, tied: NDArray[np.bool_], rng: np.random.Generator, count: int
) -> Iterator[_Searches]:
    """The searches in parts that are small enough for the memory."""
    at_once = max(1, AT_ONCE // max(len(truth.strings), budget.children))
    for first in range(0, count, at_once):
        order = _orders(truth.strings, min(at_once, count - first), budget, rng)
        replicates = rng.integers(truth.scores.shape[1], size=order.shape)
        spent = order >= 0
        scores = np.where(spent, truth.scores[order, replicates], -np.inf)
        places = incumbents(np.where(truth.sound[order, replicates], scores, -np.inf))
        rules = np.where(places < 0, -1, np.take_along_axis(order, np.maximum(places, 0), axis=1))
        yield _Searches(np.maximum.accumulate(scores, axis=1), worth[rules], tied[rules])


def _orders(strings: NDArray[np.int64], count: int, budget: Budget, rng: np.random.Generator) -> NDArray[np.int64]:
    """Which function each charged child of each search is, shape ``(count, children)``; −1 of one never reached."""
    clocks = rng.standard_exponential((count, len(strings))) / strings
    met = min(budget.children, len(strings))
    first = np.argpartition(clocks, met - 1, axis=1)[:, :met]
    order = np.take_along_axis(first, np.argsort(np.take_along_axis(clocks, first, axis=1), axis=1), axis=1)
    seen = np.cumsum(strings[order], axis=1)
    total = int(strings.sum())
    draws = np.cumsum(rng.geometric((total - seen + strings[order]) / total), axis=1)
    orders = np.full((count, budget.children), -1)
    orders[:, :met] = np.where(draws <= budget.proposals, order, -1)
    return orders
