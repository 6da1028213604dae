"""A learned optimizer where the box has more dimensions than its network, and values have a scale of their own.

What it is told is replaced by normal scores, so that any scale will do. It searches in episodes. In each, the network
begins anew and moves as many coordinates as it knows, drawn at random, while the others stay at the best point so far,
as Kirschner et al. 2019 (LineBO) do with random lines. The numbers are ours (**D**).
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from harness.blackbox.contracts import BoxOptimizer, Points, Values
from harness.seeds import derive_seed

Make = Callable[[], BoxOptimizer]


class Episodes:
    """Optimize over a box with an optimizer of a smaller one, or of one as large, that begins anew again and again.

    In each episode, coordinates are assigned at random to those of the smaller box, and each is mirrored or not; draws
    of the training functions are as likely in all these forms. So episodes differ, though the network is the same.

    Args:
        dimensions: of the box.
        seed: decides the first point and every assignment.
        make: returns a new optimizer of the smaller box.
        inner: dimensions of the smaller box.
        steps: points of an episode.
    """

    def __init__(self, dimensions: int, *, seed: int, make: Make, inner: int, steps: int) -> None:
        self._seed, self._dimensions, self._make, self._inner, self._steps = seed, dimensions, make, inner, steps
        stream = np.random.default_rng(derive_seed(seed, "box", "episodes", "first point"))
        self._best, self._least = stream.random(dimensions), np.inf
        self._values: list[float] = []
        self._asked: dict[bytes, list[tuple[_Episode, Points]]] = {}
        self._number = self._left = 0
        self._episode = self._next_episode()

    def ask(self, count: int) -> Points:
        """Return points, (count, dimensions)."""
        return np.array([self._point() for _ in range(count)])

    def tell(self, points: Points, values: Values) -> None:
        """Learn the values, (count,), of points, (count, dimensions)."""
        for point, value in zip(points, values, strict=True):
            waiting = self._asked.get(point.tobytes())
            assert waiting, "only points that were asked for are told, once each"
            episode, inner = waiting.pop(0)
            self._values.append(float(value))
            if value < self._least:
                self._best, self._least = point.copy(), float(value)
            if episode is self._episode:  # an earlier one will not be asked again
                episode.optimizer.tell(inner, np.array([normal_score(self._values)]))

    def _point(self) -> Points:
        if not self._left:
            self._episode = self._next_episode()
        self._left -= 1
        inner = self._episode.optimizer.ask(1)
        point = self._episode.place(inner[0])
        self._asked.setdefault(point.tobytes(), []).append((self._episode, inner))
        return point

    def _next_episode(self) -> _Episode:
        stream = np.random.default_rng(derive_seed(self._seed, "box", "episodes", self._number))
        self._number, self._left = self._number + 1, self._steps
        return _Episode(
            self._make(),
            others=self._best,
            moved=stream.permutation(self._dimensions)[: self._inner],
            mirrored=stream.random(self._inner) < 0.5,
        )


class _Episode:
    """One episode: its optimizer, and where its points lie in the whole box."""

    def __init__(
        self, optimizer: BoxOptimizer, *, others: Points, moved: NDArray[np.int64], mirrored: NDArray[np.bool_]
    ) -> None:
        self.optimizer = optimizer
        self._others, self._moved, self._mirrored = others, moved, mirrored

    def place(self, inner: Points) -> Points:
        """Return the point of the whole box, (dimensions,), of one of the smaller box."""
        point = self._others.copy()
        point[self._moved] = np.where(self._mirrored, 1 - inner, inner)
        return point


def normal_score(values: list[float]) -> float:
    """Return the normal score of the last of some values: the quantile of its mid-rank among all (van der Waerden).

    It is 0 for the only value, and −1.64 for the best of ten; any increasing function of the values changes nothing.
    """
    all_values, last = np.array(values), values[-1]
    below, equal = (all_values < last).sum(), (all_values == last).sum()
    return NormalDist().inv_cdf(float((below + equal / 2) / len(values)))
