"""The parts of products: scale, factors and divisors; and operands that are products themselves.

``g3`` is g·g·g, ``1e-3w`` is a multiple of ``1e-1w``, and ``adam`` is m/(√v+ε). ``operand_product`` takes them apart,
so that equal products become the same, and ``disguised`` puts what remains together again.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from harness.space.canonical.facts import CACHED, SIGN_OF, G, M, V
from harness.space.node import CONSTANT, Node, constant
from harness.space.notation.printer import formula
from harness.space.vocabulary import BY_NAME, CLIP_LIMITS, WEIGHT_SCALES, computed, with_epsilon
from harness.space.word import X

W = Node("1e-1w")  # the multiple of w in which all others are expressed
SQRT_V = Node("sqrt", (V,))
UNDER_SIGN = {mark: value for value, mark in SIGN_OF.items()}
NOT_A_NUMBER = constant(math.nan)  # one object, since NaN equals nothing else


def number(value: float) -> Node:
    """Return a constant, rounded to 12 digits so that the order in which constants were folded does not matter."""
    return NOT_A_NUMBER if math.isnan(value) else constant(tidy(value))


def is_number(node: Node) -> bool:
    """Whether a node is a finite constant."""
    return node.token == CONSTANT and math.isfinite(node.value)


def tidy(value: float) -> float:
    """Round to 12 significant digits."""
    return float(f"{value:.12g}")


def raised(base: float, exponent: float) -> float:
    """Return a non-negative number to a power; infinite where Python would raise an error."""
    try:
        return float(base**exponent)
    except (OverflowError, ZeroDivisionError):
        return math.inf


def function_value(token: str, value: float) -> float:
    """Return the value of a unary function that draws nothing, for a number on which it does not overflow."""
    return computed(BY_NAME[token].arithmetic, FUNCTIONS, {X: value})


FUNCTIONS: dict[str, Callable[..., float]] = {
    "const": float,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "neg": operator.neg,
    "over": operator.truediv,
    "plus_eps": with_epsilon,
    "abs": abs,
    "sign": lambda value: float((value > 0) - (value < 0)),
    "exp": math.exp,
    "ln": math.log,
    "root": math.sqrt,
    "raised": raised,
    "clamp": lambda value, limit: min(max(value, -limit), limit),
}
"""What each primitive computes from numbers."""


@lru_cache(maxsize=CACHED)
def text(node: Node) -> str:
    """Return the formula of a node, by which arguments are sorted."""
    return formula(node)


@dataclass(frozen=True, slots=True)
class Product:
    """``scale · Π factor^exponent · Π 1/(divisor+ε)``.

    Attributes:
        scale: a number.
        powers: distinct factors, none of them a product itself, with their exponents of 1 or more.
        divisors: the divisors, possibly repeated.
    """

    scale: float
    powers: tuple[tuple[Node, int], ...]
    divisors: tuple[Node, ...]


def sign_factor(value: Node) -> Node:
    """Return the factor that stands for the sign of a canonical value that is neither a constant nor a product."""
    return SIGN_OF.get(value) or Node("sign", (value,))


def under_sign(factor: Node) -> Node | None:
    """Return the value whose sign a factor is; None if it is not a sign."""
    return UNDER_SIGN.get(factor) or (factor.args[0] if factor.token == "sign" else None)


@lru_cache(maxsize=CACHED)
def mentions_sign(node: Node) -> bool:
    """Whether a node contains a sign of anything."""
    return under_sign(node) is not None or any(mentions_sign(arg) for arg in node.args)


def operand_product(node: Node) -> Product | None:
    """Return an operand, or a clipped multiple of w, as a product; None for any other node."""
    token = node.token
    if token in WEIGHT_SCALES:
        return Product(tidy(WEIGHT_SCALES[token] / WEIGHT_SCALES[W.token]), ((W, 1),), ())
    if node in _CLIPPED:
        scale, twin = _CLIPPED[node]
        return Product(scale, ((twin, 1),), ())
    if token in ("g2", "g3"):
        return Product(1.0, ((G, int(token[1])),), ())
    if token in ("adam", "rmsprop"):
        return Product(1.0, ((M if token == "adam" else G, 1),), (SQRT_V,))
    return None if node.args or token == CONSTANT else Product(1.0, ((node, 1),), ())


def disguised(scale: float, powers: Mapping[Node, int], divisors: list[Node]) -> tuple[float, list[Node]]:
    """List the factors with repeats, written as operands if possible, and remove used divisors from the list."""
    factors: list[Node] = []
    multiples: list[Node] = []  # those that may take the scale inside
    left = {factor.token: exponent for factor, exponent in powers.items() if factor in (G, M)}
    while SQRT_V in divisors and (left.get("m") or left.get("g")):
        divisors.remove(SQRT_V)
        base, name = ("m", "adam") if left.get("m") else ("g", "rmsprop")
        left[base] -= 1
        factors.append(Node(name))
    for factor, exponent in powers.items():
        if factor == G:
            cubes, rest = divmod(left["g"], 3)
            factors += [Node("g3")] * cubes + ([G if rest == 1 else Node("g2")] if rest else [])
        elif factor == M:
            factors += [M] * left["m"]
        elif exponent == 1 and (factor == W or factor.token in CLIP_LIMITS):
            multiples.append(factor)
        else:
            factors += [factor] * exponent
    for factor in sorted(multiples, key=text):
        twin = _MULTIPLES.get((factor, abs(scale)))
        factors.append(twin or factor)
        scale = math.copysign(1.0, scale) if twin else scale
    return scale, factors


def _clipped() -> dict[Node, tuple[float, Node]]:
    """Return each clip(10⁻ᵏw, 10⁻ʲ) as a multiple of the largest with the same j − k, which differs only in scale."""
    largest: dict[int, tuple[float, Node]] = {}
    found = {}
    for weight, by in sorted(WEIGHT_SCALES.items(), key=lambda item: -item[1]):
        for token, limit in sorted(CLIP_LIMITS.items(), key=lambda item: -item[1]):
            node = Node(token, (Node(weight),))
            size, twin = largest.setdefault(round(math.log10(limit / by)), (by, node))
            found[node] = (tidy(by / size), twin)
    return found


_CLIPPED = _clipped()
_MULTIPLES = {(twin, scale): node for node, (scale, twin) in _CLIPPED.items()}
_MULTIPLES |= {(W, tidy(scale / WEIGHT_SCALES[W.token])): Node(name) for name, scale in WEIGHT_SCALES.items()}
