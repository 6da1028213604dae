"""What an optimizer of the unit box is asked for and told, checked where it enters."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import NDArray

from harness.blackbox.contracts import Points, Values
from harness.errors import SearcherError, SettingError, message

ASK, TELL = "ask of a box optimizer", "tell of a box optimizer"
HINT = "Call it as BoxOptimizer in harness.blackbox.contracts says"


def sized(dimensions: int) -> int:
    """Return how many dimensions the box has.

    Raises:
        SettingError: it is no whole number from 1.
    """
    found = _whole(dimensions)
    if found < 1:
        hint = "Give the number of coordinates of a point, such as 6"
        raise SettingError(message("dimensions", expected="a whole number from 1", got=repr(dimensions), hint=hint))
    return found


def asked(count: int) -> int:
    """Return how many points are asked for.

    Raises:
        SearcherError: it is no whole number from 0.
    """
    found = _whole(count)
    if found < 0:
        raise SearcherError(message(ASK, expected="a whole number of points from 0", got=repr(count), hint=HINT))
    return found


def told(points: Points, values: Values, dimensions: int) -> tuple[Points, Values]:
    """Return points, (count, dimensions), and their values, (count,), as float64.

    Raises:
        SearcherError: they have other shapes, or a number is not finite.
    """
    found = _finite("points", points)
    if found.shape != (len(found) if found.ndim else 0, dimensions):
        expected = f"points of shape (count, {dimensions})"
        raise SearcherError(message(TELL, expected=expected, got=f"shape {found.shape}", hint=HINT))
    return found, told_values(values, len(found))


def told_values(values: Values, count: int) -> Values:
    """Return the values, (count,), of so many points, as float64.

    Raises:
        SearcherError: they have another shape, or a number is not finite.
    """
    found = _finite("values", values)
    if found.shape != (count,):
        expected = f"values of shape ({count},)"
        raise SearcherError(message(TELL, expected=expected, got=f"shape {found.shape}", hint=HINT))
    return found


def never_asked(point: Points) -> SearcherError:
    """Return the error of a point that was not asked for, or was told more often than it was asked for."""
    expected = "points that were asked for, each told once for each time"
    return SearcherError(message(TELL, expected=expected, got=np.array2string(point, precision=4), hint=HINT))


def _whole(given: object) -> int:
    """Return a whole number; −1 for what is none."""
    if isinstance(given, bool | type):
        return -1
    try:
        return operator.index(given)  # type: ignore[arg-type]
    except TypeError:
        return -1


def _finite(name: str, given: object) -> NDArray[np.float64]:
    try:
        found = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as cause:
        raise SearcherError(message(TELL, expected=f"{name} that are numbers", got=repr(given), hint=HINT)) from cause
    if not np.isfinite(found).all():
        got = found[~np.isfinite(found)][0]
        raise SearcherError(message(TELL, expected=f"finite {name}", got=got, hint=HINT))
    return found
