"""Pieces of MathML that several words are written with; each is a text that holds whole elements."""

from __future__ import annotations

from xml.sax.saxutils import escape

DOT = "<mo>·</mo>"
COMMA = "<mo>,</mo>"
PLUS_EPSILON = "<mo>+</mo><mi>ε</mi>"
MINUS = "<mo>−</mo>"


def identifier(name: str) -> str:
    """A name; digits alone are a number."""
    return f"<mn>{name}</mn>" if name.isdecimal() else f"<mi>{escape(name)}</mi>"


def hat(letter: str) -> str:
    """A letter with a hat, for what is corrected for its bias."""
    return f'<mover accent="true"><mi>{letter}</mi><mo stretchy="false">^</mo></mover>'


def raised(base: str, exponent: str) -> str:
    """A power; both are elements."""
    return f"<msup>{base}{exponent}</msup>"


def ten(exponent: int) -> str:
    """A power of ten."""
    sign = MINUS if exponent < 0 else ""
    return raised("<mn>10</mn>", row(f"{sign}<mn>{abs(exponent)}</mn>"))


def applied(name: str, inner: str) -> str:
    """A function of what stands inside."""
    return row(f"<mi>{escape(name)}</mi>{bracketed(inner)}")


def bracketed(inner: str) -> str:
    """The same in brackets."""
    return row(f"<mo>(</mo>{inner}<mo>)</mo>")


def modulus(inner: str) -> str:
    """The absolute value."""
    return row(f'<mo form="prefix">|</mo>{inner}<mo form="postfix">|</mo>')


def row(inner: str) -> str:
    """Elements as one."""
    return f"<mrow>{inner}</mrow>"
