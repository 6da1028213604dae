"""Plain arguments of the Python calls: numbers, texts, paths, flags and callbacks; what is none is one line."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from numbers import Real
from pathlib import Path
from typing import SupportsIndex, TypeVar, cast

import numpy as np

from harness.errors import ProtocolError, SettingError, check_range, message

Given = TypeVar("Given")
Called = TypeVar("Called", bound=Callable[..., object])


def whole(what: str, given: object, *, least: int, most: int | None = None) -> int:
    """Return a whole number of a range.

    Raises:
        ProtocolError: the argument is none.
    """
    found = integer(what, given, "Write a number, such as 100")
    check_range(what, found, least=least, most=most, error=ProtocolError)
    return found


def whole_or_none(what: str, given: object, *, least: int, most: int | None = None) -> int | None:
    """Return a whole number of a range, checked; None for None."""
    return None if given is None else whole(what, given, least=least, most=most)


def integer(what: str, given: object, hint: str) -> int:
    """Return a whole number of any size.

    Raises:
        ProtocolError: the argument is none.
    """
    if isinstance(given, SupportsIndex) and not isinstance(given, bool | type):  # numpy's integers, too
        with suppress(TypeError):  # an array of several, or of other numbers
            return operator.index(given)
    raise ProtocolError(message(what, expected="a whole number", got=repr(given), hint=hint))


def integers(what: str, given: object, hint: str) -> tuple[int, ...]:
    """Return whole numbers of any size.

    Raises:
        ProtocolError: the argument is no list of them.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise ProtocolError(message(what, expected="whole numbers", got=repr(given), hint=hint))
    return tuple(integer(what, each, hint) for each in given)


def number(what: str, given: object, *, least: float, most: float) -> float:
    """Return a number of a range.

    Raises:
        ProtocolError: the argument is none.
    """
    if isinstance(given, bool) or not isinstance(given, Real):
        hint = f"Give one from {least:g} to {most:g}"
        raise ProtocolError(message(what, expected="a number", got=repr(given), hint=hint))
    check_range(what, cast(float, given), least=least, most=most, error=ProtocolError)
    return float(given)


def text(what: str, given: object, *, expected: str, hint: str) -> str:
    """Return a text.

    Raises:
        ProtocolError: the argument is none.
    """
    if not isinstance(given, str):
        raise ProtocolError(message(what, expected=expected, got=repr(given), hint=hint))
    return given


def texts(what: str, given: str | Iterable[str], *, hint: str) -> list[str]:
    """Return one text or several as a list.

    Raises:
        ProtocolError: the argument is neither.
    """
    several = [given] if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable) else list(given)
    return [text(what, each, expected="names", hint=hint) for each in several]


def by_name(what: str, given: Given | Mapping[str, Given]) -> dict[str, Given]:
    """Return values by name; a value alone is that of ``""``, for all names.

    Raises:
        ProtocolError: a name is no text.
    """
    if not isinstance(given, Mapping):
        return {"": given}
    hint = "Write {name: value}"
    return {text(f"{what}: a name", name, expected="a text", hint=hint): value for name, value in given.items()}


def path(what: str, given: str | os.PathLike[str]) -> Path:
    """Return the path of a file or folder.

    Raises:
        SettingError: the argument is none.
    """
    if isinstance(given, str | os.PathLike):
        written: str | bytes = os.fspath(given)
        if isinstance(written, str) and written and "\0" not in written:
            return Path(written)
    hint = "Give a text or a pathlib.Path"
    raise SettingError(message(what, expected="the path of a file or folder", got=repr(given), hint=hint))


def path_or_none(what: str, given: str | os.PathLike[str] | None) -> Path | None:
    """Return the path of a file or folder, checked; None for None."""
    return None if given is None else path(what, given)


def paths(what: str, given: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return one path or several as a list.

    Raises:
        SettingError: the argument is neither.
    """
    alone = isinstance(given, str | bytes | os.PathLike | Mapping) or not isinstance(given, Iterable)
    return [path(what, cast(str, each)) for each in ([given] if alone else cast("Iterable[object]", given))]


def flag(what: str, given: object) -> bool:
    """Return a truth value; a text such as "no" is none, since Python would take it for true.

    Raises:
        ProtocolError: the argument is none.
    """
    if isinstance(given, bool | np.bool_):
        return bool(given)
    raise ProtocolError(message(what, expected="True or False", got=repr(given), hint="Give one of them"))


def callback(what: str, given: Called) -> Called:
    """Return what is to be called.

    Raises:
        ProtocolError: it cannot be called.
    """
    if callable(given) and not isinstance(given, type):
        return given
    hint = "Give a function, or leave it out"
    raise ProtocolError(message(what, expected="a function to call", got=repr(given), hint=hint))
