"""A space of rules, given by words, blocks and constraints: its masks, its size, uniform samples, rules as integers.

Each constraint concerns a single block, so blocks are independent of each other. The space and its size are products,
and drawing each block uniformly draws the rule uniformly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Block, Rule
from harness.errors import SpaceError, check_range, message
from harness.space.constraints import SWITCHES, Constraints, Mask
from harness.space.vocabulary import edition as edition_named
from harness.space.vocabulary import subset

__all__ = ["MAX_BLOCKS", "SLOTS", "SWITCHES", "Picks", "Space"]

MAX_BLOCKS = 4
SLOTS = ("op1", "op2", "u1", "u2", "binary")
Picks = NDArray[np.int64]


@dataclass(frozen=True)
class Space:
    """All rules of ``blocks`` blocks over some words, under some constraints (protocol §1).

    Positions run from 0 to ``5 * blocks − 1`` in the order of the token string. The words allowed at a position,
    ``choices(position)``, are numbered from 0. A rule as integers holds the number of the choice at each position.

    Attributes:
        edition: ``icml2017``, ``arxiv2`` or ``decays``, as ``harness ls spaces`` lists them.
        blocks: n, 1 to 4.
        operands: the operand bank without earlier results, in the edition's order.
        unary: functions of one value.
        binary: functions of two values.
        distinct_operands: op1 ≠ op2 in every block.
        last_not_add: the last block's binary is not addition.
        connected: from block 2 on, at least one operand is an earlier block's result.

    Raises:
        SpaceError: a word is not in the edition, a count is out of range, or no rule satisfies the constraints.

    Example:
        >>> from harness import Rule, Space
        >>> space = Space.of(blocks=1, operands=["g", "m", "v"], unary=["id", "exp"])
        >>> space.size(), space.contains(Rule.parse("g * exp(m)"))
        (96, True)
    """

    edition: str
    blocks: int
    operands: tuple[str, ...]
    unary: tuple[str, ...]
    binary: tuple[str, ...]
    distinct_operands: bool
    last_not_add: bool
    connected: bool

    def __post_init__(self) -> None:
        words = edition_named(self.edition)
        if isinstance(self.blocks, bool) or not isinstance(self.blocks, int):
            hint = f"Choose 1 to {MAX_BLOCKS}"
            raise SpaceError(message("blocks", expected="a whole number", got=repr(self.blocks), hint=hint))
        check_range("blocks", self.blocks, least=1, most=MAX_BLOCKS, error=SpaceError)
        object.__setattr__(self, "operands", subset("operand", self.operands, words.operands))
        object.__setattr__(self, "unary", subset("unary", self.unary, words.unary))
        object.__setattr__(self, "binary", subset("binary", self.binary, words.binary))
        for switch in SWITCHES:
            given = getattr(self, switch)
            if not isinstance(given, bool):
                hint = "Set it to one of these"
                raise SpaceError(message(switch, expected="true or false", got=repr(given), hint=hint))
        self._constraints.check_possible(self.operands, self.binary)

    @classmethod
    def of(
        cls,
        edition: str = "icml2017",
        *,
        blocks: int = 2,
        operands: Sequence[str] | None = None,
        unary: Sequence[str] | None = None,
        binary: Sequence[str] | None = None,
        distinct_operands: bool = True,
        last_not_add: bool = True,
        connected: bool = True,
    ) -> Space:
        """Build and return a space; a subset that is not given contains all words of the edition.

        Args:
            edition: ``icml2017``, ``arxiv2`` or ``decays``, as ``harness ls spaces`` lists them.
            blocks: n, 1 to 4.
            operands: operands by name, or by group (``vocabulary.GROUPS``), in any order.
            unary: unary functions likewise.
            binary: binary functions likewise.
            distinct_operands: whether op1 ≠ op2 is required.
            last_not_add: whether addition is forbidden in the last block.
            connected: whether every block from the second on needs an earlier result.

        Raises:
            SpaceError: as for the class.
        """
        words = edition_named(edition)
        return cls(
            edition=edition,
            blocks=blocks,
            operands=words.operands if operands is None else subset("operand", operands, words.operands),
            unary=words.unary if unary is None else subset("unary", unary, words.unary),
            binary=words.binary if binary is None else subset("binary", binary, words.binary),
            distinct_operands=distinct_operands,
            last_not_add=last_not_add,
            connected=connected,
        )

    @property
    def positions(self) -> int:
        """How many choices make a rule: five per block."""
        return len(SLOTS) * self.blocks

    def choices(self, position: int) -> tuple[str, ...]:
        """Return everything that can stand at a position, whatever stands before it, in the order of its numbers.

        Raises:
            SpaceError: there is no such position.
        """
        self._check_position(position)
        return self._choices[position]

    def mask(self, prefix: Sequence[int]) -> Mask:
        """Return which choices may follow a legal prefix. Each of them can be completed to a rule of the space.

        Args:
            prefix: the choices so far, position by position, fewer than ``positions``.

        Returns:
            One truth value for each of ``choices(len(prefix))``, shape ``(choices,)``.

        Raises:
            SpaceError: the prefix is too long, or itself not legal.
        """
        picks = [int(pick) for pick in prefix]
        self._check_position(len(picks))
        for position, pick in enumerate(picks):
            allowed = self._allowed(position, picks)
            if not 0 <= pick < allowed.size or not allowed[pick]:
                expected, hint = f"a legal choice, 0 to {allowed.size - 1}", "Choose only what the mask allows"
                raise SpaceError(message(f"prefix at position {position}", expected=expected, got=pick, hint=hint))
        return self._allowed(len(picks), picks).copy()

    def encode(self, rule: Rule) -> Picks:
        """Return the rule as integers of shape ``(blocks, 5)``, each the number of a choice.

        Raises:
            SpaceError: the rule is outside the space; the message says why.
        """
        self.check(rule)
        picks = [self._numbers[position][token] for position, token in enumerate(rule.tokens)]
        return np.array(picks, dtype=np.int64).reshape(self.blocks, len(SLOTS))

    def decode(self, array: NDArray[np.integer] | Sequence[Sequence[int]]) -> Rule:
        """Return the rule of an integer array of shape ``(blocks, 5)``, or of a flat array of ``positions`` integers.

        Raises:
            SpaceError: the array has another shape, a number is out of range, or the rule is outside the space.
        """
        try:
            picks = np.asarray(array)
        except ValueError:
            picks = np.empty(0)
        if picks.size != self.positions or picks.dtype.kind not in "iu":
            expected, got = f"integers of shape ({self.blocks}, {len(SLOTS)})", f"{picks.dtype} of shape {picks.shape}"
            raise SpaceError(message("encoded rule", expected=expected, got=got, hint="Encode with the same space"))
        tokens: list[str] = []
        for position, pick in enumerate(picks.reshape(-1).tolist()):
            choices = self._choices[position]
            if not 0 <= pick < len(choices):
                raise SpaceError(
                    message(
                        f"encoded rule at position {position}",
                        expected=f"0 to {len(choices) - 1}",
                        got=pick,
                        hint="Encode with the same space",
                    )
                )
            tokens.append(choices[pick])
        rule = _rule(tokens)
        self.check(rule)
        return rule

    def sample(self, rng: np.random.Generator) -> Rule:
        """Draw and return a rule; every rule of the space is equally likely.

        Raises:
            SpaceError: the generator is none of numpy's.
        """
        if not isinstance(rng, np.random.Generator):
            hint = "Give numpy.random.default_rng(seed)"
            raise SpaceError(message("sample", expected="a generator of numpy", got=repr(rng), hint=hint))
        tokens: list[str] = []
        for number in range(self.blocks):
            start = number * len(SLOTS)
            pairs = self._pairs[number]
            op1, op2 = pairs[int(rng.integers(len(pairs)))].tolist()
            tokens += [self._choices[start][op1], self._choices[start + 1][op2]]
            tokens += [self.unary[int(rng.integers(len(self.unary)))] for _ in range(2)]
            binaries = self.binaries(number)
            tokens.append(binaries[int(rng.integers(len(binaries)))])
        return _rule(tokens)

    def size(self) -> int:
        """Return exactly how many rules (token strings, not functions) the space has."""
        return math.prod(
            len(self._pairs[number]) * len(self.unary) ** 2 * len(self.binaries(number))
            for number in range(self.blocks)
        )

    def check(self, rule: Rule) -> None:
        """Raise unless the rule is in the space.

        Raises:
            SpaceError: it is not; the message names the block and the constraint or word.
        """
        _check_kind(rule)
        if len(rule.blocks) != self.blocks:
            expected, hint = (
                f"{self.blocks} block{'s' if self.blocks > 1 else ''}",
                "Choose a space with as many blocks",
            )
            raise SpaceError(message("rule", expected=expected, got=len(rule.blocks), hint=hint))
        for number, block in enumerate(rule.blocks):
            self._check_block(number, block)

    def contains(self, rule: Rule) -> bool:
        """Whether the rule is in the space.

        Raises:
            SpaceError: it is no ``Rule``.
        """
        _check_kind(rule)
        try:
            self.check(rule)
        except SpaceError:
            return False
        return True

    def spec(self) -> dict[str, object]:
        """Return the space in a form that JSON can hold; ``from_spec`` turns it back into an equal space."""
        return {
            "edition": self.edition,
            "blocks": self.blocks,
            "operands": list(self.operands),
            "unary": list(self.unary),
            "binary": list(self.binary),
            **{switch: getattr(self, switch) for switch in SWITCHES},
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, object]) -> Space:
        """Return the space that ``spec`` described.

        Raises:
            SpaceError: a field is missing, unknown or wrong.
        """
        fields = ("edition", "blocks", "operands", "unary", "binary", *SWITCHES)
        expected, hint = "the fields " + ", ".join(fields), "Store what Space.spec returns"
        if not isinstance(spec, Mapping):
            raise SpaceError(message("space", expected=expected, got=repr(spec), hint=hint))
        wrong = sorted(map(str, set(spec) ^ set(fields)))
        words = {name: spec.get(name) for name in ("operands", "unary", "binary")}
        wrong += [name for name, chosen in words.items() if name not in wrong and not isinstance(chosen, list | tuple)]
        edition = spec.get("edition")
        if wrong or not isinstance(edition, str):
            got = "something wrong with " + (", ".join(wrong) or "edition")
            raise SpaceError(message("space", expected=expected, got=got, hint=hint))
        rest: dict[str, Any] = {name: spec[name] for name in ("blocks", *SWITCHES)}
        chosen_words: dict[str, Any] = {name: tuple(spec[name]) for name in words}  # type: ignore[arg-type]
        return cls(edition=edition, **chosen_words, **rest)

    def describe(self) -> str:
        """Describe the space in one line."""
        words = edition_named(self.edition)
        parts = [f"{self.edition}, {self.blocks} block{'s' if self.blocks > 1 else ''}"]
        for kind, chosen, known in (
            ("operands", self.operands, words.operands),
            ("unary", self.unary, words.unary),
            ("binary", self.binary, words.binary),
        ):
            if chosen != known:
                parts.append(f"{kind} {' '.join(chosen)}")
        off = [switch.replace("_", " ") for switch in SWITCHES if not getattr(self, switch)]
        if off:
            parts.append("no constraints" if len(off) == len(SWITCHES) else "not " + ", not ".join(off))
        return "; ".join(parts) + f": {self.size():,} rules"

    def pairs(self, number: int) -> list[tuple[str, str]]:
        """Return the legal (op1, op2) of a block; blocks count from 0."""
        bank = self._choices[number * len(SLOTS)]
        return [(bank[op1], bank[op2]) for op1, op2 in self._pairs[number].tolist()]

    def binaries(self, number: int) -> tuple[str, ...]:
        """Return the legal binaries of a block; blocks count from 0."""
        return self._constraints.binaries(self.binary, last=number == self.blocks - 1)

    @cached_property
    def _constraints(self) -> Constraints:
        return Constraints(self.distinct_operands, self.last_not_add, self.connected)

    @cached_property
    def _choices(self) -> tuple[tuple[str, ...], ...]:
        """Choices by position."""
        table: list[tuple[str, ...]] = []
        for number in range(self.blocks):
            bank = self.operands + tuple(f"#{earlier}" for earlier in range(1, number + 1))
            table += [bank, bank, self.unary, self.unary, self.binary]
        return tuple(table)

    @cached_property
    def _numbers(self) -> tuple[dict[str, int], ...]:
        """Number of each choice, by position."""
        return tuple({token: number for number, token in enumerate(choices)} for choices in self._choices)

    @cached_property
    def _operand_pairs(self) -> tuple[Mask, ...]:
        """By block, whether (op1, op2) is legal, shape ``(bank, bank)``."""
        return tuple(self._constraints.operand_pairs(len(self.operands), earlier) for earlier in range(self.blocks))

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.intp], ...]:
        """By block, the legal (op1, op2), shape ``(pairs, 2)``."""
        return tuple(np.argwhere(legal) for legal in self._operand_pairs)

    def _allowed(self, position: int, picks: Sequence[int]) -> Mask:
        """Return the mask at a position after legal choices."""
        number, slot = divmod(position, len(SLOTS))
        legal = self._operand_pairs[number]
        if SLOTS[slot] == "op1":
            return np.asarray(legal.any(axis=1))
        if SLOTS[slot] == "op2":
            return np.asarray(legal[picks[position - 1]])
        if SLOTS[slot] == "binary":
            allowed = self.binaries(number)
            return np.array([name in allowed for name in self.binary], dtype=np.bool_)
        return np.ones(len(self.unary), dtype=np.bool_)

    def _check_position(self, position: int) -> None:
        if not 0 <= position < self.positions:
            raise SpaceError(
                message(
                    "position",
                    expected=f"0 to {self.positions - 1}",
                    got=position,
                    hint=f"A rule of {self.blocks} blocks has {self.positions} positions",
                )
            )

    def _check_block(self, number: int, block: Block) -> None:
        place = f"block {number + 1}"
        for slot, token in enumerate(block.tokens):
            choices = self._choices[number * len(SLOTS) + slot]
            if token not in choices:
                raise SpaceError(
                    message(
                        f"{SLOTS[slot]} of {place}",
                        expected="one of " + ", ".join(choices),
                        got=token,
                        hint="Choose a space that has it",
                    )
                )
        broken = self._constraints.broken(block, first=number == 0, last=number == self.blocks - 1)
        if broken:
            switch, expected, got = broken
            raise SpaceError(message(place, expected=expected, got=got, hint=f"Change it, or switch off {switch}"))


def _check_kind(rule: object) -> None:
    """Raise unless it is a rule.

    Raises:
        SpaceError: it is none.
    """
    if not isinstance(rule, Rule):
        hint = "Read a text with harness.Rule.parse, or a name with harness.space.zoo.resolve"
        raise SpaceError(message("rule", expected="a Rule", got=repr(rule), hint=hint))


def _rule(tokens: Sequence[str]) -> Rule:
    return Rule(tuple(Block(*tokens[start : start + len(SLOTS)]) for start in range(0, len(tokens), len(SLOTS))))
