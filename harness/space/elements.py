"""Pieces of MathML that several words share; each is a text of complete elements."""

from __future__ import annotations

from xml.sax.saxutils import escape

DOT = "<mo>·</mo>"
COMMA = "<mo>,</mo>"
PLUS_EPSILON = "<mo>+</mo><mi>ε</mi>"
MINUS = "<mo>−</mo>"


def identifier(name: str) -> str:
    """Return a name; a name of digits becomes a number."""
    return f"<mn>{name}</mn>" if name.isdecimal() else f"<mi>{escape(name)}</mi>"


def hat(letter: str) -> str:
    """Return a letter with a hat, for bias-corrected values."""
    return f'<mover accent="true"><mi>{letter}</mi><mo stretchy="false">^</mo></mover>'


def raised(base: str, exponent: str) -> str:
    """Return a power; base and exponent are elements."""
    return f"<msup>{base}{exponent}</msup>"


def ten(exponent: int) -> str:
    """Return a power of ten."""
    sign = MINUS if exponent < 0 else ""
    return raised("<mn>10</mn>", row(f"{sign}<mn>{abs(exponent)}</mn>"))


def applied(name: str, inner: str) -> str:
    """Return a function applied to its argument."""
    return row(f"<mi>{escape(name)}</mi>{bracketed(inner)}")


def bracketed(inner: str) -> str:
    """Return elements in brackets."""
    return row(f"<mo>(</mo>{inner}<mo>)</mo>")


def modulus(inner: str) -> str:
    """Return the absolute value of elements."""
    return row(f'<mo form="prefix">|</mo>{inner}<mo form="postfix">|</mo>')


def row(inner: str) -> str:
    """Return elements grouped as one."""
    return f"<mrow>{inner}</mrow>"
