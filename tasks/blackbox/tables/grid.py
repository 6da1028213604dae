"""A table over a grid of choices, as a function of the unit box.

Each parameter has its choices in order, and the k-th of n stands for the part [k/n, (k + 1)/n) of its coordinate: the
nearest point of the grid, where the choices lie in the middle of equal parts.

Values are ranks (**D**). A table's costs may lie anywhere and have long tails of settings that fail, while learned
optimizers are trained on functions with mean 0 and deviation 1. So the cost of rank r among n, 1 being the best,
becomes the number below which a standard normal variable lies with probability (r − ½)/n; equal costs share their mean
rank. Uniform points then have N(0, 1) values, as draws of the Gaussian process do, −2 is a cost that 2.3% of the
settings reach, and order and minimizers are those of the table. ``costs`` translates back.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from harness.blackbox.contracts import Points, Values
from harness.errors import DataError, message
from harness.tasks.blackbox.placing import Placements


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        costs: less is better; an axis for each parameter, with a place for each of its choices.
    """

    costs: NDArray[np.float64]

    @property
    def dimensions(self) -> int:
        """How many parameters there are."""
        return self.costs.ndim

    @cached_property
    def values(self) -> Values:
        """The scaled costs, in the shape of the table."""
        ranks = rankdata(self.costs).reshape(self.costs.shape)
        found: Values = ndtri((ranks - 0.5) / self.costs.size)
        return found

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all costs."""
        whole = f"{self.costs.shape} ".encode() + np.ascontiguousarray(self.costs).tobytes()
        return hashlib.sha256(whole).hexdigest()[:32]

    def costs_of(self, values: Values) -> Values:
        """Return the costs that scaled values, (...), stand for: those of the nearest values of the table."""
        order = np.argsort(self.values, axis=None)
        known, costs = self.values.flat[order], self.costs.flat[order]
        between = (known[1:] + known[:-1]) / 2
        found: Values = costs[np.searchsorted(between, values)]
        return found


@dataclass(frozen=True, slots=True)
class TableFunctions:
    """One table, placed in the unit box in several ways.

    Attributes:
        grid: the table.
        placements: how each lies in the box.
    """

    grid: Grid
    placements: Placements

    @property
    def dimensions(self) -> int:
        """Dimensions of the box."""
        return self.grid.dimensions

    @property
    def minima(self) -> Values:
        """The least values (functions,): all alike."""
        return np.full(len(self.placements.order), self.grid.values.min())

    def evaluate(self, points: Points) -> Values:
        """Return the scaled values (functions,) of points (functions, dimensions)."""
        shape = np.array(self.grid.costs.shape)
        places = np.minimum((self.placements.arguments(points) * shape).astype(int), shape - 1)
        found: Values = self.grid.values[tuple(places.T)]
        return found

    def costs(self, values: Values) -> Values:
        """Return the costs that scaled values, (...), stand for, as the table has them."""
        return self.grid.costs_of(values)


def filled(shape: Sequence[int], places: NDArray[np.int64], costs: Values, *, what: str, hint: str) -> Grid:
    """Return a table from a list of its entries.

    Args:
        shape: how many choices each parameter has.
        places: (entries, parameters), which choice of each.
        costs: (entries,).
        what: the table, for messages.
        hint: how to get a right one, a sentence without its full stop.

    Raises:
        DataError: an entry is missing, stands twice, or is not finite.
    """
    size = math.prod(shape)
    expected = f"{' · '.join(map(str, shape))} = {size:,} entries"
    if not np.isfinite(costs).all():
        got = f"{costs[~np.isfinite(costs)][0]} as one of its costs"
        raise DataError(message(what, expected="finite costs", got=got, hint=hint))
    flat = np.ravel_multi_index(tuple(places.T), tuple(shape))
    distinct = len(np.unique(flat))
    if distinct != len(flat):
        got = f"{len(flat) - distinct:,} that stand twice"
        raise DataError(message(what, expected=f"{expected}, each once", got=got, hint=hint))
    if len(flat) != size:
        raise DataError(message(what, expected=expected, got=f"{len(flat):,}", hint=hint))
    table = np.empty(size)
    table[flat] = costs
    return Grid(table.reshape(shape))
