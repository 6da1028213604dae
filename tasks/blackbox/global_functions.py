"""Four functions that global optimizers are compared on ([L2L-BB], protocol §9), placed in the unit box at random.

Formulas and constants: Dixon and Szegö 1978, and Branin 1972. Each is a function of its own unit box, which stands for
the domain that the sources give it. Values are scaled (**D**), since learned optimizers are trained on functions with
mean 0 and deviation 1, and since the true kernel of the Gaussian process has these too:

    (g(f) − mean) / unit

Here mean and deviation are those of g(f) over the function's own box. g is the identity, and the logarithm for
Goldstein-Price, whose values reach from 3 to a million (Jones et al. 1998 take it too). The unit is the deviation, or a
quarter of the way from the mean to the minimum if that is longer (Hartmann 6): the least value of a
draw of the process over six dimensions is −4.4 on average. Scaling leaves order and minimizers as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.blackbox.contracts import FunctionVariant, Points, Values
from harness.errors import check_choice
from harness.tasks.blackbox.placing import Placements, moved, unmoved

PLAIN = "plain"  # the variant without random placement
FARTHEST = 4.0  # units from the mean down to the minimum, at most
ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
A3 = np.array([[3.0, 10, 30], [0.1, 10, 35], [3.0, 10, 30], [0.1, 10, 35]])
P3 = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])
A6 = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
P6 = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def branin(places: Points) -> Values:
    """Return Branin's function, (functions,), at places (functions, 2) of its unit box: x₁ in [−5, 10], x₂ in [0, 15]."""
    x1, x2 = 15 * places[:, 0] - 5, 15 * places[:, 1]
    curved = x2 - 5.1 / (4 * np.pi**2) * x1**2 + 5 / np.pi * x1 - 6
    found: Values = curved**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x1) + 10
    return found


def log_goldstein_price(places: Points) -> Values:
    """Return the logarithm of Goldstein and Price's function, (functions,), at places (functions, 2) of [−2, 2]²."""
    x, y = 4 * places[:, 0] - 2, 4 * places[:, 1] - 2
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    found: Values = np.log(first) + np.log(second)  # both are at least 1 everywhere
    return found


def hartmann3(places: Points) -> Values:
    """Return Hartmann's function of three variables, (functions,), at places (functions, 3)."""
    return _hartmann(places, A3, P3)


def hartmann6(places: Points) -> Values:
    """Return Hartmann's function of six variables, (functions,), at places (functions, 6)."""
    return _hartmann(places, A6, P6)


def _hartmann(places: Points, widths: Points, peaks: Points) -> Values:
    distances = (widths * np.square(places[:, None] - peaks)).sum(2)  # (functions, 4)
    found: Values = -np.exp(-distances) @ ALPHA
    return found


@dataclass(frozen=True, slots=True)
class Known:
    """A function of its own unit box, and what is known of it.

    Attributes:
        formula: values (functions,) of places (functions, dimensions), which may lie outside the box, too.
        minimizers: where it is least, in its own box.
        minimum: its least value, inside the box and out.
        mean: over the box.
        deviation: over the box.
    """

    formula: Callable[[Points], Values]
    minimizers: tuple[tuple[float, ...], ...]
    minimum: float
    mean: float
    deviation: float

    @property
    def dimensions(self) -> int:
        """Dimensions of its box."""
        return len(self.minimizers[0])

    @property
    def unit(self) -> float:
        """What its values are divided by."""
        return max(self.deviation, (self.mean - self.minimum) / FARTHEST)

    def scaled(self, values: Values) -> Values:
        """Return values with mean 0 and about deviation 1."""
        return (values - self.mean) / self.unit


@dataclass(frozen=True, slots=True)
class PlacedFunctions:
    """One known function, placed in the unit box in several ways.

    Attributes:
        known: the function.
        placements: how each lies in the box.
    """

    known: Known
    placements: Placements

    @property
    def dimensions(self) -> int:
        """Dimensions of the box."""
        return self.known.dimensions

    @property
    def minima(self) -> Values:
        """The least values (functions,): all alike, as every placement has a minimizer in the box."""
        return np.full(len(self.placements.order), self.known.scaled(np.float64(self.known.minimum)))

    def evaluate(self, points: Points) -> Values:
        """Return the scaled values (functions,) of points (functions, dimensions)."""
        return self.known.scaled(self.known.formula(self.placements.arguments(points)))


def _variants(dimensions: int) -> Mapping[str, FunctionVariant]:
    placed = "flipped, reordered, scaled by 0.9 to 1.1 and moved by up to 0.1"
    return {
        "": FunctionVariant(summary=placed, dimensions=dimensions),
        PLAIN: FunctionVariant(summary="as its source has it, over the unit box", dimensions=dimensions),
    }


class _OneFunction:
    """What the four families share: each draw is one function, placed at random."""

    version: ClassVar[int] = 1
    name: ClassVar[str]
    known: ClassVar[Known]
    variants: ClassVar[Mapping[str, FunctionVariant]]

    def __init__(self, root: object = None) -> None:
        """It reads no files."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> PlacedFunctions:
        """Draw functions; those of the variant ``plain`` are all alike.

        Raises:
            SettingError: there is no such variant.
        """
        check_choice(f"variant of {self.name}", variant, self.variants)
        known = self.known
        if variant == PLAIN:
            return PlacedFunctions(known, unmoved(count, known.dimensions))
        return PlacedFunctions(
            known, moved(seed, count, known.dimensions, name=self.name, minimizers=known.minimizers)
        )

    def fingerprint(self, variant: str = "") -> str:
        """Return nothing: no file is read."""
        return ""


class Branin(_OneFunction):
    """The family ``branin``: three valleys that are equally deep."""

    name: ClassVar[str] = "branin"
    known: ClassVar[Known] = Known(
        formula=branin,
        minimizers=tuple(
            ((x1 + 5) / 15, x2 / 15) for x1, x2 in ((-np.pi, 12.275), (np.pi, 2.275), (3 * np.pi, 2.475))
        ),
        minimum=10 / (8 * np.pi),
        mean=54.3072,
        deviation=51.2512,
    )
    variants: ClassVar[Mapping[str, FunctionVariant]] = _variants(2)


class GoldsteinPrice(_OneFunction):
    """The family ``goldstein-price``, on a logarithmic scale."""

    name: ClassVar[str] = "goldstein-price"
    known: ClassVar[Known] = Known(
        formula=log_goldstein_price,
        minimizers=((0.5, 0.25),),
        minimum=float(np.log(3)),
        mean=8.7028,
        deviation=2.4386,
    )
    variants: ClassVar[Mapping[str, FunctionVariant]] = _variants(2)


class Hartmann3(_OneFunction):
    """The family ``hartmann3``: four wells of different depths."""

    name: ClassVar[str] = "hartmann3"
    known: ClassVar[Known] = Known(
        formula=hartmann3,
        minimizers=((0.114588881, 0.555648895, 0.852546984),),
        minimum=-3.8627797873326629,
        mean=-0.9435,
        deviation=0.9556,
    )
    variants: ClassVar[Mapping[str, FunctionVariant]] = _variants(3)


class Hartmann6(_OneFunction):
    """The family ``hartmann6``: four wells of different depths, in six dimensions."""

    name: ClassVar[str] = "hartmann6"
    known: ClassVar[Known] = Known(
        formula=hartmann6,
        minimizers=((0.201689510, 0.150010694, 0.476873973, 0.275332428, 0.311651617, 0.657300535),),
        minimum=-3.3223680114155147,
        mean=-0.2589,
        deviation=0.3848,
    )
    variants: ClassVar[Mapping[str, FunctionVariant]] = _variants(6)
