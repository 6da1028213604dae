"""The learned optimizer ``rnn`` of the unit box: a recurrent network asks, and reads what it is told ([L2L-BB])."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from harness.blackbox.contracts import Points, Values
from harness.searchers.box import arguments
from harness.searchers.box.learned.architecture import MOST_WORKERS, Architecture, Cell
from harness.settings import Range

if TYPE_CHECKING:  # torch takes seconds to load, and reading the settings does not need it
    from harness.searchers.box.learned.steps import Steps
    from harness.searchers.box.learned.weights import LearnedWeights

Loss = Literal["oi", "oi-whole", "ei", "sum"]
Parallel = Annotated[int, Range(0, MOST_WORKERS)]


class RnnPoints:
    """A recurrent network proposes each point from the last one and its value.

    It was trained on draws of a Gaussian process with mean 0 and variance 1, so it expects values of that scale, and
    reads none beyond ±10. Nothing about it is random. Results are read one at each step, in the order in which they are
    told. If it is asked while none is left, the parallel form takes a dummy step, o_t = 0, as its training does for the
    first N points. A network without the parallel form, which was not trained for that, then reads its last point with
    the mean of the training functions, 0.

    Args:
        dimensions: of the box.
        seed: decides nothing.
        cell: the network's cell: lstm, or dnc, which has a memory.
        loss: what it was trained to minimize: observed improvement, expected improvement, or the sum of values.
        parallel: how many points are evaluated at once in its training; 0 for one after another.
        weights: a file of weights, or a folder with one for each number of dimensions; empty for those that ship with
            the harness.
    """

    version = 2
    libraries = ("numpy", "torch")

    def __init__(
        self,
        dimensions: int,
        *,
        seed: int,
        cell: Cell = "lstm",
        loss: Loss = "oi",
        parallel: Parallel = 0,
        weights: str = "",
    ) -> None:
        del seed
        self._dimensions = dimensions = arguments.sized(dimensions)
        self.weights, self._steps = _opened(dimensions, 1, cell=cell, loss=loss, parallel=parallel, weights=weights)
        self._results: deque[tuple[Points, float]] = deque()
        self._last: Points | None = None

    def ask(self, count: int) -> Points:
        """Return points, (count, dimensions)."""
        found = [self._point() for _ in range(arguments.asked(count))]
        return np.concatenate([np.empty((0, self._dimensions)), *found])

    def tell(self, points: Points, values: Values) -> None:
        """Keep the values, (count,), of points, (count, dimensions), for the next steps."""
        points, values = arguments.told(points, values, self._dimensions)
        for point, value in zip(points, values, strict=True):
            self._results.append((point[None].copy(), float(value)))

    @staticmethod
    def fingerprint(
        dimensions: int, *, cell: Cell = "lstm", loss: Loss = "oi", parallel: Parallel = 0, weights: str = ""
    ) -> str:
        """Return the hash of the weights that the settings mean."""
        return _found(dimensions, cell=cell, loss=loss, parallel=parallel, weights=weights).hash

    @staticmethod
    def side_by_side(
        dimensions: int,
        *,
        seeds: Sequence[int],
        cell: Cell = "lstm",
        loss: Loss = "oi",
        parallel: Parallel = 0,
        weights: str = "",
    ) -> RnnSideBySide:
        """Return the network for many functions; the settings are those of one."""
        _, steps = _opened(dimensions, len(seeds), cell=cell, loss=loss, parallel=parallel, weights=weights)
        return RnnSideBySide(steps, len(seeds))

    def _point(self) -> Points:
        if self._results:
            found = self._steps.next(*self._results.popleft())
        else:
            found = self._steps.next(None if self.weights.header.architecture.parallel else self._last)
        self._last = found
        return found


class RnnSideBySide:
    """One network for each of many functions, of which all ask and are told at once.

    Args:
        steps: the network's.
        count: how many functions.
    """

    def __init__(self, steps: Steps, count: int) -> None:
        self._steps, self._count = steps, count
        self._points: Points | None = None
        self._values: Values | float = 0.0

    def ask(self) -> Points:
        """Return one point for each function, (functions, dimensions)."""
        self._points = self._steps.next(self._points, self._values)
        return self._points.copy()

    def tell(self, values: Values) -> None:
        """Learn the values, (functions,), of the points that were asked for last."""
        self._values = arguments.told_values(values, self._count)


def _opened(
    dimensions: int, count: int, *, cell: Cell, loss: Loss, parallel: int, weights: str
) -> tuple[LearnedWeights, Steps]:
    """Return the weights that the settings mean, and the steps of their network for ``count`` functions.

    Raises:
        SettingError: there are no such weights.
    """
    from harness.searchers.box.learned.steps import Steps

    found = _found(dimensions, cell=cell, loss=loss, parallel=parallel, weights=weights)
    return found, Steps(found.network, count)


def _found(dimensions: int, *, cell: Cell, loss: Loss, parallel: int, weights: str) -> LearnedWeights:
    """Return the weights that the settings mean.

    Raises:
        SettingError: there are no such weights.
    """
    from harness.searchers.box.learned.weights import find

    return find(Architecture(dimensions=dimensions, cell=cell, parallel=parallel), loss, weights)
