"""Printing expressions: infix formulas, LaTeX, and a drawing of the tree.

All three print ``Node`` trees, so they work for rules and canonical forms. Infix and LaTeX leave out keep-left's dead
branch, on which the function does not depend; the drawing shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.space.node import CONSTANT, Node
from harness.space.vocabulary import word_of
from harness.space.word import ATOM, NEGATION, Form, Word


@dataclass(frozen=True, slots=True)
class Notation:
    """A way to write expressions.

    Attributes:
        form: how it writes a word.
        number: how it writes a constant.
        brackets: the form of brackets around ``$x``.
        minus: a text that starts with this gets brackets after an operator; empty if none does.
    """

    form: Callable[[Word], Form]
    number: Callable[[float], str]
    brackets: Form
    minus: str = ""

    def write(self, node: Node) -> tuple[str, int]:
        """Return an expression with as few brackets as possible, and how tightly its outermost form binds."""
        if node.token == CONSTANT:
            return self.number(node.value), NEGATION if node.value < 0 else ATOM
        args = node.args
        form = self.form(word_of(node.token, len(args)))
        if not args:
            return form.filled(), form.binding
        if form.argument_alone:
            return self.write(args[0])
        first = self._argument(form, 0, args[0])
        if len(args) == 1:
            return form.filled(first), form.binding
        for later in args[1:]:  # several, for ``add`` and ``mul`` of canonical forms
            first = form.filled(first, self._argument(form, 1, later))
        return first, form.binding

    def _argument(self, form: Form, place: int, arg: Node) -> str:
        """Return an argument, in brackets if it would be misread without; empty if the form leaves it out."""
        if place not in form.parts:
            return ""
        text, binding = self.write(arg)
        least = form.least[place]
        if least is None:
            return text
        doubtful = binding < least or (place and self.minus and text.startswith(self.minus))
        return self.brackets.filled(text) if doubtful else text


def number_text(value: float) -> str:
    """Write a constant in decimal, as short as 12 digits allow."""
    return f"{value:.12g}"


def _latex_number(value: float) -> str:
    mantissa, _, exponent = number_text(value).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


INFIX = Notation(lambda word: word.infix, number_text, Form("($x)"))
LATEX = Notation(lambda word: word.latex, _latex_number, Form(r"\left($x\right)"), minus="-")


def formula(node: Node) -> str:
    """Return the infix formula, with as few parentheses as possible for it to be read back as the same tree."""
    return INFIX.write(node)[0]


def latex(node: Node) -> str:
    """Return the formula in LaTeX, without dollar signs."""
    return LATEX.write(node)[0]


def drawing(node: Node) -> str:
    """Return the tree as lines of text, each function above its arguments."""
    return "\n".join(_lines(node))


def _lines(node: Node) -> Iterator[str]:
    yield label(node)
    for number, arg in enumerate(node.args):
        last = number == len(node.args) - 1
        first, *rest = _lines(arg)
        yield ("└── " if last else "├── ") + first
        yield from (("    " if last else "│   ") + line for line in rest)


def label(node: Node) -> str:
    """Return the label of a node in a drawing."""
    return number_text(node.value) if node.token == CONSTANT else word_of(node.token, len(node.args)).label
