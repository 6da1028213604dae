"""Entrants of a contest by name and settings: ``random``, or ``rnn(cell='dnc')``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from harness import settings
from harness.blackbox.contest import FIX, Contest, side_by_side
from harness.blackbox.contest import Method as Run
from harness.board.blackbox.record import Method, digest
from harness.candidates import call
from harness.errors import ProtocolError, RegistryError, SearcherError, SettingError, message
from harness.race.conditions import Announce
from harness.race.validation import stating
from harness.registry import Kind, check_call, load, name_of
from harness.settings import Value

Factory = Callable[..., Any]
EntrantLike = str | Factory | tuple[str | Factory, Mapping[str, Value]]
"""``NAME``, ``NAME(setting=value, …)``, a factory, or a name or factory with settings."""

LIBRARIES = ("cmaes", "numpy", "optuna", "scipy", "torch")  # of a factory that does not say what it computes with
MOST_NAMED = 190  # characters of a label, with room for a hash that tells it from another one


@dataclass(frozen=True, slots=True)
class Entrant:
    """An optimizer of the box with its settings.

    Attributes:
        label: its name on boards: with the settings that are not the defaults.
        name: its registered name, or ``module:attribute``.
        factory: what makes it.
        settings: all settings, defaults included.
    """

    label: str
    name: str
    factory: Factory
    settings: Mapping[str, Value]

    def run(self) -> Run:
        """Return it as a contest runs it."""
        return Run(self.label, self.factory, self.settings)

    def method(self, contest: Contest) -> Method:
        """Return what its points in a contest depend on.

        Raises:
            HarnessError: it cannot be made for functions of so many dimensions, or files that it reads are missing.
        """
        own, fingerprint = self.run(), ""
        libraries = getattr(self.factory, "libraries", LIBRARIES)
        if isinstance(libraries, str) or not _texts(libraries):
            expected, hint = 'libraries that are names of packages, as in ("numpy", "torch")', FIX
            raise SearcherError(message(f"box optimizer {self.label}", expected=expected, got=libraries, hint=hint))
        own.build(contest.dimensions, seed=0)
        if hasattr(self.factory, "fingerprint"):
            with own.answering("one that says what it reads"):
                fingerprint = str(self.factory.fingerprint(contest.dimensions, **self.settings))
        for name, value in self.settings.items():
            if isinstance(value, str) and not value.isprintable():
                hint = "Rename the file, or give another value"
                raise SettingError(message(name, expected="text in Unicode on one line", got=repr(value), hint=hint))
        with stating(f"box optimizer {self.label}", hint=FIX, error=SearcherError):
            return Method(
                name=self.name,
                version=self.factory.version,  # type: ignore[attr-defined]
                settings=dict(self.settings),
                fingerprint=fingerprint,
                environment={name: _version(name) for name in libraries},
                side_by_side=side_by_side(contest, own),
            )


def entrants(given: Sequence[EntrantLike], *, announce: Announce) -> list[Entrant]:
    """Return entrants, each once.

    Raises:
        HarnessError: there is none, or one of them cannot be read.
    """
    found: dict[str, Entrant] = {}
    for each in given:
        made = _entrant(each)
        if made.label in found:
            announce(f"{made.label} is named more than once; it counts once")
        found[made.label] = made
    if not found:
        hint = "Name some, such as random or cmaes; `harness ls box-optimizers` lists them"
        raise ProtocolError(message("entrants", expected="at least one", got="none", hint=hint))
    return list(found.values())


def _entrant(given: EntrantLike) -> Entrant:
    which, more = given if isinstance(given, tuple) and len(given) == 2 else (given, {})
    if not isinstance(more, Mapping) or not (isinstance(which, str) or callable(which)):
        hint = 'Write "rnn", "rnn(cell=\'dnc\')", ("rnn", {"cell": "dnc"}), or a class'
        raise RegistryError(message("entrant", expected="a name or a factory", got=repr(given), hint=hint))
    name, own = split(which) if isinstance(which, str) else (name_of(Kind.BOX_OPTIMIZER, which), {})
    factory = load(Kind.BOX_OPTIMIZER, name)
    try:
        chosen = settings.check(factory, {**own, **more})
        defaults = settings.complete(factory, {})
    except SettingError as cause:
        raise SettingError(f"entrant {name}, {cause}") from cause
    check_call(Kind.BOX_OPTIMIZER, name, factory, 1, seed=0, **chosen)
    version = getattr(factory, "version", None)
    if type(version) is not int or version < 1:
        hint = "Give its class a version, as BoxOptimizer in harness.blackbox.contracts says"
        what, expected = f"box optimizer {name}", "a version that is a whole number from 1"
        raise SearcherError(message(what, expected=expected, got=repr(version), hint=hint))
    differing = {key: value for key, value in sorted(chosen.items()) if defaults.get(key) != value}
    told = ", ".join(f"{key}={value!r}" for key, value in differing.items())
    return Entrant(_label(f"{name}({told})" if told else name), name, factory, {**defaults, **chosen})


def _texts(given: object) -> bool:
    return isinstance(given, Iterable) and all(isinstance(each, str) and each for each in given)


def _label(text: str) -> str:
    return text if len(text) <= MOST_NAMED else f"{text[: MOST_NAMED - 9]} {digest(text)}"


def split(text: str) -> tuple[str, Mapping[str, object]]:
    """Read ``NAME`` or ``NAME(setting=value, …)``; nothing is evaluated.

    Raises:
        SettingError: the text has another form, or a setting is given twice or is no number, truth value or word.
    """
    name, bracket, rest = text.strip().partition("(")
    name = name.strip()
    if not bracket:
        return name, {}
    try:
        return name, call(f"entrant({rest}")[1]
    except SettingError as cause:
        if not str(cause).startswith("candidate"):
            raise
        hint = "Write it like rnn(cell='dnc')"
        raise SettingError(
            message("entrant", expected="NAME or NAME(setting=value, ...)", got=repr(text), hint=hint)
        ) from cause


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "none"
