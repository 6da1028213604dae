"""Four functions that global optimizers are compared on ([L2L-BB], protocol §9), placed in the unit box at random.

Sources: Branin 1972, Goldstein and Price 1971, and Dixon and Szegö 1978 for Hartmann's functions. Each is a function of
its own unit box, which stands for the domain that its source gives it. The logarithm is taken of Goldstein and Price's
function, whose values reach from 3 to a million (**D**; Jones et al. 1998 take it, too). How values are scaled: see
``harness.tasks.blackbox.placed``.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.blackbox.contracts import Points, Values
from harness.tasks.blackbox.placed import OwnFunction, PlacedFamily

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
    """Return Branin's function, (functions,), at places (functions, 2) of [−5, 10] · [0, 15]."""
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


class Branin(PlacedFamily):
    """The family ``branin``: three valleys that are equally deep."""

    name: ClassVar[str] = "branin"
    own: ClassVar[OwnFunction] = OwnFunction(
        formula=branin,
        dimensions=2,
        minimizers=tuple(((x1 + 5) / 15, x2 / 15) for x1, x2 in ((-np.pi, 12.275), (np.pi, 2.275), (3 * np.pi, 2.475))),
        minimum=10 / (8 * np.pi),
        mean=54.3072,
        deviation=51.2512,
    )


class GoldsteinPrice(PlacedFamily):
    """The family ``goldstein-price``, on a logarithmic scale."""

    name: ClassVar[str] = "goldstein-price"
    own: ClassVar[OwnFunction] = OwnFunction(
        formula=log_goldstein_price,
        dimensions=2,
        minimizers=((0.5, 0.25),),
        minimum=float(np.log(3)),
        mean=8.7028,
        deviation=2.4386,
    )


class Hartmann3(PlacedFamily):
    """The family ``hartmann3``: four wells of different depths."""

    name: ClassVar[str] = "hartmann3"
    own: ClassVar[OwnFunction] = OwnFunction(
        formula=hartmann3,
        dimensions=3,
        minimizers=((0.114588881, 0.555648895, 0.852546984),),
        minimum=-3.8627797873326629,
        mean=-0.9435,
        deviation=0.9556,
    )


class Hartmann6(PlacedFamily):
    """The family ``hartmann6``: four wells of different depths, in six dimensions."""

    name: ClassVar[str] = "hartmann6"
    own: ClassVar[OwnFunction] = OwnFunction(
        formula=hartmann6,
        dimensions=6,
        minimizers=((0.201689510, 0.150010694, 0.476873973, 0.275332428, 0.311651617, 0.657300535),),
        minimum=-3.3223680114155147,
        mean=-0.2589,
        deviation=0.3848,
    )
