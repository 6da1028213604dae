"""Names of lazily loaded ``module:attribute``: the only place where the harness knows of searchers and tasks.

Outside packages add their own by entry points in the groups ``harness.searchers``, ``harness.tasks``, ``harness.data``,
``harness.protocols``, ``harness.candidates``, ``harness.problems``, ``harness.box_optimizers`` and
``harness.functions``. Anything importable except a family of candidates can be named as
``module:attribute`` without registration. ``register`` gives an object a name within the current process.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.contracts import NamedProtocol, TaskProtocol
from harness.errors import RegistryError, check_choice, message, raised
from harness.names import BUILT_IN as BUILT_IN
from harness.names import FORMER, current
from harness.names import Kind as Kind
from harness.names import Registered as Registered

CALLS = {
    Kind.SEARCHER: "factory(space, *, seed, **settings)",
    Kind.TASK: "factory(protocol, data)",
    Kind.DATA: "factory(root, announce)",
    Kind.CANDIDATE: "factory(text)",
    Kind.PROBLEM: "factory(data)",
    Kind.BOX_OPTIMIZER: "factory(dimensions, *, seed, **settings)",
    Kind.FUNCTION: "factory(root)",
}


AUTO = "auto"  # the name for the real data if there is some, else the stand-in, of the kind that a task reads
AUTOMATIC = {
    "images": "harness.tasks.data.auto:load",
    "digits": "harness.tasks.data.digits.auto:load",
    "pictures": "harness.tasks.data.pictures.auto:load",
    "tokens": "harness.tasks.data.text.auto:tokens",
    "pairs": "harness.tasks.data.text.auto:pairs",
    "art": "harness.tasks.data.art.auto:load",
}
"""For each kind of inputs, what ``AUTO`` loads."""

STAND_INS = {
    "images": "synthetic",
    "digits": "synthetic-digits",
    "pictures": "synthetic-pictures",
    "tokens": "synthetic-tokens",
    "pairs": "synthetic-pairs",
    "art": "synthetic-art",
}
"""For each kind of inputs, the generated data set."""

_HERE: dict[Kind, dict[str, object]] = {kind: {} for kind in Kind}  # what ``register`` was given


def register(kind: str, name: str, found: object) -> None:
    """Give a name to a searcher, task, data set or protocol; within this process it works like any registered name.

    A package that others install uses entry points instead. Worker processes do not know the name: they import what it
    stands for, so with more than one worker a task or data set has to be defined in a module.

    Args:
        kind: ``searcher``, ``task``, ``data``, ``protocol``, ``problem``, ``candidate``,
            ``box_optimizer`` or ``function``.
        name: a name that is not taken; a name that was given here before may be given again, as in notebooks.
        found: a factory, as ``harness.contracts`` describes; or a protocol or data set itself.

    Raises:
        RegistryError: there is no such kind, the name is taken or malformed, or the object cannot be called.

    Example:
        >>> import harness
        >>> from harness.searchers.random_search import RandomSearch
        >>> class Doubtful(RandomSearch):
        ...     "Draws at random, two at a time."
        ...     batch = 2
        >>> harness.register("searcher", "doubtful", Doubtful)
        >>> board = harness.run("doubtful", protocol="toy-quadratic", children=3, seeds=1, progress=False)
        >>> board.rows[0].label
        'doubtful'
    """
    kinds = {each.value.removesuffix("s"): each for each in Kind}
    chosen = kinds[check_choice("kind", kind, kinds, error=RegistryError)]
    what = f"{kind} {name!r}"
    if not isinstance(name, str) or not re.fullmatch(r"[\w.+-]+", name):
        hint = "Choose another name"
        raise RegistryError(message(what, expected="letters, digits, and - + . _", got=repr(name), hint=hint))
    if name not in _HERE[chosen] and name in entries(chosen):
        taken = entries(chosen)[name].target
        raise RegistryError(message(what, expected="a name that is free", got=taken, hint="Choose another name"))
    if chosen is Kind.DATA and hasattr(found, "fingerprint"):
        _HERE[chosen][name] = lambda _root, _announce: found
        return
    if chosen is Kind.PROTOCOL:
        as_protocol(name, found)
    elif not callable(found):
        got = type(found).__name__
        raise RegistryError(
            message(what, expected=f"{CALLS[chosen]} to call", got=got, hint="Name a class or function")
        )
    _HERE[chosen][name] = found


def entries(kind: Kind) -> dict[str, Registered]:
    """Return every registered name of a kind: ours, outside packages' in alphabetical order, then this process's.

    An outside package cannot replace a built-in name: a run recorded under ``random`` must mean ours.
    """
    found = dict(BUILT_IN[kind])
    for point in _outside(tuple((path, _changed(path)) for path in sys.path))[f"harness.{kind.value}"]:
        found.setdefault(point.name, Registered(point.value, source=point.dist.name if point.dist else ""))
    for name, each in _HERE[kind].items():
        found.setdefault(name, Registered(_path(each), _first_line(each), "this process"))
    return found


@lru_cache(maxsize=4)
def _outside(_packages: tuple[tuple[str, int], ...]) -> dict[str, list[metadata.EntryPoint]]:
    """Return the entry points of all installed packages by group, by name.

    Every package's file has to be read for them, so they are kept until a folder of packages changes.
    """
    every = metadata.entry_points()
    groups = [f"harness.{kind.value}" for kind in Kind]
    return {group: sorted(every.select(group=group), key=lambda point: point.name) for group in groups}


def _changed(path: str) -> int:
    """Return when a folder last changed; 0 if it is no folder."""
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


def summary(kind: Kind, name: str) -> str:
    """Return the line that listings show: of an outside package's, the first line of the docstring, which loads it."""
    entry = entries(kind)[name]
    if entry.summary:
        return entry.summary
    try:
        return _first_line(load(kind, name)).rstrip(".")
    except RegistryError:  # a broken entry must not hide the others
        return f"cannot be loaded from {entry.target}"


def name_of(kind: Kind, found: object) -> str:
    """Return the name of an object: its registered name, else its ``module:attribute``.

    Raises:
        RegistryError: it has neither.
    """
    for name, each in _HERE[kind].items():
        if each is found:
            return name
    path = _path(found)
    for name, entry in entries(kind).items():
        if entry.target == path:
            return name
    if _importable(path, found):
        return path
    what = kind.value.removesuffix("s")
    hint = f'Name it first: harness.register("{what}", "my-name", …)'
    raise RegistryError(message(what, expected="a name, or an object defined in a module", got=repr(found), hint=hint))


def portable(kind: Kind, name: str) -> str:
    """Return a name that other processes know, too, for what a name stands for here.

    Raises:
        RegistryError: there is none.
    """
    if name not in _HERE[kind] and (":" in name or name in entries(kind)):
        return name
    found = _HERE[kind].get(name)
    path = _path(found)
    if path.startswith("__main__:") or not _importable(path, found):
        what, hint = f"{kind.value.removesuffix('s')} {name!r}", "Put it into a module, or train with one worker"
        got = "one that only this process knows"
        raise RegistryError(message(what, expected="one that worker processes can import", got=got, hint=hint))
    return path


def _path(found: object) -> str:
    """Return where an object says that it is defined."""
    named = found if hasattr(found, "__qualname__") else type(found)
    return f"{getattr(named, '__module__', '')}:{getattr(named, '__qualname__', '')}"


def _importable(path: str, found: object) -> bool:
    module, _, attribute = path.partition(":")
    return found is not None and getattr(sys.modules.get(module), attribute, None) is found


def _first_line(found: object) -> str:
    lines = (getattr(found, "__doc__", None) or "").strip().splitlines()
    return lines[0] if lines else ""


def target(kind: Kind, name: str) -> str:
    """Return the ``module:attribute`` that a name stands for; such a text stands for itself, or is a former name.

    Raises:
        RegistryError: the name is not registered, and the message suggests the nearest; or it has two meanings.
    """
    if name in FORMER:
        return current(kind.value.removesuffix("s"), name)
    if ":" in name:
        return name
    known = entries(kind)
    check_choice(
        _called(kind),
        name,
        known,
        error=RegistryError,
        hint="Choose one of these, name your own as module:attribute, or install the package that registers it",
    )
    return known[name].target


def _called(kind: Kind) -> str:
    return kind.value.removesuffix("s").replace("_", " ")


def load(kind: Kind, name: str) -> Any:
    """Import what a registered name or a ``module:attribute`` stands for: a factory, or for a protocol the protocol.

    Raises:
        RegistryError: the name is unknown, its module or attribute cannot be loaded, or what it names cannot be called.
    """
    if name in _HERE[kind]:
        return _HERE[kind][name]
    path = target(kind, name)
    module_name, _, attribute = path.partition(":")
    what = f"{_called(kind)} {name!r}"
    try:
        loaded = getattr(importlib.import_module(module_name), attribute)
    except (Exception, SystemExit) as cause:  # a module of other people may raise anything
        if not isinstance(cause, ImportError | AttributeError | ValueError | TypeError) and path.startswith("harness."):
            raise
        told, hint = raised(cause), "Check the spelling and that the package is installed"
        if "/" in module_name or module_name.endswith(".py"):
            hint = "Go to the file's folder and leave folder and .py out, as in hill:HillClimbing"
        elif " in " in told.partition(":")[0] or isinstance(cause, SyntaxError):
            hint = "Fix the module"
        got = told if path == name else f"{path} ({told})"
        raise RegistryError(message(what, expected="an importable module:attribute", got=got, hint=hint)) from cause
    if kind is not Kind.PROTOCOL and not callable(loaded):
        got = f"{path}, of type {type(loaded).__name__}"
        raise RegistryError(message(what, expected="a factory to call", got=got, hint="Name a class or function"))
    return loaded


def as_protocol(name: str, found: object) -> NamedProtocol:
    """Return the protocol that a name stands for, with what no score depends on.

    Raises:
        RegistryError: it is not a protocol, or has another name.
    """
    whole = NamedProtocol(found) if isinstance(found, TaskProtocol) else found
    what, hint = f"protocol {name!r}", "Name a TaskProtocol, or a NamedProtocol with one"
    if not isinstance(whole, NamedProtocol):
        raise RegistryError(message(what, expected="a protocol", got=type(found).__name__, hint=hint))
    if ":" not in name and whole.protocol.name != name:
        hint = "Register it under the name that it has"
        raise RegistryError(message(what, expected="its own name", got=repr(whole.protocol.name), hint=hint))
    return whole


def check_call(kind: Kind, name: str, factory: Callable[..., object], *arguments: object, **named: object) -> None:
    """Raise unless a loaded factory takes the arguments that the harness passes to its kind; nothing is called.

    Raises:
        RegistryError: it takes others, or has no readable signature.
    """
    try:
        inspect.signature(factory).bind(*arguments, **named)
    except (TypeError, ValueError) as cause:
        what = f"{_called(kind)} {name!r}"
        hint = "Name a factory, or fix its signature"
        got = str(cause).removeprefix("got ")
        raise RegistryError(message(what, expected=f"{CALLS[kind]} to call", got=got, hint=hint)) from cause
