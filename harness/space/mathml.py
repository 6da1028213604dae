"""Formulas as MathML, which browsers set like print without any help: Presentation MathML Core, one ``math`` element.

It says what ``printer.latex`` says; keep-left's dead branch, which the function does not depend on, is left out.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from harness.contracts import Rule
from harness.space.expression import Node, expression
from harness.space.printer import ATOM, NEGATION, POWER, PRODUCT, SUM, formula
from harness.space.vocabulary import CLIP_LIMITS, DROP_RATES, WEIGHT_SCALES

EPSILON = "<mi>ε</mi>"
DOT = "<mo>·</mo>"


def mathml(rule: Rule) -> str:
    """The step that a rule takes, w ← w − λ · Δ, as a ``math`` element that is displayed on a line of its own."""
    node = expression(rule)
    step = "<mi>Δ</mi><mo>=</mo>"
    spoken = escape(f"Delta = {formula(node)}", {'"': "&quot;"})
    return f'<math display="block" aria-label="{spoken}"><mrow>{step}{_set(node)[0]}</mrow></math>'


def _set(node: Node) -> tuple[str, int]:
    """The elements and how tightly the outermost form binds."""
    token, args = node.token, node.args
    if not args:
        return _operand(token), PRODUCT if token in WEIGHT_SCALES else ATOM
    if token == "left":
        return _set(args[0])
    if token == "neg":
        return "<mo>−</mo>" + _wrapped(args[0], PRODUCT), NEGATION
    if token in ("add", "sub"):
        mark, least = ("<mo>+</mo>", SUM) if token == "add" else ("<mo>−</mo>", PRODUCT)
        return mark.join([_wrapped(args[0], SUM), *(_later(arg, least) for arg in args[1:])]), SUM
    if token == "mul":
        return DOT.join([_wrapped(args[0], PRODUCT), *(_later(arg, PRODUCT) for arg in args[1:])]), PRODUCT
    if token == "div":
        below = f"{_wrapped(args[1], SUM)}<mo>+</mo>{EPSILON}"
        return f"<mfrac><mrow>{_set(args[0])[0]}</mrow><mrow>{below}</mrow></mfrac>", ATOM
    return _function(token, args)


def _function(token: str, args: tuple[Node, ...]) -> tuple[str, int]:
    inner = _set(args[0])[0]
    if token == "exp":
        return f"<msup><mi>e</mi><mrow>{inner}</mrow></msup>", POWER
    if token == "log":
        return _applied("log", f"{_modulus(inner)}<mo>+</mo>{EPSILON}"), ATOM
    if token == "sqrt":
        return f"<msqrt>{_modulus(inner)}</msqrt>", ATOM
    if token == "pow":
        power = f"<msup>{_modulus(inner)}<mrow>{_set(args[1])[0]}</mrow></msup>"
        return _applied("sign", inner) + DOT + power, PRODUCT
    if token in CLIP_LIMITS:
        return _applied("clip", f"{inner}<mo>,</mo>{_ten(-int(token[-1]))}"), ATOM
    if token in DROP_RATES:
        return _applied("drop", f"{inner}<mo>,</mo><mn>{DROP_RATES[token]}</mn>"), ATOM
    return _applied(token, inner), ATOM


def _operand(token: str) -> str:
    if token in ("g2", "g3"):
        return f"<msup><mi>g</mi><mn>{token[1]}</mn></msup>"
    if token in ("m", "v", "gamma"):
        return _hat("γ" if token == "gamma" else token)
    if token in WEIGHT_SCALES:
        return f"{_ten(-int(token[3]))}<mi>w</mi>"
    if token.startswith("sign("):
        return _applied("sign", _operand(token[5:-1]))
    if token.isdecimal():
        return f"<mn>{token}</mn>"
    named = {"adam": "ADAM", "rmsprop": "RMSProp"}.get(token, token)
    return f"<mi>{escape(named)}</mi>"


def _hat(letter: str) -> str:
    return f'<mover accent="true"><mi>{letter}</mi><mo stretchy="false">^</mo></mover>'


def _ten(exponent: int) -> str:
    sign = "<mo>−</mo>" if exponent < 0 else ""
    return f"<msup><mn>10</mn><mrow>{sign}<mn>{abs(exponent)}</mn></mrow></msup>"


def _applied(name: str, inner: str) -> str:
    return f"<mrow><mi>{escape(name)}</mi>{_bracketed(inner)}</mrow>"


def _bracketed(inner: str) -> str:
    return f"<mrow><mo>(</mo>{inner}<mo>)</mo></mrow>"


def _modulus(inner: str) -> str:
    return f'<mrow><mo form="prefix">|</mo>{inner}<mo form="postfix">|</mo></mrow>'


def _wrapped(node: Node, least: int) -> str:
    text, binding = _set(node)
    return text if binding >= least else _bracketed(text)


def _later(node: Node, least: int) -> str:
    """An argument after an operator, where a minus sign in front needs brackets."""
    text = _wrapped(node, least)
    return _bracketed(text) if text.startswith("<mo>−") else text
