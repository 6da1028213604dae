"""Optimizers of the unit box that each break one promise; importable, since some checks import them elsewhere."""

from __future__ import annotations

import os
import random
import time
from typing import Annotated

import numpy as np

from harness.blackbox.contracts import Points, Values
from harness.settings import Range


class Sound:
    """Keeps every promise, learning included: it varies the best point that it has heard of."""

    version = 1

    def __init__(self, dimensions: int, *, seed: int) -> None:
        self.dimensions = dimensions
        self.rng = np.random.default_rng([seed, 99])
        self.best: tuple[float, Points] | None = None

    def ask(self, count: int) -> Points:
        return np.array([self.point() for _ in range(count)]).reshape(count, self.dimensions)

    def tell(self, points: Points, values: Values) -> None:
        for point, value in zip(points, values, strict=True):
            if self.best is None or value < self.best[0]:
                self.best = (float(value), point.copy())

    def point(self) -> Points:
        fresh = self.rng.random(self.dimensions)
        return fresh if self.best is None else (fresh + 3 * self.best[1]) / 4


class TakesAnySetting(Sound):
    def __init__(self, dimensions: int, *, seed: int, **_settings: object) -> None:
        super().__init__(dimensions, seed=seed)


class DefaultOutOfRange(Sound):
    def __init__(self, dimensions: int, *, seed: int, share: Annotated[float, Range(0, 1)] = 2.0) -> None:
        super().__init__(dimensions, seed=seed)
        self.share = share


class NoVersion(Sound):
    version = None  # type: ignore[assignment]


class OnePointTooMany(Sound):
    def ask(self, count: int) -> Points:
        return super().ask(count + 1)


class Narrow(Sound):
    def ask(self, count: int) -> Points:
        return super().ask(count).astype(np.float32)  # type: ignore[return-value]


class LeavesTheBox(Sound):
    def point(self) -> Points:
        return super().point() + 0.2


class HashOrder(Sound):
    def __init__(self, dimensions: int, *, seed: int) -> None:
        super().__init__(dimensions, seed=seed)
        self.rng = np.random.default_rng([seed, hash("box") % 2**32])


class Unseeded(Sound):
    def __init__(self, dimensions: int, *, seed: int) -> None:
        super().__init__(dimensions, seed=seed)
        self.rng = np.random.default_rng()


class NeedsOrder(Sound):
    def __init__(self, dimensions: int, *, seed: int) -> None:
        super().__init__(dimensions, seed=seed)
        self.asked: list[Points] = []

    def ask(self, count: int) -> Points:
        points = super().ask(count)
        self.asked += list(points.copy())
        return points

    def tell(self, points: Points, values: Values) -> None:
        super().tell(points, values)
        for point in points:
            if not np.array_equal(point, self.asked.pop(0)):
                raise RuntimeError("this is not what I asked for first")


class NeedsSpread(Sound):
    def __init__(self, dimensions: int, *, seed: int) -> None:
        super().__init__(dimensions, seed=seed)
        self.values: list[float] = []

    def tell(self, points: Points, values: Values) -> None:
        super().tell(points, values)
        self.values += values.tolist()
        if len(self.values) > 1:
            1 / (max(self.values) - min(self.values))


class TakesRoots(Sound):
    def tell(self, points: Points, values: Values) -> None:
        super().tell(points, values)
        if (values < -1).any():
            raise ValueError("a value below -1")


class ClassState(Sound):
    shared: list[float] = []  # noqa: RUF012 - that is the defect

    def tell(self, points: Points, values: Values) -> None:
        self.shared += values.tolist()
        super().tell(points, values)

    def point(self) -> Points:
        return super().point() if len(self.shared) % 2 else np.zeros(self.dimensions)


class SortsWhatItIsTold(Sound):
    def tell(self, points: Points, values: Values) -> None:
        super().tell(points, values)
        points.sort(axis=1)


class KeepsWhatItIsTold(Sound):
    def tell(self, points: Points, values: Values) -> None:
        for place in range(len(points)):
            if self.best is None or values[place] < self.best[0]:
                self.best = (float(values[place]), points[place])


class SeedsNumpy(Sound):
    def ask(self, count: int) -> Points:
        np.random.seed(0)  # noqa: NPY002
        return super().ask(count)


class SetsEnvironment(Sound):
    def ask(self, count: int) -> Points:
        os.environ["BOX"] = str(time.perf_counter_ns())
        return super().ask(count)


class ListensToPython(Sound):
    def point(self) -> Points:
        return np.full(self.dimensions, random.random())


class Several:
    """Some optimizers side by side."""

    def __init__(self, each: list[Sound], *, off: float) -> None:
        self.each, self.off = each, off

    def ask(self) -> Points:
        self.points = np.concatenate([each.ask(1) for each in self.each])
        return self.points + self.off

    def tell(self, values: Values) -> None:
        for each, point, value in zip(self.each, self.points, values, strict=True):
            each.tell(point[None], np.array([value]))


class Together(Sound):
    """Keeps the promise side by side."""

    @staticmethod
    def side_by_side(dimensions: int, *, seeds: list[int]) -> Several:
        return Several([Sound(dimensions, seed=seed) for seed in seeds], off=1e-12)


class Apart(Sound):
    """Proposes something else side by side."""

    @staticmethod
    def side_by_side(dimensions: int, *, seeds: list[int]) -> Several:
        return Several([Sound(dimensions, seed=seed) for seed in seeds], off=1e-3)


class Slow(Sound):
    def ask(self, count: int) -> Points:
        time.sleep(0.01)
        return super().ask(count)
