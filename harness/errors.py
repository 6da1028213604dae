"""Every error that a user can cause, and the ``check_*`` helpers that word them alike.

The form is ``<what was broken>: expected <X>, got <Y>. <What to do>.`` The command line prints that one line and exits
with ``HarnessError.exit_code``; a traceback is a bug of ours.
"""

from __future__ import annotations

import difflib
import functools
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST_NAMED = 30  # choices that a message lists


class HarnessError(Exception):
    """Something outside the program is wrong, and the message says what to do about it."""

    exit_code = 2


class RuleSyntaxError(HarnessError, ValueError):
    """A text is not an update rule; a ``ValueError`` too, as torch's optimizers raise it."""


class SpaceError(HarnessError):
    """A space is malformed, or a rule lies outside it."""


class ProtocolError(HarnessError):
    """A protocol, budget or seed is malformed or unknown."""


class DataError(HarnessError):
    """A data set is missing, damaged, or not the one that was recorded."""


class RegistryError(HarnessError):
    """A name is not registered, or what it names cannot be loaded."""


class SettingError(HarnessError, ValueError):
    """A setting is unknown to its searcher or optimizer, or out of range; a ``ValueError`` too, as torch's are."""


class SearcherError(HarnessError):
    """A searcher broke the contract of ask and tell."""


class LedgerError(HarnessError):
    """The store cannot be read or written, or disagrees with the run."""


class ReplayError(LedgerError):
    """A run's replayed history differs from its ledger."""


class EngineError(HarnessError):
    """The place where children train cannot be reached, or lost a child too often."""


def message(what: str, *, expected: str, got: object, hint: str) -> str:
    """Return the one-line message of an error.

    Args:
        what: the broken thing, in the user's words.
        expected: what would have been right.
        got: what was there instead; shortened to 80 characters.
        hint: what to do, a sentence without its full stop, or a question that begins with ``Did you mean``.
    """
    shown = str(got).replace("\n", " ")
    if len(shown) > 80:
        shown = shown[:77] + "..."
    return f"{what}: expected {expected}, got {shown}. {hint}{'?' if hint.startswith('Did you mean') else '.'}"


def check_choice(
    what: str, got: str, choices: Iterable[str], *, error: type[HarnessError] = SettingError, hint: str = ""
) -> str:
    """Return ``got`` if it is one of ``choices``; otherwise raise, naming the nearest choice.

    If there are many choices, the message names only the nearest.

    Raises:
        HarnessError: of class ``error``.
    """
    known = sorted(choices)
    if isinstance(got, str) and got in known:
        return got
    expected, advice = "one of " + ", ".join(known), hint or "Choose one of these"
    if not isinstance(got, str):  # from Python
        raise error(message(what, expected=expected, got=repr(got), hint=advice))
    near = difflib.get_close_matches(got, known, n=1, cutoff=0.5)
    if len(known) > MOST_NAMED:
        expected = f"one of {len(known):,} names"
        near = [name for name in known if got and name.startswith(got)] or near
        nearest = difflib.get_close_matches(got, known, n=1, cutoff=0.0)[0]
        advice = f"The nearest is {nearest!r}" + f"; {hint}" * bool(hint)
    if not known:
        expected = "nothing (none is registered)"
    if set(got.split(",")) <= set(known):
        advice = "Name one of them"
    elif near:
        advice = f"Did you mean {near[0]!r}"
    raise error(message(what, expected=expected, got=repr(got), hint=advice))


def check_range(
    what: str,
    got: float,
    *,
    least: float | None = None,
    most: float | None = None,
    error: type[HarnessError] = SettingError,
) -> None:
    """Raise unless ``least <= got <= most``; None means no bound. What is no number is in no range.

    Raises:
        HarnessError: of class ``error``.
    """
    with suppress(TypeError):
        if (least is None or got >= least) and (most is None or got <= most):
            return
    if most is None:
        expected, hint = f"at least {least}", f"Give {least} or more"
    elif least is None:
        expected, hint = f"at most {most}", f"Give {most} or less"
    else:
        expected, hint = f"{least} to {most}", f"Give a value from {least} to {most}"
    raise error(message(what, expected=expected, got=repr(got) if isinstance(got, str) else got, hint=hint))


@contextmanager
def outside(
    code: object,
    what: str,
    *,
    expected: str,
    hint: str,
    error: type[HarnessError],
    passing: tuple[type[Exception], ...] = (),
) -> Iterator[None]:
    """Report what code of other people raises in one line that says where; an error of our own code passes as it is.

    Args:
        code: the searcher, task or factory that is called.
        what: it, as the user knows it.
        expected: what the call should have done.
        hint: what to do.
        error: the class of the error to raise.
        passing: errors that the code may raise.

    Raises:
        HarnessError: of class ``error``.
    """
    try:
        yield
    except (Exception, SystemExit) as cause:  # it may raise anything, and end the program as if all were well
        while isinstance(code, functools.partial):
            code = code.func
        named = code if hasattr(code, "__qualname__") else type(code)
        if isinstance(cause, passing) or str(named.__module__).partition(".")[0] == __package__:
            raise
        raise error(message(what, expected=expected, got=raised(cause), hint=hint)) from cause


def raised(cause: BaseException) -> str:
    """Say what was raised and at which line of other people's code: ``KeyError in mine.py, line 7: 'adam'``."""
    place, package, step = "", "", cause.__traceback__
    while step is not None:
        top = step.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        if top != __package__ and top not in sys.stdlib_module_names:
            package = package or top  # the first that ours called; what it calls in turn may be a library
            if top == package:
                place = f" in {Path(step.tb_frame.f_code.co_filename).name}, line {step.tb_lineno}"
        step = step.tb_next
    text = " ".join(str(cause).split())
    return f"{type(cause).__name__}{place}" + f": {text}" * bool(text)
