"""Formulas as MathML, which browsers typeset without a library: Presentation MathML Core, one ``math`` element.

It shows the same as ``printer.latex``: keep-left's dead branch, on which the function does not depend, is left out.
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
    """Return a rule's step, w ← w − λ · Δ, as a ``math`` element that is displayed on its own line."""
    node = expression(rule)
    step = "<mi>Δ</mi><mo>=</mo>"
    spoken = escape(f"Delta = {formula(node)}", {'"': "&quot;"})
    return f'<math display="block" aria-label="{spoken}"><mrow>{step}{MATHML.write(node)[0]}</mrow></math>'
