"""Let an optimizer of the unit box minimize functions of a family, and time its proposals (protocol §9).

::

    contest = Contest(family=family, variant="3", seed=0, steps=100)
    part = run(contest, Method("random", RandomPoints, {}), first=0, count=100)
    part.values   # (100, 100): each function's values, in the order in which the optimizer was told them

Functions are drawn in blocks of a fixed size, so function i follows from the seed, i and the variant, however many are
run at once and by whom. With several simulated workers, as many points are out at once, and results are told in the
order in which they finish. Durations are exponential, so each point that is out is equally likely to be the next
(**D**).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.blackbox.contracts import BoxOptimizer, FunctionFamily, Functions, Points, SideBySide, Values
from harness.errors import DataError, SearcherError, message, outside
from harness.seeds import derive_seed
from harness.settings import Value

BLOCK = 100
"""How many functions are drawn at once; the draws depend on it."""
TIMED = 3  # functions apart from the contest, on which every proposal is timed alone
GRID = 51  # points of a function that is shown
LARGEST = 1e100  # of a value's size; the squares of larger ones, of which intervals are made, could be infinite
ROUNDING = 1e-9  # of a minimum, or of 1 if that is more; ours are passed by 1e-14 at most
Report = Callable[[int], None]
"""Called with the number of values that were told since the last call."""
ASKED = "points of the unit box, and to be told their values"
FIX = "Fix the optimizer; the contract is BoxOptimizer in harness.blackbox.contracts"
FAMILY = "Fix the family; the contracts are FunctionFamily and Functions in harness.blackbox.contracts"


@dataclass(frozen=True, slots=True)
class Method:
    """An optimizer of the box with its settings, to be made for each function anew.

    Attributes:
        name: as messages call it.
        factory: called as ``factory(dimensions, *, seed, **settings)``.
        settings: its settings.
    """

    name: str
    factory: Callable[..., Any]
    settings: Mapping[str, Value]

    def build(self, dimensions: int, seed: int) -> BoxOptimizer:
        """Make an optimizer.

        Raises:
            HarnessError: it cannot be made.
        """
        with self.answering(f"one that can be made for dimensions: {dimensions}"):
            made: BoxOptimizer = self.factory(dimensions, seed=seed, **self.settings)
        return made

    def answering(self, expected: str = ASKED) -> Any:
        """Report what the optimizer raises in one line."""
        what = f"box optimizer {self.name}"
        return outside(self.factory, what, expected=expected, hint=FIX, error=SearcherError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What optimizers are run on.

    Attributes:
        family: the family of functions.
        variant: its variant.
        seed: root seed of functions, optimizers and durations.
        steps: T, how many points of each function are evaluated.
        workers: how many of them are out at once; 1 for one after another.
    """

    family: FunctionFamily
    variant: str = ""
    seed: int = 0
    steps: int = 100
    workers: int = 1

    @property
    def dimensions(self) -> int:
        """Dimensions of the box."""
        return self.family.variants[self.variant].dimensions

    def draw(self, stream: str, count: int, *path: int) -> Functions:
        """Draw functions of a stream.

        Raises:
            HarnessError: files are missing, or the family breaks its contract.
        """
        seed = derive_seed(self.seed, "contest", stream, *path)
        what, expected = f"functions {self.family.name}", f"{count} that can be drawn"
        with outside(self.family, what, expected=expected, hint=FAMILY, error=DataError, passing=(DataError,)):
            return self.family.draw(seed, count, variant=self.variant)


@dataclass(frozen=True, slots=True)
class Part:
    """How an optimizer did on consecutive functions.

    Attributes:
        first: number of the first function.
        values: by function and step, (functions, steps), in the order in which they were told.
        minima: the least value of each function, (functions,); NaN where it is not known.
        seconds: what asking and telling took in all, (functions,).
    """

    first: int
    values: NDArray[np.float64]
    minima: Values
    seconds: Values


@dataclass(frozen=True, slots=True)
class Aside:
    """How an optimizer did on a few functions apart from the contest, one optimizer for each.

    Attributes:
        seconds: what asking and telling took in all, (functions,).
        curves: of functions of one dimension: the values at ``GRID`` evenly spaced points, (functions, GRID); else
            (functions, 0).
        points: likewise the points in the order told, (functions, steps); else (functions, 0).
        values: their values.
    """

    seconds: Values
    curves: NDArray[np.float64]
    points: NDArray[np.float64]
    values: NDArray[np.float64]


def side_by_side(contest: Contest, method: Method) -> bool:
    """Whether all functions of a block ask and are told at once."""
    return contest.workers == 1 and hasattr(method.factory, "side_by_side")


def aside_due(contest: Contest, method: Method) -> bool:
    """Whether an optimizer also runs apart from the contest: to be timed alone, or to be shown in one dimension."""
    return contest.dimensions == 1 or side_by_side(contest, method)


def run(contest: Contest, method: Method, *, first: int, count: int, report: Report = lambda _: None) -> Part:
    """Run an optimizer on functions ``first`` to ``first + count - 1``, which lie in one block.

    Raises:
        HarnessError: the optimizer or the functions break their contract, or files are missing.
    """
    number, start = divmod(first, BLOCK)
    functions = contest.draw("functions", BLOCK, number)
    rows = _Rows(contest.family, functions, BLOCK, slice(start, start + count))
    seeds = [derive_seed(contest.seed, "contest", "optimizer", each) for each in range(first, first + count)]
    team: _Team
    if side_by_side(contest, method):
        team = _SideBySide(method, contest.dimensions, seeds)
    else:
        team = _OneByOne(method, contest.dimensions, seeds)
    _, values = _competed(contest, rows, team, first=first, report=report)
    return Part(first, values, rows.minima, team.seconds)


def run_aside(contest: Contest, method: Method, *, report: Report = lambda _: None) -> Aside:
    """Run an optimizer on a few functions apart from the contest, each with an optimizer of its own.

    A function of one dimension is evaluated on a grid first, for a picture of it. So the draws of a Gaussian process,
    which are revealed as they are queried, are the same functions to every optimizer.

    Raises:
        HarnessError: as ``run`` does.
    """
    rows = _Rows(contest.family, contest.draw("aside", TIMED), TIMED, slice(0, TIMED))
    shown = contest.dimensions == 1
    curves = np.empty((TIMED, 0))
    if shown:
        grid = np.linspace(0.0, 1.0, GRID)
        curves = np.stack([rows.evaluate(np.full((TIMED, 1), each)) for each in grid], axis=1)
    seeds = [derive_seed(contest.seed, "contest", "optimizer aside", each) for each in range(TIMED)]
    team = _OneByOne(method, contest.dimensions, seeds)
    points, told = _competed(contest, rows, team, first=0, report=report)
    kept = contest.steps if shown else 0
    return Aside(team.seconds, curves, points[:, :kept, 0], told[:, :kept])


def lowest(minima: Values) -> Values:
    """Return the least values, (functions,), that functions with these minima may have, for reasons of rounding."""
    return minima - ROUNDING * np.maximum(1.0, np.abs(minima))


class _Rows:
    """Some consecutive functions of those that were drawn at once.

    Attributes:
        rows: which of them.
        minima: the least value of each, (functions,); NaN where it is not known.
    """

    def __init__(self, family: FunctionFamily, functions: Functions, drawn: int, rows: slice) -> None:
        self.family, self.functions, self.drawn, self.rows = family, functions, drawn, rows
        self.minima = self._minima()
        self._lowest = lowest(self.minima)

    def evaluate(self, points: Points) -> Values:
        """Return the values, (functions,), of a point for each; the other functions are asked for the first one's.

        Raises:
            DataError: a value is not a finite number, or is below the least one.
        """
        every = np.repeat(points[:1], self.drawn, axis=0)
        every[self.rows] = points
        what, expected = f"functions {self.family.name}", f"finite values of shape ({self.drawn},)"
        with outside(self.family, what, expected=expected, hint=FAMILY, error=DataError):
            values = _numbers(self.functions.evaluate(every))
        if values.shape != (self.drawn,):
            raise DataError(message(what, expected=expected, got=f"shape {values.shape}", hint=FAMILY))
        own = values[self.rows]
        if not np.isfinite(own).all():
            raise DataError(message(what, expected=expected, got=own[~np.isfinite(own)][0], hint=FAMILY))
        large = np.abs(own) > LARGEST
        if large.any():
            raise DataError(message(what, expected=f"values of ±{LARGEST:g} at most", got=own[large][0], hint=FAMILY))
        below = np.flatnonzero(own < self._lowest)
        if below.size:
            place = below[0]
            expected = f"no value below the minimum {float(self.minima[place])} that they declare"
            raise DataError(message(what, expected=expected, got=float(own[place]), hint=FAMILY))
        return own

    def _minima(self) -> Values:
        """Return the least value of each function, (functions,); NaN where it is not known.

        Raises:
            DataError: there is not one for each function, or one is infinite.
        """
        what, expected = f"functions {self.family.name}", f"finite minima of shape ({self.drawn},), or None"
        with outside(self.family, what, expected=expected, hint=FAMILY, error=DataError):
            known = self.functions.minima
            found = np.full(self.drawn, np.nan) if known is None else np.array(known, dtype=np.float64)
        if found.shape != (self.drawn,):
            raise DataError(message(what, expected=expected, got=f"shape {found.shape}", hint=FAMILY))
        if np.isinf(found).any():
            raise DataError(message(what, expected=expected, got=found[np.isinf(found)][0], hint=FAMILY))
        return found[self.rows]


class _Team(Protocol):
    """Optimizers of several functions, which ask and are told together."""

    seconds: Values

    def ask(self) -> Points:
        """Return a point for each function, (functions, dimensions)."""

    def tell(self, points: Points, values: Values) -> None:
        """Tell a value for each function, (functions,), with its point."""


class _OneByOne:
    """An optimizer for each function, each timed on its own."""

    def __init__(self, method: Method, dimensions: int, seeds: Sequence[int]) -> None:
        self._method = method
        self._shape = (1, dimensions)
        self._optimizers = [method.build(dimensions, seed) for seed in seeds]
        self.seconds = np.zeros(len(seeds))

    def ask(self) -> Points:
        found = list[Points]()
        with self._method.answering():
            for place, optimizer in enumerate(self._optimizers):
                began = time.perf_counter()
                asked = optimizer.ask(1)
                self.seconds[place] += time.perf_counter() - began
                found.append(asked)
        return _inside(self._method, np.concatenate([_shaped(self._method, each, self._shape) for each in found]))

    def tell(self, points: Points, values: Values) -> None:
        with self._method.answering():
            for place, optimizer in enumerate(self._optimizers):
                point, value = points[place : place + 1].copy(), values[place : place + 1].copy()
                began = time.perf_counter()
                optimizer.tell(point, value)
                self.seconds[place] += time.perf_counter() - began


class _SideBySide:
    """One thing that optimizes all functions at once; every function takes an equal part of its time."""

    def __init__(self, method: Method, dimensions: int, seeds: Sequence[int]) -> None:
        self._method = method
        self._shape = (len(seeds), dimensions)
        with method.answering("one that can be made side by side"):
            self._made: SideBySide = method.factory.side_by_side(  # type: ignore[attr-defined]
                dimensions, seeds=seeds, **method.settings
            )
        self.seconds = np.zeros(len(seeds))

    def ask(self) -> Points:
        with self._method.answering():
            began = time.perf_counter()
            asked = self._made.ask()
            self._count(began)
        return _inside(self._method, _shaped(self._method, asked, self._shape).copy())

    def tell(self, points: Points, values: Values) -> None:  # noqa: ARG002 - they are those asked for last
        with self._method.answering():
            began = time.perf_counter()
            self._made.tell(values.copy())
            self._count(began)

    def _count(self, began: float) -> None:
        self.seconds += (time.perf_counter() - began) / len(self.seconds)


def _competed(
    contest: Contest, rows: _Rows, team: _Team, *, first: int, report: Report
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points (functions, steps, dimensions) and values (functions, steps) in the order told."""
    count = rows.rows.stop - rows.rows.start
    order = [
        np.random.default_rng(derive_seed(contest.seed, "contest", "durations", each))
        for each in range(first, first + count)
    ]
    out: list[list[tuple[Points, float]]] = [[] for _ in range(count)]
    points, values = np.empty((count, contest.steps, contest.dimensions)), np.empty((count, contest.steps))
    told = 0

    def finish() -> None:
        nonlocal told
        for place, waiting in enumerate(out):
            next_one = int(order[place].integers(len(waiting))) if len(waiting) > 1 else 0
            points[place, told], values[place, told] = waiting.pop(next_one)
        team.tell(points[:, told], values[:, told])
        told += 1
        report(count)

    for step in range(contest.steps):
        asked = team.ask()
        found = rows.evaluate(asked)
        for place, waiting in enumerate(out):
            waiting.append((asked[place], float(found[place])))
        if step + 1 >= contest.workers:
            finish()
    while told < contest.steps:
        finish()
    return points, values


def _shaped(method: Method, asked: object, shape: tuple[int, int]) -> Points:
    expected = f"points of shape {shape}"
    with method.answering(expected):
        found = _numbers(asked)
    if found.shape != shape:
        raise _refused(method, expected, f"shape {found.shape}")
    return found


def _numbers(given: object) -> NDArray[np.float64]:
    """Return numbers in float64.

    Raises:
        TypeError: they are complex, texts, masked or no numbers, of which a conversion would leave something out.
    """
    found = np.asarray(given)
    if isinstance(given, np.ma.MaskedArray) or found.dtype.kind not in "fiu":
        raise TypeError(f"{type(given).__name__} of {found.dtype}, where real numbers were due")
    return found.astype(np.float64)


def _inside(method: Method, points: Points) -> Points:
    if not ((points >= 0) & (points <= 1)).all():  # NaN is neither
        outer = points[~((points >= 0) & (points <= 1)).all(1)][0]
        raise _refused(method, "points in [0, 1]", np.array2string(outer, precision=4))
    return points


def _refused(method: Method, expected: str, got: object) -> SearcherError:
    return SearcherError(message(f"box optimizer {method.name}", expected=expected, got=got, hint=FIX))
