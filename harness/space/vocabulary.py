"""The words of the language by name, and the editions and groups that they form (protocol §1, [NOS] §4.1).

``words`` holds their records. A word is identified by its written name, which token strings, formulas, the command line
and stored files share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from harness.errors import SpaceError, check_choice, message
from harness.space.node import CONSTANT, Node
from harness.space.word import LEVELLED, PRIMITIVES, TIMED, Kind, Word, X, Y
from harness.space.words import WORDS

T = TypeVar("T")

EPSILON = 1e-8  # ε in x/(y+ε) and log(|x|+ε), protocol §1, unless y or x is a number of 1 or more, or a sign


@dataclass(frozen=True, slots=True)
class Edition:
    """The words of one edition of the paper, by written name, in the order in which choices are numbered.

    Attributes:
        name: its name, as ``--space`` takes it.
        operands: the operand bank without earlier results.
        unary: functions of one value.
        binary: functions of two values.
    """

    name: str
    operands: tuple[str, ...]
    unary: tuple[str, ...]
    binary: tuple[str, ...]

    def strings(self, blocks: int) -> int:
        """Return how many token strings of so many blocks there are, without any constraint."""
        choices = len(self.unary) ** 2 * len(self.binary)
        return math.prod((len(self.operands) + earlier) ** 2 * choices for earlier in range(blocks))


def _editions() -> dict[str, Edition]:
    """Return the editions in the order of their first words; each has its own words and those of earlier editions."""
    names = tuple(dict.fromkeys(word.edition for word in WORDS))
    found = {}
    for place, name in enumerate(names):
        words = {
            kind: tuple(word.name for word in WORDS if word.kind == kind and word.edition in names[: place + 1])
            for kind in ("operand", "unary", "binary")
        }
        found[name] = Edition(name, words["operand"], words["unary"], words["binary"])
    return found


def _groups(kind: Kind) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for word in WORDS:
        if word.kind == kind and word.group:
            groups[word.group] = (*groups.get(word.group, ()), word.name)
    return groups


def _levels(*, primitive: str) -> dict[str, float]:
    """Return the words that apply one primitive at some level to their argument, with their levels."""
    parts = {word.name: word.arithmetic for word in WORDS}
    return {name: part.value for name, part in parts.items() if part.token == primitive and part.args in ((), (X,))}


def _weight_scales() -> dict[str, float]:
    """Return the operands that are multiples of the weight, with their scales."""
    found = {}
    for word in WORDS:
        match word.arithmetic:
            case Node(token="mul", args=(Node(token="w"), Node(token="const", value=scale))):
                found[word.name] = scale
    return found


BY_NAME = {word.name: word for word in WORDS}
EDITIONS = _editions()
ICML2017, ARXIV2 = EDITIONS["icml2017"], EDITIONS["arxiv2"]

ALL_OPERANDS = tuple(word.name for word in WORDS if word.kind == "operand")
ALL_UNARY = tuple(word.name for word in WORDS if word.kind == "unary")
ALL_BINARY = tuple(word.name for word in WORDS if word.kind == "binary")

CLIP_LIMITS = _levels(primitive="clamp")
DROP_RATES = _levels(primitive="drop")
NUMBERS = _levels(primitive=CONSTANT)
WEIGHT_SCALES = _weight_scales()

# Names for groups of words, accepted wherever a word of that kind is.
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "operand": _groups("operand"),
    "unary": _groups("unary"),
    "binary": _groups("binary"),
}


@cache
def word_of(token: str, arguments: int) -> Word:
    """Return the record of a word; an empty record for a word of a stored file that the language does not know.

    Args:
        token: its written name.
        arguments: how many arguments it has here.
    """
    kinds: tuple[Kind, ...] = ("operand", "unary", "binary")
    kind = kinds[min(arguments, 2)]
    return BY_NAME.get(token) or Word(token, kind, Node(token, (X, Y)[:arguments]))


@cache
def made_of_words(token: str) -> bool:
    """Whether a word is defined by other words, so that it needs no canonical form of its own."""
    if token not in BY_NAME:
        return False
    parts = (part for part in BY_NAME[token].arithmetic.walk() if part not in (X, Y) and part.token != CONSTANT)
    return all(part.token in BY_NAME and part.token != token for part in parts)


@cache
def timed(token: str) -> frozenset[str]:
    """Return which of the primitives that depend on the step and on the training's length a word reads."""
    found: set[str] = set()
    for part in word_of(token, 0).arithmetic.walk():
        if part.token in PRIMITIVES:
            found |= {part.token} & TIMED
        elif part.token in BY_NAME:
            found |= timed(part.token)
    return frozenset(found)


@cache
def running_means(token: str) -> frozenset[str]:
    """Return which of the running means ``m``, ``v`` and ``gamma`` a word reads."""
    found: set[str] = set()
    for part in word_of(token, 0).arithmetic.walk():
        kind, _, name = part.token.partition("_")
        if part.token in PRIMITIVES:
            found |= {name} if kind == "mean" else set()
        elif part.token in BY_NAME:
            found |= running_means(part.token)
    return frozenset(found)


def computed(arithmetic: Node, functions: Mapping[str, Callable[..., T]], known: Mapping[Node, T]) -> T:
    """Carry out the arithmetic of a word, and return its value.

    Args:
        arithmetic: the arithmetic in the word's record.
        functions: computes each primitive from its arguments, and from its level if it has one.
        known: the values of ``X`` and ``Y``.

    Raises:
        KeyError: there is no function for one of the primitives.
    """
    if arithmetic in known:
        return known[arithmetic]
    token = arithmetic.token
    args = [computed(arg, functions, known) for arg in arithmetic.args]
    if token in LEVELLED:
        return functions[token](*args, arithmetic.value)
    if token in PRIMITIVES:
        return functions[token](*args)
    return computed(BY_NAME[token].arithmetic, functions, dict(zip((X, Y), args, strict=False)))


def edition_with(words: Iterable[str], *, least: Edition) -> Edition:
    """Return the first edition with some words (earlier results, ``#1``, aside) and all of another edition's."""
    wanted = {*words} & BY_NAME.keys()
    for each in EDITIONS.values():
        has = {*each.operands, *each.unary, *each.binary}
        if has >= wanted | {*least.operands, *least.unary, *least.binary}:
            return each
    return least


def edition(name: str) -> Edition:
    """Return the edition called ``name``.

    Raises:
        SpaceError: no edition has that name.
    """
    check_choice("edition", name, EDITIONS, error=SpaceError)
    return EDITIONS[name]


def subset(kind: str, names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return a subset chosen by name, in the edition's order so that equal subsets are equal spaces.

    Args:
        kind: ``operand``, ``unary`` or ``binary``.
        names: words, or names of groups (``GROUPS``), which stand for their words that are in the edition.
        known: the edition's words of that kind.

    Raises:
        SpaceError: nothing is chosen, or a name is neither a word of the edition nor a group.
    """
    if isinstance(names, str | Mapping) or not isinstance(names, Iterable):
        raise SpaceError(
            message(f"{kind} subset", expected="a sequence of names", got=repr(names), hint="Put the names in a tuple")
        )
    groups = GROUPS[kind]
    chosen: set[str] = set()
    for name in names:
        _check_in_edition(kind, str(name), (*known, *groups))
        chosen.update(groups.get(name, (name,)))
    picked = tuple(word for word in known if word in chosen)
    if not picked:
        raise SpaceError(
            message(f"{kind} subset", expected="at least one name", got="none", hint="Choose from " + ", ".join(known))
        )
    return picked


def _check_in_edition(kind: str, name: str, choices: Sequence[str]) -> None:
    """Raise unless a name is one of an edition's words or groups; the message names the edition that has the word."""
    word = BY_NAME.get(name)
    if name not in choices and word is not None and word.kind == kind:
        expected, hint = "one of " + ", ".join(sorted(choices)), f"Choose the space {word.edition}, which has it"
        raise SpaceError(message(f"{kind} of the space", expected=expected, got=repr(name), hint=hint))
    check_choice(f"{kind} of the space", name, choices, error=SpaceError)


def with_epsilon(value: float) -> float:
    """Return ``value + ε``, or ``value`` if it is 1 or more in size (**D**).

    For such values ε is less than float32 can add, so children train alike; and ``x/1`` is ``x`` and ``log(1)`` is 0.
    """
    return value if abs(value) >= 1.0 else value + EPSILON
