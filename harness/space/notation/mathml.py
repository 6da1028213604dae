"""Formulas as MathML, which browsers set like print without any help: Presentation MathML Core, one ``math`` element.

It says what ``printer.latex`` says; keep-left's dead branch, which the function does not depend on, is left out.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from harness.contracts import Rule
from harness.space.elements import MINUS, bracketed
from harness.space.expression import expression
from harness.space.notation.printer import Notation, formula, number_text
from harness.space.word import Form

MATHML = Notation(
    form=lambda word: word.mathml,
    number=lambda value: f"<mn>{number_text(value)}</mn>",
    brackets=Form(bracketed("$x")),
    minus=MINUS,
)


def mathml(rule: Rule) -> str:
    """The step that a rule takes, w ← w − λ · Δ, as a ``math`` element that is displayed on a line of its own."""
    node = expression(rule)
    step = "<mi>Δ</mi><mo>=</mo>"
    spoken = escape(f"Delta = {formula(node)}", {'"': "&quot;"})
    return f'<math display="block" aria-label="{spoken}"><mrow>{step}{MATHML.write(node)[0]}</mrow></math>'
