"""Random placements of a function in the unit box: each draw of a family is one function, seen another way.

The coordinates of the box are flipped and change places. Where the function is known outside its own box, too, it is
also scaled by 0.9 to 1.1 about the middle and moved by up to 0.1, in each dimension on its own (**D**: the source does
not say whether they are the same in all).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.blackbox.contracts import Points
from harness.seeds import derive_seed

MIDDLE = 0.5
SCALES, SHIFTS = (0.9, 1.1), (-0.1, 0.1)  # [L2L-BB]


@dataclass(frozen=True, slots=True)
class Placements:
    """How some functions lie in the unit box, one row for each.

    Attributes:
        order: which coordinate of the box each argument reads, (functions, dimensions).
        flipped: whether the argument runs the other way, (functions, dimensions).
        scale: of each argument, about the middle, (functions, dimensions).
        shift: what is then added to each, (functions, dimensions).
    """

    order: NDArray[np.int64]
    flipped: NDArray[np.bool_]
    scale: Points
    shift: Points

    def arguments(self, points: Points) -> Points:
        """Return the arguments of the functions at points of the box, (functions, dimensions) both."""
        read = np.take_along_axis(points, self.order, 1)
        read = np.where(self.flipped, 1 - read, read)
        return MIDDLE + self.scale * (read - MIDDLE) + self.shift

    def points(self, arguments: Points) -> Points:
        """Return the points of the box where the functions have these arguments; they may lie outside it."""
        read = MIDDLE + (arguments - self.shift - MIDDLE) / self.scale
        read = np.where(self.flipped, 1 - read, read)
        points = np.empty_like(read)
        np.put_along_axis(points, self.order, read, 1)
        return points


def unmoved(count: int, dimensions: int) -> Placements:
    """Return placements that leave every function as it is."""
    order = np.tile(np.arange(dimensions), (count, 1))
    flat = np.zeros((count, dimensions))
    return Placements(order, flat.astype(bool), flat + 1, flat)


def turned(seed: int, count: int, dimensions: int, *, name: str) -> Placements:
    """Draw placements that flip coordinates and change their order, and nothing else.

    Args:
        seed: with the name, it decides all; placement i depends on it, on i and on the name alone.
        count: how many.
        dimensions: of the box.
        name: family and variant.
    """
    return _drawn(seed, count, dimensions, name, moving=False)


def moved(
    seed: int, count: int, dimensions: int, *, name: str, minimizers: Sequence[Sequence[float]] = ()
) -> Placements:
    """Draw placements that flip, reorder, scale and move.

    Where minimizers are given, a placement is drawn again until one of them lies in the box, so that the least value of
    each function is known (**D**).

    Args:
        seed: with the name, it decides all; placement i depends on it, on i and on the name alone.
        count: how many.
        dimensions: of the box.
        name: family and variant.
        minimizers: where the function has its least value, in its own unit box; none if that is not known.
    """
    return _drawn(seed, count, dimensions, name, moving=True, minimizers=minimizers)


def _drawn(
    seed: int,
    count: int,
    dimensions: int,
    name: str,
    *,
    moving: bool,
    minimizers: Sequence[Sequence[float]] = (),
) -> Placements:
    found = unmoved(count, dimensions)
    wanted = np.array(minimizers).reshape(-1, dimensions)
    for row in range(count):
        draws = np.random.default_rng(derive_seed(seed, "function", name, row))
        found.order[row] = draws.permutation(dimensions)
        found.flipped[row] = draws.random(dimensions) < MIDDLE
        while moving:
            found.scale[row] = draws.uniform(*SCALES, dimensions)
            found.shift[row] = draws.uniform(*SHIFTS, dimensions)
            places = MIDDLE + (wanted - found.shift[row] - MIDDLE) / found.scale[row]
            if not wanted.size or ((places >= 0) & (places <= 1)).all(1).any():
                break
    return found
