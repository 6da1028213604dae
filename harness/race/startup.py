"""The start-up of a search: the proposals made before any result can decide one, and how many a budget allows.

A searcher that learns begins with random draws. Its factory says which of its settings decide how many
(``contracts.Beginning``). Unless a user sets them, a small budget lowers them, so that most of its children are results
of the search. The lowered numbers are ordinary settings, recorded in the header: a searcher never sees the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from harness.contracts import Beginning, Searcher
from harness.errors import HarnessError, SettingError, message
from harness.race.header import RunHeader
from harness.registry import BUILT_IN, Kind, load
from harness.settings import Range, Value, check, complete, declared

SHARE = 4  # a start-up that the user did not set takes at most one in so many children (**D**)
RECORD = "startup"  # the key in a header's provenance for how many children it took
MOST_DIGITS = 9
SINCE = {"evolution": 2, "gp": 2, "rl": 2, "rl+gp": 2}  # versions from which records tell their start-up as today's do

Factory = Callable[..., Searcher]


def fitted(factory: Factory, given: Mapping[str, Value], *, children: int) -> dict[str, Value]:
    """Return the settings with every default filled in; the start-up's defaults are lowered to fit a budget.

    Args:
        factory: the searcher's factory.
        given: the settings that the user set, checked.
        children: the budget in children.

    Raises:
        SettingError: the factory's ``startup`` is not as it must be.
    """
    settings = complete(factory, given)
    return settings | {name: most for name, (_, most) in _too_long(factory, settings, given, children).items()}


def count(factory: Factory, settings: Mapping[str, Value], *, children: int) -> int | None:
    """Return how many children of a run are its start-up; 0 for a search without one, None if the factory does not say.

    Args:
        factory: the searcher's factory.
        settings: all of its settings.
        children: the budget in children.

    Raises:
        SettingError: the factory's ``startup`` is not as it must be.
    """
    numbers = stated(factory, settings)
    if not numbers:
        return None if numbers is None else 0
    batch = settings.get("batch", getattr(factory, "batch", 1))  # a whole batch is asked for before any of it is told
    return min(children, max(*numbers.values(), batch if isinstance(batch, int) else 1))


def of_run(header: RunHeader) -> int | None:
    """Return how many children of a recorded run were its start-up; None if that is unknown.

    The record says it. If it does not, as in older runs, our own searchers are asked, but no foreign code is loaded.
    """
    told = header.provenance.get(RECORD, "")
    if told.isdecimal() and len(told) <= MOST_DIGITS:
        return min(int(told), header.budget.children)
    if (factory := _ours(header)) is None:
        return None
    try:
        settings = complete(factory, check(factory, header.settings))
        return count(factory, settings, children=header.budget.children)
    except HarnessError:
        return None


def implied(header: RunHeader) -> dict[str, int]:
    """Return the start-up settings that a run's record leaves open, and that a command today would lower."""
    if (factory := _ours(header)) is None:
        return {}
    try:
        settings = complete(factory, check(factory, header.settings))
        found = _too_long(factory, settings, header.settings, header.budget.children)
    except HarnessError:
        return {}
    return {name: number for name, (number, _) in found.items()}


def stated(factory: Factory, settings: Mapping[str, Value]) -> dict[str, int] | None:
    """Return what the factory states about its start-up: settings by name, with their numbers; None if nothing.

    Raises:
        SettingError: it names unknown settings, or gives something other than whole numbers.
    """
    if not hasattr(factory, "startup"):
        return None
    what, hint = f"startup of {getattr(factory, '__name__', factory)}", "Fix its `startup`"
    expected = "whole numbers by the names of its settings"
    try:
        numbers = dict(cast(Beginning, factory).startup(settings))
    except (TypeError, ValueError, KeyError, AttributeError) as cause:
        raise SettingError(message(what, expected=expected, got=repr(cause), hint=hint)) from cause
    known = declared(factory)
    if not all(name in known and type(number) is int and number >= 0 for name, number in numbers.items()):
        raise SettingError(message(what, expected=expected, got=numbers, hint=hint))
    return numbers


def _too_long(
    factory: Factory, settings: Mapping[str, Value], given: Mapping[str, Value], children: int
) -> dict[str, tuple[int, int]]:
    """Return the settings not given that make the start-up too long: their values, and what the budget allows."""
    found = {}
    for name, number in (stated(factory, settings) or {}).items():
        limits = declared(factory)[name].limits
        least = limits.least if isinstance(limits, Range) and limits.least is not None else 0
        most = max(1, int(least), children // SHARE)
        if name not in given and number > most:
            found[name] = (number, most)
    return found


def _ours(header: RunHeader) -> Factory | None:
    """Return the factory of a run's searcher, if it is one of ours and its version tells its start-up as today's."""
    if header.searcher not in BUILT_IN[Kind.SEARCHER]:
        return None
    try:
        factory: Factory = load(Kind.SEARCHER, header.searcher)
        version: int = getattr(factory, "version", 1)
        if header.searcher_version == version:
            return factory
        if not SINCE.get(header.searcher, version) <= header.searcher_version < version:
            return None
        names = stated(factory, complete(factory, check(factory, header.settings))) or {}
    except HarnessError:
        return None
    told = all(name in header.settings or declared(factory)[name].default is None for name in names)
    return factory if told else None  # a default may have been another one then
