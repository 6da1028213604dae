"""The settings of a searcher, read from its factory's signature, which is their only declaration.

A factory is called as ``factory(space, *, seed, **settings)``: each keyword-only parameter besides ``seed`` is a
setting. Its annotation (``bool``, ``int``, ``float``, ``str`` or ``Literal[...]``) says how ``name=value`` is read, and
may narrow it; its line in the docstring's ``Args`` is its description::

    def __init__(self, space: Space, *, seed: int, population: Annotated[int, Range(2, 10_000)] = 100) -> None: ...
"""

from __future__ import annotations

import functools
import inspect
import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from harness.errors import SettingError, check_choice, check_range, message
from harness.limits import Choice as Choice
from harness.limits import Range as Range

Value = bool | int | float | str

TRUE = ("true", "yes", "on", "1")
FALSE = ("false", "no", "off", "0")
EXPECTED = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One declared setting.

    Attributes:
        name: its name, as ``--set`` takes it.
        type: bool, int, float or str.
        default: its value if not set; None if the factory's own default is None, or if the setting is required.
        required: whether it must be set.
        limits: what a value must satisfy beyond its type; None for no limits.
        summary: its line in the factory's docstring, if there is one.
    """

    name: str
    type: type[Value]
    default: Value | None = None
    required: bool = False
    limits: Range | Choice | None = None
    summary: str = ""

    @property
    def allowed(self) -> str:
        """What a value must be, in words: ``a whole number, 2 to 10000``."""
        return EXPECTED[self.type] + (f", {self.limits}" if self.limits else "")

    def check(self, value: object) -> Value:
        """Return ``value`` in the setting's type; a whole number is accepted for a float.

        Raises:
            SettingError: it is of another type, not finite, or outside the limits.
        """
        if self.type is float and type(value) is int:
            value = float(value)
        if type(value) is not self.type or (isinstance(value, float) and not math.isfinite(value)):
            raise self._refusal(repr(value))
        if isinstance(self.limits, Range) and isinstance(value, int | float):
            check_range(f"setting {self.name}", value, least=self.limits.least, most=self.limits.most)
        if isinstance(self.limits, Choice):
            check_choice(f"setting {self.name}", str(value), self.limits.names)
        return value

    def parse(self, text: str) -> Value:
        """Read and return a value given on the command line.

        Raises:
            SettingError: the text is not such a value.
        """
        text = text.strip()
        if self.type is bool:
            if text.lower() not in TRUE + FALSE:
                raise self._refusal(repr(text))
            return text.lower() in TRUE
        try:
            value = self.type(text)
        except ValueError:
            raise self._refusal(repr(text)) from None
        return self.check(value)

    def _refusal(self, got: str) -> SettingError:
        hint = f"Give {self.allowed}"
        return SettingError(message(f"setting {self.name}", expected=self.allowed, got=got, hint=hint))


def declared(factory: Callable[..., object]) -> dict[str, Setting]:
    """Return every setting of a factory, in the order of its signature.

    Raises:
        SettingError: the factory has no readable signature, or a setting's type is not one of the four, so that it
            could be neither given nor recorded.
    """
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError) as cause:
        hint = "Name a class or function written in Python"
        raise SettingError(message("factory", expected="one with a signature", got=cause, hint=hint)) from cause
    hints, lines = _hints(factory), _documented(factory)
    found = {}
    for name, parameter in parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or name == "seed":
            continue
        required = parameter.default is inspect.Parameter.empty
        default = None if required else parameter.default
        annotation = hints.get(name, parameter.annotation if hints else type(default))
        kind, limits = _read(annotation)
        if kind is None:
            raise SettingError(
                message(
                    f"setting {name}",
                    expected="a parameter annotated bool, int, float, str or a Literal of texts",
                    got=annotation,
                    hint="Change the annotation in the factory's signature",
                )
            )
        found[name] = Setting(name, kind, default, required, limits, lines.get(name, ""))
    return found


def check(factory: Callable[..., object], given: Mapping[str, object]) -> dict[str, Value]:
    """Check the settings given, and return each in its declared type.

    Raises:
        SettingError: a setting is unknown or invalid, or one without a default is missing.
    """
    known = declared(factory)
    checked = {name: _known(known, name).check(value) for name, value in given.items()}
    _complain_of_missing(known, checked)
    return checked


def parse(factory: Callable[..., object], texts: Sequence[str]) -> dict[str, Value]:
    """Read and return ``name=value`` texts, as ``--set`` takes them; if a name is given twice, the last counts.

    Raises:
        SettingError: a text has no ``=``, its name is unknown, its value is invalid, or a required setting is missing.
    """
    known, found = declared(factory), {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingError(
                message("setting", expected="name=value", got=repr(text), hint="Write the name, =, and the value")
            )
        found[name.strip()] = _known(known, name.strip()).parse(value)
    _complain_of_missing(known, found)
    return found


def complete(factory: Callable[..., object], given: Mapping[str, Value]) -> dict[str, Value]:
    """Return the settings with every default filled in, as a record needs them, since defaults may change.

    Raises:
        SettingError: a default is one that could not be given, such as an infinite number, which no record can hold.
    """
    known = declared(factory)
    try:
        defaults = {name: each.check(each.default) for name, each in known.items() if each.default is not None}
    except SettingError as cause:
        raise SettingError(f"a default is not allowed: {cause}") from cause
    return {**defaults, **given}


def _known(known: Mapping[str, Setting], name: str) -> Setting:
    check_choice("setting", name, known, hint="This one takes no settings" if not known else "Choose one of these")
    return known[name]


def _complain_of_missing(known: Mapping[str, Setting], found: Mapping[str, Value]) -> None:
    for name, each in known.items():
        if each.required and name not in found:
            raise SettingError(
                message(
                    f"setting {name}", expected=each.allowed, got="none", hint=f"Give {name}=..., it has no default"
                )
            )


def _hints(factory: Callable[..., object]) -> dict[str, Any]:
    """Return resolved annotations; for a class, those of its constructor."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    target = factory.__init__ if isinstance(factory, type) else factory  # type: ignore[misc]  # read, never called
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError):  # a name imported only under TYPE_CHECKING: use the types of the defaults
        return {}


def _read(annotation: object) -> tuple[type[Value] | None, Range | Choice | None]:
    limits: Range | Choice | None = None
    if get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
        limits = next((each for each in extras if isinstance(each, Range | Choice)), None)
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        annotation = parts[0] if len(parts) == 1 else None
    if get_origin(annotation) is Literal:
        names = get_args(annotation)
        return (str, Choice(*names)) if all(isinstance(name, str) for name in names) else (None, None)
    return next(((kind, limits) for kind in (bool, int, float, str) if annotation is kind), (None, None))


def _documented(factory: Callable[..., object]) -> dict[str, str]:
    """Return the ``Args`` of a factory's docstrings, each in one line."""
    found = {}
    init = getattr(factory, "__init__", None) if isinstance(factory, type) else None
    for doc in (inspect.getdoc(factory), inspect.getdoc(init)):
        section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", doc or "", re.MULTILINE)
        for match in re.finditer(r"^    (\w+):((?:.*)(?:\n {5,}.*)*)", section[1] if section else "", re.MULTILINE):
            found[match[1]] = " ".join(match[2].split())
    return found
