"""Arguments of the Python calls, turned into the harness's types; mistakes raise one-line errors early."""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from harness import plain
from harness.board.rules import known
from harness.candidates import NamedOptimizer
from harness.contracts import CPU, Candidate, Dataset, NamedProtocol, Rule, Searcher, TaskProtocol
from harness.errors import (
    DataError,
    EngineError,
    LedgerError,
    ProtocolError,
    RegistryError,
    RuleSyntaxError,
    SettingError,
    SpaceError,
    check_range,
    message,
)
from harness.machine import check_device, cores, workers_of_gpu
from harness.race.engines.engine import GUARD
from harness.race.protocols import Budget, named
from harness.race.racing import Racer
from harness.registry import Kind, name_of
from harness.settings import Value
from harness.space.grammar import Space
from harness.space.zoo import resolve

Factory = Callable[..., Searcher]
SearcherLike = str | Factory | tuple[str | Factory, Mapping[str, Value]]
"""A name, ``name:setting=value,…``, a factory, or one of these with settings by name."""
SpaceLike = Space | str | Mapping[str, object]
"""A space, an edition's name, or the arguments of ``Space.of`` by name."""
ProtocolLike = TaskProtocol | NamedProtocol | str
SeedsLike = int | Iterable[int]
"""A number of seeds from 0, or the seeds themselves."""
RuleLike = Rule | str
CandidateLike = Rule | NamedOptimizer | str
"""A rule, a name from ``harness ls rules``, infix, or tokens."""
Given = TypeVar("Given")
MOST_SEED = 2**62
_TEMPORARY: set[Path] = set()  # folders to remove when Python exits
TOP = "top:"  # before the number of best confirmed rules to take


@runtime_checkable
class Kept(Protocol):
    """Something that belongs to a results folder, such as a board that a race returned."""

    @property
    def results(self) -> Path:
        """The results folder."""


ResultsLike = str | os.PathLike[str] | Kept
"""A results folder, or something that belongs to one."""


def racers(given: SearcherLike | Iterable[SearcherLike], searched: Space, *, children: int) -> list[Racer]:
    """Return the searchers of a race, checked and with all their settings; ``"all"`` are those that take the space.

    Raises:
        RegistryError: a searcher is unknown, has no name or is given twice, or none is given.
        SettingError: a setting is unknown or its value is invalid.
    """
    if given == "all":
        given = Racer.every(searched)
    several = [given] if isinstance(given, str | tuple) or callable(given) else _listed(given, "searchers")
    found = [_racer(each, children=children) for each in several]
    hint = 'Name some, such as ["rl", "gp", "random"]'
    if not found:
        raise RegistryError(message("searchers", expected="at least one", got="none", hint=hint))
    for number, racer in enumerate(found):
        if any((racer.name, racer.settings) == (other.name, other.settings) for other in found[:number]):
            hint = "Leave one out, or give it other settings"
            raise RegistryError(message("searchers", expected="each one once", got=f"{racer.name} twice", hint=hint))
    return found


def _racer(given: object, *, children: int) -> Racer:
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], Mapping):
        which, settings = given
        return Racer.of(_searcher_name(which), settings, children=children)
    if isinstance(given, str):
        name, texts = _split(given)
        if "," in name:
            hint = "Write a list: " + json.dumps([each.strip() for each in name.split(",")])
            raise RegistryError(message("searchers", expected="a list of names", got=repr(given), hint=hint))
        return Racer.of(name, texts, children=children)
    return Racer.of(_searcher_name(given), {}, children=children)


def _searcher_name(given: object) -> str:
    if isinstance(given, str):
        return given
    if not callable(given):
        hint = 'Write "gp", "gp:population=50", ("gp", {"population": 50}), or a class'
        raise RegistryError(message("searcher", expected="a name or a factory", got=repr(given), hint=hint))
    return name_of(Kind.SEARCHER, given)


def _split(text: str) -> tuple[str, Sequence[str]]:
    """Split ``module:attribute:name=value,…`` into the name and the texts of its settings."""
    head, equals, _ = text.partition("=")
    if not equals:
        return text, ()
    name, colon, _ = head.rpartition(":")
    if not colon:
        hint = "Write name:setting=value, such as gp:population=50"
        raise SettingError(message("searcher", expected="a name before its settings", got=repr(text), hint=hint))
    return name, text[len(name) + 1 :].split(",")


def space(given: SpaceLike | None, scoring: TaskProtocol) -> Space:
    """Return a space of rules; for None that of the protocol's table, or two blocks of ``icml2017`` without a table.

    Raises:
        SpaceError: the argument does not describe a space.
    """
    if given is None:
        return scoring.tabled or Space.of()
    if isinstance(given, Space):
        return given
    hint = 'Write "icml2017", {"blocks": 1, "operands": ["g", "m"]}, or a Space'
    if isinstance(given, str):
        return Space.of(given)
    if not isinstance(given, Mapping):
        raise SpaceError(message("space", expected="a Space, a name or options", got=repr(given), hint=hint))
    try:
        return Space.of(**given)  # type: ignore[arg-type]
    except TypeError as cause:
        raise SpaceError(message("space", expected="the arguments of Space.of", got=cause, hint=hint)) from cause


def protocol(given: ProtocolLike) -> TaskProtocol:
    """Return the protocol that the argument stands for.

    Raises:
        RegistryError: no protocol has that name.
        ProtocolError: the argument is not a protocol.
    """
    if isinstance(given, str):
        return named(given)
    found = given.protocol if isinstance(given, NamedProtocol) else given
    if not isinstance(found, TaskProtocol):
        hint = "See `harness ls protocols`"
        raise ProtocolError(message("protocol", expected="a name or a TaskProtocol", got=repr(given), hint=hint))
    return found


def seeds(given: SeedsLike) -> tuple[int, ...]:
    """Return distinct seeds in the order given.

    Raises:
        ProtocolError: there are no seeds, or one of them is not a seed.
    """
    what, hint = "seeds", "Write 3 for seeds 0, 1 and 2, or name them: [0, 2, 5]"
    if isinstance(given, int) and not isinstance(given, bool):
        check_range("seeds: how many", given, least=1, most=10_000, error=ProtocolError)
        return tuple(range(given))
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise ProtocolError(message(what, expected="a number of seeds, or seeds", got=repr(given), hint=hint))
    found = [plain.integer(what, each, hint) for each in given]
    for each in found:
        check_range("seeds: a seed", each, least=0, most=MOST_SEED, error=ProtocolError)
    if not found:
        raise ProtocolError(message(what, expected="at least one", got="none", hint=hint))
    return tuple(dict.fromkeys(found))


def budget(children: int, proposals: int | None) -> Budget:
    """Return the budget of each run; None gives the default cap on proposals.

    Raises:
        ProtocolError: an argument is not a whole number, or is out of range.
    """
    trained = plain.integer("children", children, "Write a number, such as 100")
    if proposals is None:
        return Budget.of(trained)
    return Budget(trained, plain.integer("proposals", proposals, "Write a number, or leave it out"))


def data(given: str | Dataset) -> str | Dataset:
    """Return a data set or its name, checked.

    Raises:
        DataError: the argument is neither.
    """
    if isinstance(given, str | Dataset):
        return given
    hint = "See `harness ls data`, and Dataset in harness.contracts"
    expected = "a name, or a data set with `name` and `fingerprint`"
    raise DataError(message("data", expected=expected, got=type(given).__name__, hint=hint))


def workers(given: int | str, *, device: str = CPU, asynchronous: bool = False) -> int:
    """Return how many workers there are: a number, or for ``"auto"`` one per core, or as many as keep a GPU busy.

    Raises:
        ProtocolError: the argument is neither.
        SettingError: the device is invalid.
        EngineError: a worker process calls this while it loads the script that started it.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself finds out
        got = "one that every worker process repeats, because it loads the script"
        hint = "Put the call below that line"
        raise EngineError(message("workers", expected=f"a call under `{GUARD}`", got=got, hint=hint))
    check_device(device)
    if given == "auto":
        return cores() if device == CPU else workers_of_gpu(asynchronous=asynchronous)
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        hint = "Change workers"
        raise ProtocolError(message("workers", expected='"auto" or a number from 1', got=repr(given), hint=hint))
    return given


def listed(given: CandidateLike | Iterable[CandidateLike], what: str = "rules") -> list[CandidateLike]:
    """Return one rule or several as a list, without reading them."""
    return [given] if isinstance(given, str | Rule | NamedOptimizer) else _listed(given, what)


def rule(given: RuleLike) -> Rule:
    """Return a rule.

    Raises:
        RuleSyntaxError: the argument is not a rule.
    """
    if isinstance(given, Rule):
        return given
    if not isinstance(given, str):
        hint = 'Write "g * exp(v)" or "adam", or give a Rule'
        raise RuleSyntaxError(message("rule", expected="a Rule or a text", got=repr(given), hint=hint))
    return resolve(given)


def candidate(given: CandidateLike) -> Candidate:
    """Return a rule, or an optimizer of a family such as ``torch:AdamW(weight_decay=0.01)``.

    Raises:
        RegistryError: no family has that name.
        SettingError: the family has no such optimizer or option.
        RuleSyntaxError: the argument is not a rule.
    """
    if isinstance(given, NamedOptimizer):
        return given
    return known.candidate(given) if isinstance(given, str) else rule(given)


def top_of(given: Sequence[CandidateLike], what: str, *, board: int | None = None) -> tuple[int, list[CandidateLike]]:
    """Return how many of the best confirmed rules are asked for, and the other candidates, unread.

    Args:
        given: candidates and ``top:N``.
        what: what they are, for messages.
        board: number of the rules' board from which ``top:N`` takes them; None if none is named.

    Raises:
        ProtocolError: a number is none, or ``top:N`` is given twice, or a board without it.
    """
    texts = [each for each in given if isinstance(each, str) and each.strip().startswith(TOP)]
    if len(texts) > 1:
        raise ProtocolError(message(what, expected=f"{TOP} once", got=", ".join(texts), hint="Give one number"))
    top = 0
    for text in texts:
        number = text.strip().removeprefix(TOP)
        if not number.isdecimal() or not 1 <= int(number[:9]) <= 10**6:
            hint = f"Write it like {TOP}5"
            raise ProtocolError(message(what, expected=f"a number from 1 after {TOP}", got=repr(text), hint=hint))
        top = int(number)
    if board is not None and not top:
        expected, hint = f"none without {TOP}N", f"Leave it out, or add the best rules of that board, such as {TOP}3"
        raise ProtocolError(message("board", expected=expected, got=board, hint=hint))
    return top, [each for each in given if each not in texts]


def folder(given: ResultsLike) -> Path:
    """Return the path of a results folder, which stays the same if the current folder changes.

    Raises:
        LedgerError: the argument does not name a folder.
    """
    if isinstance(given, Kept):
        return given.results
    try:
        return plain.path("results", given).absolute()
    except SettingError as cause:
        hint = "Name the folder, or give the board that a race returned"
        raise LedgerError(message("results", expected="a folder", got=repr(given), hint=hint)) from cause


def place(given: ResultsLike | None) -> Path:
    """Return a results folder to write to; None gives a temporary folder, which is removed when Python exits."""
    if given is not None:
        return folder(given)
    made = Path(tempfile.mkdtemp(prefix="harness-"))
    _TEMPORARY.add(made)
    atexit.register(_remove, made)
    return made


def keep(results: Path) -> None:
    """Keep a temporary folder when Python exits, since a call that was stopped can go on from it."""
    _TEMPORARY.discard(results)


def _remove(made: Path) -> None:
    if made in _TEMPORARY:
        shutil.rmtree(made, ignore_errors=True)


def _listed(given: Iterable[Given], what: str) -> list[Given]:
    if isinstance(given, Iterable) and not isinstance(given, Mapping):  # of which the names alone would be read
        return list(given)
    raise SettingError(message(what, expected="a list", got=repr(given), hint=f"Give a list of {what}"))
