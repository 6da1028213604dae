"""A check of one promise, and how to run a list of checks: a failure never stops the next check."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from harness.errors import raised


@dataclass(frozen=True, slots=True)
class Check:
    """The result of checking one promise.

    Attributes:
        name: the promise in a few words.
        passed: whether it was kept.
        detail: what was seen; for a failure, the first breach.
        seconds: wall time of the check.
    """

    name: str
    passed: bool
    detail: str
    seconds: float


class Broken(Exception):
    """A promise is not kept; the text says how."""


def require(kept: bool, breach: str) -> None:
    """Raise unless a promise is kept.

    Raises:
        Broken: the promise is not kept; ``breach`` is its text.
    """
    if not kept:
        raise Broken(breach)


def same(expected: Sequence[object], got: Sequence[object], *, what: str) -> None:
    """Raise unless two sequences are equal, naming the first difference.

    Raises:
        Broken: they differ.
    """
    for index, (one, other) in enumerate(zip(expected, got, strict=False)):
        require(one == other, f"{what} {index} was {one}, then {other}")
    require(len(expected) == len(got), f"there were {len(expected)} of {what}, then {len(got)}")


def run_checks(
    promises: Iterable[tuple[str, Callable[[], str]]], report: Callable[[Check], None] | None = None
) -> list[Check]:
    """Run each check, whatever the others do; any exception is a failure that names it.

    Args:
        promises: for each check its name and a function that returns what it saw, or raises.
        report: called with each check as it ends.
    """
    done = []
    for name, promise in promises:
        began = time.perf_counter()
        passed, detail = _verdict(promise)
        done.append(Check(name, passed, detail, time.perf_counter() - began))
        if report:
            report(done[-1])
    return done


def failures(checks: Iterable[Check]) -> list[str]:
    """Return one line for each broken promise; empty if all were kept."""
    return [f"{check.name}: {check.detail}" for check in checks if not check.passed]


def titled(functions: Iterable[Callable[..., str]], *arguments: object) -> list[tuple[str, Callable[[], str]]]:
    """Name each check by the first line of its docstring, and bind its arguments."""
    return [
        ((each.__doc__ or each.__name__).splitlines()[0].rstrip("."), partial(each, *arguments)) for each in functions
    ]


def _verdict(promise: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, promise()
    except Broken as breach:
        return False, str(breach)
    except (Exception, SystemExit) as error:  # code under test may raise anything at all, and that is the finding
        return False, f"raised {raised(error)}"
