"""Parsing infix formulas by precedence climbing.

The grammar, loosest first; each level may be enclosed in parentheses::

    sum       a + b   a - b           left to right
    product   a * b   a / b           left to right; a / b is a/(b+ε), the ε need not be written
    minus     -a                      tighter than * and looser than ^, as in mathematics: -g^v is -(g^v)
    power     a ^ b                   right to left: a^b^c is a^(b^c); b may begin with a minus
    function  exp(a)  log(a)  sqrt(a)  sign(a)  neg(a)  clip(a, 1e-4)  drop(a, 0.3)  left(a, b)  …
    operand   g g2 g3 m v gamma sign(g) sign(m) 1 2 noise 1e-4w … 1e-1w adam rmsprop  …

The words' records define names, operators and other spellings. ``log|a|`` and ``sqrt|a|`` mean ``log(a)`` and
``sqrt(a)``, which take the absolute value themselves; ``1e-3 * w`` means ``1e-3w``, and ``e^a`` means ``exp(a)``.
``g^2`` is ``|g|²·sign(g)``, by the protocol's definition of a power; the square of g is the operand ``g2``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from harness.errors import RuleSyntaxError, message
from harness.space.node import Node
from harness.space.vocabulary import ALL_OPERANDS, BY_NAME, NUMBERS, WEIGHT_SCALES
from harness.space.word import NEGATION, POWER, SUM, Word
from harness.space.words import BINARY, OPERANDS, UNARY, WORDS

MAX_WRITTEN = 32  # far more than any space has, so that rules written by hand fit, but recursion stays bounded
MAX_DEPTH = 100  # parentheses, functions, minus signs and exponents inside each other
MAX_OPERATIONS = 1_000  # functions and operators in one formula

IDENTITY = "id"  # it is never written
FAMILIES = {word.family: [each for each in UNARY if each.family == word.family] for word in UNARY if word.family}
OPERATORS = {word.operator: word for word in BINARY if word.operator}
CALLED = tuple(word.name for word in BINARY if not word.operator)
FUNCTIONS = (*(word.name for word in UNARY if word.name != IDENTITY), *FAMILIES, *CALLED)
NAMES = (*(word.name for word in OPERANDS if word.name[0].isalpha() and "(" not in word.name), *FUNCTIONS)

_SPELLINGS = {spelling: word.operator or word.name for word in WORDS for spelling in word.spellings}


def _any_of(texts: Iterable[str]) -> str:
    """Return a pattern that matches any of some texts, the longer ones first."""
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))


_OTHER_NAMES = _any_of(spelling for spelling, name in _SPELLINGS.items() if name in BY_NAME)
_MARKS = _any_of((*OPERATORS, "(", ")", ",", "|", *(each for each, mark in _SPELLINGS.items() if mark in OPERATORS)))
_LEXEME = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<weight>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*[*·×]?\s*w(?![A-Za-z0-9_]))"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<name>{_OTHER_NAMES}|#?[A-Za-z_][A-Za-z0-9_]*|#[0-9]*)"
    rf"|(?P<mark>{_MARKS})"
)


@dataclass(frozen=True, slots=True)
class _Lexeme:
    kind: str
    text: str
    column: int


def parse_infix(text: str) -> Node:
    """Parse a formula into the literal expression tree.

    Raises:
        RuleSyntaxError: it is not a formula; the message names the column and what was expected there.
    """
    reader = _Reader(_lexemes(text))
    node = reader.expression(SUM, 0)
    reader.expect_end()
    return node


def fail(column: int, *, expected: str, got: str, hint: str) -> NoReturn:
    """Raise the error for a place in a text; columns count from 1."""
    raise RuleSyntaxError(message(f"rule at column {column}", expected=expected, got=got, hint=hint))


def suggestion(name: str, known: tuple[str, ...], otherwise: str) -> str:
    """Return ``Did you mean 'x'`` for a misspelt name, or else the other advice."""
    near = difflib.get_close_matches(name[:20], known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}" if near else otherwise


def _lexemes(text: str) -> list[_Lexeme]:
    found: list[_Lexeme] = []
    position = 0
    while position < len(text):
        match = _LEXEME.match(text, position)
        if match is None:
            fail(
                position + 1,
                expected="an operand, a function, an operator or a parenthesis",
                got=repr(text[position]),
                hint="Remove it",
            )
        kind, lexeme = str(match.lastgroup), match.group()
        if kind != "space":
            found.append(_Lexeme(kind, _SPELLINGS.get(lexeme, lexeme), position + 1))
        position = match.end()
    found.append(_Lexeme("end", "", len(text) + 1))
    return found


class _Reader:
    def __init__(self, lexemes: list[_Lexeme]) -> None:
        self._lexemes = lexemes
        self._next = 0
        self._operations = 0
        self._heights: dict[int, int] = {}  # heights of the nodes built so far, which their parents keep alive

    def expression(self, least: int, depth: int) -> Node:
        """Parse an operand followed by operators that bind at least as tightly as ``least``."""
        if depth > MAX_DEPTH:
            fail(
                self._peek().column, expected=f"at most {MAX_DEPTH} levels", got="more", hint="Write a simpler formula"
            )
        left = self._operand(depth)
        while True:
            operator = OPERATORS.get(self._peek().text) if self._peek().kind == "mark" else None
            if operator is None or operator.infix.binding < least:
                return left
            self._take()
            left = self._node(operator.name, left, self.expression(_least_right(operator), depth + 1))

    def expect_end(self) -> None:
        """Raise unless everything has been read."""
        here = self._peek()
        if here.kind != "end":
            fail(
                here.column,
                expected="an operator or the end",
                got=repr(here.text),
                hint="Close no parenthesis that was not opened" if here.text == ")" else "Put an operator before it",
            )

    def _operand(self, depth: int) -> Node:
        here = self._take()
        if here.text == "-" and here.kind == "mark":
            return self._node("neg", self.expression(NEGATION, depth + 1))
        if here.text == "(":
            inner = self.expression(SUM, depth + 1)
            self._expect(")")
            return inner
        if here.kind == "name":
            return self._named(here, depth)
        if here.kind == "weight":
            return _weight(here)
        if here.kind == "number":
            return _number(here)
        fail(
            here.column,
            expected="an operand or a function",
            got=repr(here.text) if here.text else "the end of the formula",
            hint="Complete the formula",
        )

    def _named(self, here: _Lexeme, depth: int) -> Node:
        if here.text in FUNCTIONS:
            return self._call(here, depth)
        if here.text == "e" and self._peek().text == "^":
            self._take()
            return self._node("exp", self.expression(POWER, depth + 1))
        if here.text in NAMES:
            return Node(here.text)
        if here.text in ("w", "W"):
            hint = "Write " + ", ".join(WEIGHT_SCALES)
        elif here.text.startswith("#"):
            hint = "Only token strings have earlier results; write the result out or use parentheses"
        elif here.text.lower() in ("eps", "epsilon"):
            hint = "Leave it out: x / y already means x/(y+ε)"
        else:
            hint = suggestion(here.text, NAMES, "Choose from " + ", ".join((*ALL_OPERANDS, *FUNCTIONS)))
        fail(here.column, expected="an operand or a function", got=repr(here.text), hint=hint)

    def _call(self, function: _Lexeme, depth: int) -> Node:
        name = function.text
        if name in BY_NAME and BY_NAME[name].parity == "even" and self._peek().text == "|":
            self._take()
            argument = self.expression(SUM, depth + 1)
            self._expect("|")
            return self._node(name, argument)
        self._expect("(", f"'(' after {name}")
        argument = self.expression(SUM, depth + 1)
        if name in CALLED:
            self._expect(",", f"',' and the second operand of {name}")
            argument = self._node(name, argument, self.expression(SUM, depth + 1))
        elif name in FAMILIES:
            argument = self._node(self._level(name), argument)
        elif not argument.args and f"{name}({argument.token})" in ALL_OPERANDS:
            argument = Node(f"{name}({argument.token})")
        else:
            argument = self._node(name, argument)
        self._expect(")")
        return argument

    def _level(self, name: str) -> str:
        """Parse the second argument of a function with levels, such as clip, and return the token that it gives."""
        listed = ", ".join(word.level for word in FAMILIES[name])
        self._expect(",", f"',' and the level of {name}, one of {listed}")
        here = self._take()
        if here.kind == "number":
            for word in FAMILIES[name]:
                if float(here.text) == float(word.level):
                    return word.name
        got = repr(here.text) if here.text else "the end of the formula"
        fail(here.column, expected=f"one of {listed}", got=got, hint=f"{name.capitalize()} has only these levels")

    def _node(self, token: str, *args: Node) -> Node:
        self._operations += 1
        if self._operations > MAX_OPERATIONS:
            fail(
                self._peek().column,
                expected=f"at most {MAX_OPERATIONS} operations",
                got="more",
                hint="Write a shorter formula",
            )
        node = Node(token, args)
        height = 1 + max(self._heights.get(id(arg), 0) for arg in args)
        if height > 2 * MAX_WRITTEN:  # a block has at most two levels of operations
            expected = f"at most {MAX_WRITTEN} blocks"
            fail(self._peek().column, expected=expected, got="more", hint="Write a shorter formula")
        self._heights[id(node)] = height
        return node

    def _peek(self) -> _Lexeme:
        return self._lexemes[self._next]

    def _take(self) -> _Lexeme:
        here = self._lexemes[self._next]
        self._next = min(self._next + 1, len(self._lexemes) - 1)
        return here

    def _expect(self, mark: str, expected: str = "") -> None:
        here = self._take()
        if here.text != mark:
            got = repr(here.text) if here.text else "the end of the formula"
            fail(here.column, expected=expected or repr(mark), got=got, hint="Complete the formula")


def _least_right(operator: Word) -> int:
    """Return how tightly the right-hand side of an operator must bind.

    A power's exponent may hold another power or begin with a minus; the others group to the left.
    """
    binding, least = operator.infix.binding, operator.infix.least[1]
    return binding if least is not None and least <= binding else binding + 1


def _number(here: _Lexeme) -> Node:
    for token, value in NUMBERS.items():
        if float(here.text) == value:
            return Node(token)
    fail(here.column, expected="an operand", got=here.text, hint="The only numbers are " + " and ".join(NUMBERS))


def _weight(here: _Lexeme) -> Node:
    scale = float(re.split(r"[\s*·×w]", here.text)[0])
    for token, value in WEIGHT_SCALES.items():
        if scale == value:
            return Node(token)
    fail(
        here.column, expected="one of " + ", ".join(WEIGHT_SCALES), got=repr(here.text), hint="Use one of these scales"
    )
