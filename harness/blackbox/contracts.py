"""The seams of contests over the unit box: optimizers of it, and the families of functions that they minimize.

An optimizer asks and is told, as searchers are::

    points = optimizer.ask(1)                       # (1, dimensions)
    optimizer.tell(points, values)                  # (1,): less is better

Functions are drawn in batches, and all functions of a batch are evaluated side by side::

    functions = family.draw(seed, 1_000, variant="3")
    values = functions.evaluate(points)             # (1000,) at points (1000, 3), one for each function
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Values = NDArray[np.float64]


@runtime_checkable
class BoxOptimizer(Protocol):
    """A method that minimizes a function over the unit box. Registered as ``factory(dimensions, *, seed, **settings)``.

    The laws are those of searchers: ``(dimensions, seed, settings, history of asks and tells)`` determines the next
    points, and it never sees a clock. Its class has a ``version``, a whole number that changes when its points do.

    A contest writes down what else the points depend on, where the factory says so: ``libraries``, the names of the
    packages that it computes with (a few usual ones if it names none), and ``fingerprint(dimensions, **settings)``, a
    static method that returns a digest of the files that it reads, such as weights.
    """

    def ask(self, count: int) -> Points:
        """Return ``count`` points, (count, dimensions), float64 in [0, 1].

        It may be asked again before it is told, as when functions are evaluated in parallel.
        """

    def tell(self, points: Points, values: Values) -> None:
        """Learn the values (count,) of points (count, dimensions): finite, less is better.

        The points are earlier ones, in any order, each told once for each time that it was asked for.
        """


class SideBySide(Protocol):
    """One optimizer for each of many functions, of which all ask and are told at once.

    A factory may have a static method ``side_by_side(dimensions, *, seeds, **settings)`` that returns such a thing,
    where that is much faster than one optimizer after another; row i then proposes what ``factory(dimensions,
    seed=seeds[i], **settings)`` would, up to rounding.
    """

    def ask(self) -> Points:
        """Return one point for each function, (functions, dimensions), float64 in [0, 1]."""

    def tell(self, values: Values) -> None:
        """Learn the values (functions,) of the points that were asked for last: finite, less is better."""


class Functions(Protocol):
    """Some functions of one family and variant over the unit box, to be minimized."""

    @property
    def dimensions(self) -> int:
        """Dimensions of the box."""

    @property
    def minima(self) -> Values | None:
        """The least value of each function, (functions,), where it is known; None where it is not.

        A contest ends where a value is lower by more than rounding.
        """

    def evaluate(self, points: Points) -> Values:
        """Return the values (functions,) of points (functions, dimensions) in [0, 1], one for each function.

        Functions do not influence each other. A function may be random and revealed as it is queried, as draws of a
        Gaussian process are: then it remembers what it was asked, and a new draw with the same seed begins again.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionVariant:
    """One variant of a family of functions.

    Attributes:
        summary: one line for listings.
        dimensions: of the box.
    """

    summary: str
    dimensions: int


class FunctionFamily(Protocol):
    """A distribution over functions of the unit box. Registered as ``factory(root)``.

    ``root`` is the user's folder of files, or None; it is read when functions are drawn.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    variants: ClassVar[Mapping[str, FunctionVariant]]
    """By name, as in ``gp/3``; that of ``""``, if there is one, is what the family itself means."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> Functions:
        """Draw and return ``count`` functions; function i depends on ``seed``, i and the variant alone.

        Raises:
            DataError: files that it reads are missing or damaged.
        """

    def fingerprint(self, variant: str = "") -> str:
        """Return a digest of the files that it reads; empty where it reads none."""
