"""The small spaces whose every function has been scored beforehand (protocol §5), by the names of their tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.errors import SpaceError, check_choice

if TYPE_CHECKING:
    from harness.space.grammar import Space

SMALL_SPACES: Mapping[str, Mapping[str, Any]] = {
    "broad": {
        "operands": ("g", "m", "v", "sign(g)", "sign(m)", "1", "1e-3w", "adam", "rmsprop"),
        "unary": ("id", "exp", "log", "sign"),
        "blocks": 1,
        "distinct_operands": False,
        "last_not_add": False,
        "connected": False,
    },
    "signs": {
        "operands": ("g", "m", "sign(g)", "sign(m)"),
        "unary": ("id", "exp"),
        "binary": ("add", "sub", "mul", "left"),
        "blocks": 2,
    },
    "adaptive": {
        "operands": ("m", "1", "adam", "rmsprop"),
        "unary": ("id", "exp"),
        "binary": ("sub", "mul", "div"),
        "blocks": 2,
    },
}
"""By name, the arguments of ``Space.of``."""


@cache
def small_space(name: str) -> Space:
    """Build the space of a table.

    Raises:
        SpaceError: no table has that name.
    """
    from harness.space.grammar import Space  # late: listings do without numpy

    check_choice("table", name, SMALL_SPACES, error=SpaceError)
    return Space.of(**SMALL_SPACES[name])
