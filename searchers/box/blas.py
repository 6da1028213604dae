"""Linear algebra on one thread: small matrices gain nothing by more, and lose a lot where other processes are busy.

The last bits of a result also depend on the number of threads, and a run must be resumed with the same points.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

import scipy.linalg  # noqa: F401 - its library must be loaded before it is looked for
from threadpoolctl import ThreadpoolController

Given = ParamSpec("Given")
Result = TypeVar("Result")


def on_one_thread(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Decorate a function so that BLAS has one thread within it; afterwards it has as many as before."""

    @wraps(function)
    def limited(*arguments: Given.args, **named: Given.kwargs) -> Result:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*arguments, **named)

    return limited


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
