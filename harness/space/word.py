"""The record of a word: how it is written in every notation, what it computes, and what is known about it.

``words`` lists the records. A word computes an expression over *primitives*, a fixed set of functions. Every way of
computing implements each primitive once: numpy for the probe, ``torch._foreach`` for training, formulas for the
compiler, lines of Python for exported optimizers, bounds of rounding, ranges, and plain numbers for constants. So a
word that is made of primitives, or of other words, needs no code anywhere else.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Literal

from harness.space.elements import applied, identifier
from harness.space.node import Node

Kind = Literal["operand", "unary", "binary"]

# How tightly a form binds, loosest first. Unary minus binds tighter than * and looser than ^, as in mathematics.
SUM, PRODUCT, NEGATION, POWER, ATOM = range(5)

X, Y = Node("x"), Node("y")  # the arguments of a function, in its arithmetic
PRIMITIVES = frozenset(
    {
        *("const", "g", "w", "noise"),  # a number, the gradient, the weight, normal(0, 0.01)
        *("ld", "cd", "rd"),  # decays over a training, numbers in [0, 1] (protocol §6)
        "anneal",  # normal with the variance 1/(1+t)^0.55
        *("mean_m", "mean_v", "mean_gamma"),  # running means of the product of their arguments
        *("unbias_m", "unbias_v", "unbias_gamma"),  # such a mean, corrected for its bias
        "rms",  # √v̂ + ε, from the running mean of squares
        *("add", "sub", "mul", "neg", "abs", "exp"),
        "over",  # x / y, no ε added
        "plus_eps",  # x + ε
        "sign",  # −1, 0 or 1; 0 for NaN
        "ln",  # the logarithm of x above 0
        "root",  # the square root of x at least 0
        "raised",  # xʸ for x at least 0
        "clamp",  # x limited to ± the node's value
        "drop",  # x with random entries set to 0; the node's value is the probability
    }
)
LEVELLED = frozenset({"const", "clamp", "drop"})  # primitives that use the node's value
DECAYS = frozenset({"ld", "cd", "rd"})  # one number a step for all weights
RANDOM = frozenset({"noise", "anneal", "drop"})
TIMED = DECAYS | {"anneal"}  # these depend on the step, and on how many steps the training has

FIRST_EDITION = "icml2017"
EVERYTHING = (-math.inf, math.inf)
_PLACES = {"x": 0, "y": 1}
_PLACEHOLDER = re.compile(r"\$([$xy])")


@dataclass(frozen=True, slots=True)
class Form:
    """How a word is written in one notation.

    Attributes:
        text: the text, with ``$x`` and ``$y`` for its arguments, and ``$$`` for a dollar sign.
        binding: how tightly it binds, ``SUM`` to ``ATOM``.
        least: for each argument, how tightly it has to bind to need no brackets; None if the form encloses it.
        parts: the text, split at its arguments, which are given as numbers.
    """

    text: str
    binding: int = ATOM
    least: tuple[int | None, int | None] = (None, None)
    parts: tuple[str | int, ...] = field(init=False)

    def __post_init__(self) -> None:
        cut = _PLACEHOLDER.split(self.text)
        found: list[str | int] = []
        for place, piece in enumerate(cut):
            if place % 2 and piece in _PLACES:
                found.append(_PLACES[piece])
            elif piece:
                found.append(piece)
        object.__setattr__(self, "parts", tuple(found))

    @property
    def argument_alone(self) -> bool:
        """Whether the form consists of its first argument alone."""
        return self.parts == (0,)

    def filled(self, *args: str) -> str:
        """Return the text with its arguments in place."""
        return "".join([part if isinstance(part, str) else args[part] for part in self.parts])


DEFAULT = Form("")  # stands for the default form of a word


@dataclass(frozen=True, slots=True)
class Word:
    """One word: an operand, or a function of one or two values. Only the first three attributes are required.

    Attributes:
        name: the written name, which token strings, the command line and stored files share.
        kind: ``operand``, ``unary`` or ``binary``.
        arithmetic: what it computes from ``X`` and ``Y``: an expression over ``PRIMITIVES`` and other words.
        edition: the first edition that has it. Every edition has the words of earlier ones, so a new name here makes a
            new edition and leaves the others unchanged.
        group: a name for a group of words, accepted wherever one of them is.
        infix: its form in formulas, printed and parsed: ``$x + $y`` makes ``+`` an operator. By default the name for an
            operand, and ``name($x)`` or ``name($x, $y)`` for a function.
        latex: its form in LaTeX, without dollar signs.
        mathml: its form in MathML; ``elements`` has pieces that several words share.
        pseudocode: its form in pseudocode. An operand that binds less than an ``ATOM`` gets a line of its own.
        label: its label in drawings of the tree.
        family: the name in formulas of a function that exists at several levels, such as ``clip`` for ``clip5``.
        level: its level, as formulas write it.
        spellings: other ways to write the name, or the operator, in a formula.
        legend: what readers of a formula may not expect.
        bounds: least and largest value of an operand.
        zero_where: it is 0 wherever one of these is 0: ``x``, ``y``, or for an operand the names of operands.
        parity: ``odd`` if it keeps the sign of its argument, ``even`` if it discards it.
        finite: whether it is finite if its arguments are finite and of ordinary size.
        defined: whether it is a number, possibly infinite, if its argument is one.
        sign_of: the operand whose sign this operand is.
    """

    name: str
    kind: Kind
    arithmetic: Node
    edition: str = FIRST_EDITION
    group: str = ""
    infix: Form = DEFAULT
    latex: Form = DEFAULT
    mathml: Form = DEFAULT
    pseudocode: Form = DEFAULT
    label: str = ""
    family: str = ""
    level: str = ""
    spellings: tuple[str, ...] = ()
    legend: str = ""
    bounds: tuple[float, float] = EVERYTHING
    zero_where: tuple[str, ...] = ()
    parity: Literal["odd", "even", "neither"] = "neither"
    finite: bool = False
    defined: bool = False
    sign_of: str = ""

    def __post_init__(self) -> None:
        name = self.name.replace("$", "$$")
        arguments = {"operand": "", "unary": "$x", "binary": "$x, $y"}[self.kind]
        called = f"{self.family}({arguments}, {self.level})" if self.family else f"{name}({arguments})"
        written = name if self.kind == "operand" else called
        usual = {
            "infix": written,
            "pseudocode": written,
            "latex": name if self.kind == "operand" else rf"\operatorname{{{name}}}\left({arguments}\right)",
            "mathml": identifier(name)
            if self.kind == "operand"
            else applied(name, arguments.replace(", ", "<mo>,</mo>")),
        }
        for notation, text in usual.items():
            if getattr(self, notation) is DEFAULT:
                object.__setattr__(self, notation, Form(text))
        if not self.label:
            object.__setattr__(self, "label", self.operator or f"{self.family} {self.level}".strip() or self.name)

    @property
    def operator(self) -> str:
        """The operator between two arguments in a formula; empty if the word has another form."""
        parts = self.infix.parts
        between = parts[1] if len(parts) == 3 and parts[::2] == (0, 1) else ""
        return between.strip() if isinstance(between, str) else ""

    @property
    def draws(self) -> bool:
        """Whether it draws at random."""
        return any(part.token in RANDOM for part in self.arithmetic.walk())

    @property
    def arguments(self) -> tuple[Node, ...]:
        """The arguments, of ``X`` and ``Y``, that its value depends on."""
        parts = set(self.arithmetic.walk())
        return tuple(each for each in (X, Y) if each in parts)

    def reads(self, place: int) -> bool:
        """Whether its value depends on the argument at a place; places count from 0."""
        return place > 1 or (X, Y)[place] in self.arguments
