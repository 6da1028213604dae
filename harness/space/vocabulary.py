"""The words of the language: operands, unary and binary functions of each edition (protocol §1, [NOS] §4.1).

Every word is known by its written name, which token strings, formulas, the command line and stored files share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import SpaceError, check_choice, message

EPSILON = 1e-8  # ε in x/(y+ε) and log(|x|+ε), protocol §1, where y or |x| is below 1 (``with_epsilon``)


@dataclass(frozen=True, slots=True)
class Edition:
    """The words of one edition of the paper, by written name, in the order that choices are numbered.

    Attributes:
        name: what ``--space`` takes.
        operands: the operand bank, earlier results excepted.
        unary: functions of one value.
        binary: functions of two values.
    """

    name: str
    operands: tuple[str, ...]
    unary: tuple[str, ...]
    binary: tuple[str, ...]

    def strings(self, blocks: int) -> int:
        """How many token strings of so many blocks there are, without any constraint."""
        choices = len(self.unary) ** 2 * len(self.binary)
        return math.prod((len(self.operands) + earlier) ** 2 * choices for earlier in range(blocks))


ARXIV2 = Edition(
    name="arxiv2",
    operands=(
        *("g", "g2", "g3", "m", "v", "gamma", "sign(g)", "sign(m)", "1", "2", "noise"),
        *("1e-4w", "1e-3w", "1e-2w", "1e-1w", "adam", "rmsprop"),
    ),
    unary=("id", "neg", "exp", "log", "clip5", "clip4", "clip3", "drop1", "drop3", "drop5", "sign", "sqrt"),
    binary=("add", "sub", "mul", "div", "left", "pow"),
)
ICML2017 = Edition(
    name="icml2017",
    operands=tuple(name for name in ARXIV2.operands if name != "2"),
    unary=tuple(name for name in ARXIV2.unary if name != "sqrt"),
    binary=tuple(name for name in ARXIV2.binary if name != "pow"),
)
EDITIONS = {edition.name: edition for edition in (ICML2017, ARXIV2)}

ALL_OPERANDS = ARXIV2.operands  # the later edition only adds words
ALL_UNARY = ARXIV2.unary
ALL_BINARY = ARXIV2.binary

CLIP_LIMITS = {"clip5": 1e-5, "clip4": 1e-4, "clip3": 1e-3}
DROP_RATES = {"drop1": 0.1, "drop3": 0.3, "drop5": 0.5}
WEIGHT_SCALES = {"1e-4w": 1e-4, "1e-3w": 1e-3, "1e-2w": 1e-2, "1e-1w": 1e-1}
NUMBERS = {"1": 1.0, "2": 2.0}

# Names for subsets that belong together, accepted wherever a word of that kind is.
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "operand": {
        "gradients": ("g", "g2", "g3"),
        "means": ("m", "v", "gamma"),
        "signs": ("sign(g)", "sign(m)"),
        "numbers": tuple(NUMBERS),
        "weights": tuple(WEIGHT_SCALES),
        "optimizers": ("adam", "rmsprop"),
    },
    "unary": {"clips": tuple(CLIP_LIMITS), "drops": tuple(DROP_RATES)},
    "binary": {"arithmetic": ("add", "sub", "mul", "div")},
}


def edition(name: str) -> Edition:
    """Return the edition called ``name``.

    Raises:
        SpaceError: no edition has that name.
    """
    check_choice("edition", name, EDITIONS, error=SpaceError)
    return EDITIONS[name]


def subset(kind: str, names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Read a subset chosen by name, put in the edition's order so that equal subsets are equal spaces.

    Args:
        kind: ``operand``, ``unary`` or ``binary``.
        names: words, or names of groups (``GROUPS``), which stand for those of their words that the edition has.
        known: the edition's words of that kind.

    Raises:
        SpaceError: nothing is chosen, or a name is neither a word of the edition nor a group.
    """
    if isinstance(names, str):
        raise SpaceError(
            message(f"{kind} subset", expected="a sequence of names", got=repr(names), hint="Put the names in a tuple")
        )
    groups = GROUPS[kind]
    chosen: set[str] = set()
    for name in names:
        check_choice(f"{kind} of the space", str(name), (*known, *groups), error=SpaceError)
        chosen.update(groups.get(name, (name,)))
    picked = tuple(word for word in known if word in chosen)
    if not picked:
        raise SpaceError(
            message(f"{kind} subset", expected="at least one name", got="none", hint="Choose from " + ", ".join(known))
        )
    return picked


def with_epsilon(value: float) -> float:
    """``value + ε``, or ``value`` where it is 1 or more in size (**D**).

    There ε is less than float32 can add, so that children train alike; and ``x/1`` is ``x``, ``log(1)`` is 0.
    """
    return value if abs(value) >= 1.0 else value + EPSILON
