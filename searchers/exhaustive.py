"""Exhaustive search of a small space: it fills tables of outcomes, and shows the best possible result."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.contracts import Rule, Trial
from harness.errors import SettingError, message
from harness.space.counting.enumeration import MOST_STRINGS, functions
from harness.space.grammar import Space

WHOLE = "1/1"


class Exhaustive:
    """Proposes every distinct function of its space once, each as its shortest string, in a stable order.

    The order depends only on the space, so many machines can share the work: slice k of n, counted from 1, is a
    consecutive part of that order, and the n slices together are everything. It learns nothing, and its seed decides
    only the weights that its children start from.

    Args:
        space: the space, of at most a million strings.
        seed: unused.
        part: the slice to propose, such as ``3/8``.

    Raises:
        SpaceError: the space has more strings.
        SettingError: the part is not a slice.
    """

    version = 1
    batch = 64  # it never learns, so this only has to keep every worker busy
    most_strings = MOST_STRINGS

    def __init__(self, space: Space, *, seed: int, part: str = WHOLE) -> None:  # noqa: ARG002 - every searcher takes it
        first, count = parsed(part)
        every = functions(space)
        self._left = every[slice_of(len(every), first, count)]

    @staticmethod
    def startup(_: object) -> dict[str, int]:
        """Return nothing: a searcher that learns nothing has no start-up."""
        return {}

    def ask(self, count: int) -> Sequence[Rule]:
        """Return the next ``count`` functions, or as many as are left."""
        now, self._left = self._left[:count], self._left[count:]
        return now

    def tell(self, trials: Sequence[Trial]) -> None:
        """Do nothing: there is nothing to learn."""


def parsed(part: str) -> tuple[int, int]:
    """Read ``k/n`` as the number of a slice, from 1, and the count of slices.

    Raises:
        SettingError: it is not of this form.
    """
    found = re.fullmatch(r"([1-9]\d{0,6})/([1-9]\d{0,6})", part)
    if found is None or int(found[1]) > int(found[2]):
        hint = "Choose a slice such as 3/8, the third of eight"
        raise SettingError(message("setting part", expected="k/n with 1 <= k <= n", got=repr(part), hint=hint))
    return int(found[1]), int(found[2])


def slice_of(length: int, number: int, count: int) -> slice:
    """Return slice ``number`` (from 1) of ``count`` of a sequence; the slices' lengths differ by at most one."""
    return slice((number - 1) * length // count, number * length // count)
