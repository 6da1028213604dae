"""Printing expressions: infix formulas, LaTeX, and a drawing of the tree.

All three print ``Node`` trees, so they serve rules and canonical forms alike. Infix and LaTeX leave out keep-left's
dead branch, which the function does not depend on; the drawing shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.space.expression import CONSTANT, Node
from harness.space.vocabulary import CLIP_LIMITS, DROP_RATES

# How tightly a form binds, loosest first. Unary minus binds tighter than * and looser than ^, as in mathematics.
SUM, PRODUCT, NEGATION, POWER, ATOM = range(5)

OPERATORS = {"add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "div": ("/", PRODUCT)}
CLIP_TEXT = {"clip5": "1e-5", "clip4": "1e-4", "clip3": "1e-3"}
LATEX_OPERANDS = {
    "g": "g",
    "g2": "g^{2}",
    "g3": "g^{3}",
    "m": r"\hat{m}",
    "v": r"\hat{v}",
    "gamma": r"\hat{\gamma}",
    "sign(g)": r"\operatorname{sign}(g)",
    "sign(m)": r"\operatorname{sign}(\hat{m})",
    "noise": r"\mathrm{noise}",
    "1e-4w": r"10^{-4} w",
    "1e-3w": r"10^{-3} w",
    "1e-2w": r"10^{-2} w",
    "1e-1w": r"10^{-1} w",
    "adam": r"\mathrm{ADAM}",
    "rmsprop": r"\mathrm{RMSProp}",
}


def number_text(value: float) -> str:
    """A constant in decimal, as short as tells it from its neighbours to 12 digits."""
    return f"{value:.12g}"


def formula(node: Node) -> str:
    """The infix formula, with no more parentheses than it takes to read the same tree back."""
    return _formula(node)[0]


def _formula(node: Node) -> tuple[str, int]:
    """The formula and how tightly its outermost form binds."""
    token, args = node.token, node.args
    if token == CONSTANT:
        return number_text(node.value), NEGATION if node.value < 0 else ATOM
    if not args:
        return token, ATOM
    if token == "left":
        return _formula(args[0])
    if token == "neg":
        return "-" + _wrapped(args[0], NEGATION), NEGATION
    if token in OPERATORS:
        return _chain(node)
    if token == "pow":
        exponent, binding = _formula(args[1])
        return f"{_wrapped(args[0], ATOM)} ^ {exponent if binding >= NEGATION else f'({exponent})'}", POWER
    if token in CLIP_LIMITS:
        return f"clip({formula(args[0])}, {CLIP_TEXT[token]})", ATOM
    if token in DROP_RATES:
        return f"drop({formula(args[0])}, {DROP_RATES[token]})", ATOM
    return f"{token}({', '.join(formula(arg) for arg in args)})", ATOM


def _wrapped(node: Node, least: int) -> str:
    text, binding = _formula(node)
    return text if binding >= least else f"({text})"


def _chain(node: Node) -> tuple[str, int]:
    """An operator between two arguments, or between many for the ``add`` and ``mul`` of canonical forms."""
    operator, binding = OPERATORS[node.token]
    first, *rest = node.args
    return f" {operator} ".join([_wrapped(first, binding), *(_wrapped(arg, binding + 1) for arg in rest)]), binding


def latex(node: Node) -> str:
    """The formula for a paper, without dollar signs."""
    return _latex(node)[0]


def _latex(node: Node) -> tuple[str, int]:
    token, args = node.token, node.args
    if token == CONSTANT:
        return _latex_number(node.value), NEGATION if node.value < 0 else ATOM
    if not args:
        return LATEX_OPERANDS.get(token, token), ATOM
    first = args[0]
    if token == "left":
        return _latex(first)
    if token == "neg":
        return "-" + _latex_wrapped(first, PRODUCT), NEGATION
    if token in ("add", "sub"):
        mark, binding = ("+", SUM) if token == "add" else ("-", PRODUCT)
        return f" {mark} ".join([_latex_wrapped(first, SUM), *(_latex_later(arg, binding) for arg in args[1:])]), SUM
    if token == "mul":
        return r" \cdot ".join(
            [_latex_wrapped(first, PRODUCT), *(_latex_later(arg, PRODUCT) for arg in args[1:])]
        ), PRODUCT
    if token == "div":
        return rf"\frac{{{latex(first)}}}{{{latex(args[1])} + \epsilon}}", ATOM
    return _latex_function(token, args)


def _latex_function(token: str, args: Sequence[Node]) -> tuple[str, int]:
    inner = latex(args[0])
    if token == "exp":
        return f"e^{{{inner}}}", POWER
    if token == "log":
        return rf"\log\left(\left|{inner}\right| + \epsilon\right)", ATOM
    if token == "sqrt":
        return rf"\sqrt{{\left|{inner}\right|}}", ATOM
    if token == "pow":
        return (
            rf"\operatorname{{sign}}\left({inner}\right) \left|{inner}\right|^{{{latex(args[1])}}}",
            PRODUCT,
        )
    if token in CLIP_LIMITS:
        return rf"\operatorname{{clip}}\left({inner}, 10^{{-{token[-1]}}}\right)", ATOM
    if token in DROP_RATES:
        return rf"\operatorname{{drop}}\left({inner}, {DROP_RATES[token]}\right)", ATOM
    return rf"\operatorname{{{token}}}\left({inner}\right)", ATOM


def _latex_wrapped(node: Node, least: int) -> str:
    text, binding = _latex(node)
    return text if binding >= least else rf"\left({text}\right)"


def _latex_later(node: Node, least: int) -> str:
    """An argument after an operator, where a minus sign in front needs brackets."""
    text = _latex_wrapped(node, least)
    return rf"\left({text}\right)" if text.startswith("-") else text


def _latex_number(value: float) -> str:
    mantissa, _, exponent = number_text(value).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def drawing(node: Node) -> str:
    """The tree as lines of text, a function above its arguments."""
    return "\n".join(_lines(node))


def _lines(node: Node) -> Iterator[str]:
    yield label(node)
    for number, arg in enumerate(node.args):
        last = number == len(node.args) - 1
        first, *rest = _lines(arg)
        yield ("└── " if last else "├── ") + first
        yield from (("    " if last else "│   ") + line for line in rest)


def label(node: Node) -> str:
    """What a node is called in a drawing."""
    if node.token == CONSTANT:
        return number_text(node.value)
    if node.token in OPERATORS:
        return OPERATORS[node.token][0]
    if node.token in CLIP_TEXT:
        return f"clip {CLIP_TEXT[node.token]}"
    if node.token in DROP_RATES:
        return f"drop {DROP_RATES[node.token]}"
    return {"neg": "-", "pow": "^", "left": "left (keep the first)"}.get(node.token, node.token)
