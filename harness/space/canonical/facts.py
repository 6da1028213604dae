"""Facts about the value of a canonical expression: its range, whether it stays finite, where it is zero.

Rewrites that discard a part of an expression (x − x = 0, sign(eˣ) = 1, a clip that always saturates) ask here first.
The answers err on the side of "unknown": a fact that is not established costs at most one rewrite. The record of a word
holds what is known about it; ranges follow from what it computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache

from harness.space.node import CONSTANT, Node
from harness.space.vocabulary import CLIP_LIMITS, DROP_RATES, EPSILON, computed, with_epsilon, word_of
from harness.space.word import EVERYTHING, X, Y
from harness.space.words import OPERANDS

Interval = tuple[float, float]

LARGEST_EXPONENT = 80.0  # e^±80 is an ordinary number in float32 too
LARGEST_POWER = 8.0  # an ordinary number to this power is finite and above 0
FOLDING = 1e-11  # relative: constants are rounded to twelve digits, so the written value of e lies above e
SMALLEST = 1e-36  # larger values are positive in float32, too
CACHED = 1 << 16

G, M, V = Node("g"), Node("m"), Node("v")
SIGN_OF = {Node(word.sign_of): Node(word.name) for word in OPERANDS if word.sign_of}


@lru_cache(maxsize=CACHED)
def interval(node: Node) -> Interval:
    """Return bounds, possibly infinite, of the value for all finite operands."""
    token = node.token
    if token == CONSTANT:
        error = 0.0 if float(f"{node.value:.10g}") == node.value else FOLDING * abs(node.value)
        return _known(node.value - error, node.value + error)
    word = word_of(token, len(node.args))
    if not node.args:
        return word.bounds
    if token == "mul":
        return _product(node.args)
    bounds = [interval(arg) for arg in node.args]
    if token == "add":
        return _known(sum(low for low, _ in bounds), sum(high for _, high in bounds))
    if token == "pow":
        return (0.0, math.inf) if bounds[0][0] >= 0 else EVERYTHING
    try:
        return computed(word.arithmetic, INTERVALS, dict(zip((X, Y), bounds, strict=False)))
    except KeyError:  # a word from a stored file that the language does not know
        return EVERYTHING


def nonnegative(node: Node) -> bool:
    """Whether the value is never below 0."""
    return interval(node)[0] >= 0


def positive(node: Node) -> bool:
    """Whether the value is above 0 by enough that floating-point numbers do not round it to 0."""
    return interval(node)[0] >= SMALLEST


@lru_cache(maxsize=CACHED)
def tame(node: Node) -> bool:
    """Whether the value is finite for all finite operands of ordinary size: no exponential or power can overflow."""
    if node.token == "sign":  # sign(NaN) is 0
        return True
    if node.token in CLIP_LIMITS:
        return steady(node.args[0])
    if not all(tame(arg) for arg in node.args):
        return False
    if node.token == CONSTANT:
        return math.isfinite(node.value)
    if node.token == "exp":
        return interval(node.args[0])[1] <= LARGEST_EXPONENT
    if node.token == "pow":
        base, exponent = node.args
        least, most = interval(exponent)
        return least >= 0 and most <= LARGEST_POWER and base.token != CONSTANT
    return not node.args or word_of(node.token, len(node.args)).finite


@lru_cache(maxsize=CACHED)
def steady(node: Node) -> bool:
    """Whether the value is never NaN, though it may be infinite, for all finite operands of ordinary size."""
    if tame(node):
        return True
    if node.token == CONSTANT:
        return not math.isnan(node.value)
    if not all(steady(arg) for arg in node.args):
        return False
    wild = [interval(arg) for arg in node.args if not tame(arg)]
    if node.token == "add":  # ∞ − ∞
        return all(low > -math.inf for low, _ in wild) or all(high < math.inf for _, high in wild)
    if node.token == "mul":  # 0 · ∞
        return len(wild) == 1 and all(arg.token == CONSTANT and arg.value for arg in node.args if tame(arg))
    return word_of(node.token, len(node.args)).defined


@lru_cache(maxsize=CACHED)
def ternary(node: Node) -> bool:
    """Whether the value is always −1, 0 or 1."""
    if node.token == CONSTANT:
        return node.value in (-1.0, 0.0, 1.0)
    if word_of(node.token, len(node.args)).arithmetic.token == "sign":
        return True
    if node.token in DROP_RATES or node.token in ("mul", "neg"):
        return all(ternary(arg) for arg in node.args)
    return False


@lru_cache(maxsize=CACHED)
def zeros(node: Node) -> frozenset[Node]:
    """Return values such that this one is 0 wherever one of them is 0."""
    if node.token == "add":
        return frozenset.intersection(*(zeros(arg) for arg in node.args)) | {node}
    where = word_of(node.token, len(node.args)).zero_where
    if not node.args:
        return frozenset((*map(Node, where), node))
    places = {"x": node.args[:1], "y": node.args[1:]}
    return frozenset((node,)).union(*(zeros(arg) for name in where for arg in places[name]))


def _modulus(bounds: Interval) -> Interval:
    """Return bounds of |x|."""
    low, high = bounds
    return (0.0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high)))


def _of_epsilon(bounds: Interval) -> Interval:
    """Return bounds of x + ε, for x at least 0."""
    least, most = bounds
    return (_smallest_sum(least), most + EPSILON) if least >= 0 else EVERYTHING


def _quotient(first: Interval, second: Interval) -> Interval:
    least, most = second
    return _times(first, (1 / most, 1 / least)) if least > 0 else EVERYTHING


def _smallest_sum(least: float) -> float:
    """Return the smallest ``with_epsilon`` of values from ``least``, which is at least 0."""
    return min(with_epsilon(least), max(least, 1.0))


def _exp(value: float) -> float:
    return math.inf if value > 709 else math.exp(value)


def _times(first: Interval, second: Interval) -> Interval:
    # An end at infinity is approached and never reached, so 0 · ∞ is 0 here.
    ends = [0.0 if 0.0 in (a, b) else a * b for a in first for b in second]
    return _known(min(ends), max(ends))


def _product(args: tuple[Node, ...]) -> Interval:
    """Return bounds of a product; a value that occurs twice, or beside its own sign, counts as a square."""
    left: dict[Node, int] = {}
    result: Interval = (1.0, 1.0)
    for arg in args:
        left[arg] = left.get(arg, 0) + 1
    for arg in list(left):
        least, most = _modulus(interval(arg))
        while left[arg] >= 2:
            left[arg] -= 2
            result = _times(result, (least * least, most * most))
        mark = SIGN_OF.get(arg, Node("sign", (arg,)))
        if left[arg] and left.get(mark, 0) % 2:
            left[arg], left[mark] = 0, left[mark] - 1
            result = _times(result, (least, most))
    for arg, count in left.items():
        if count:
            result = _times(result, interval(arg))
    return result


def _known(low: float, high: float) -> Interval:
    return EVERYTHING if math.isnan(low) or math.isnan(high) else (low, high)


INTERVALS: dict[str, Callable[..., Interval]] = {
    "const": lambda value: (value, value),
    "add": lambda first, second: _known(first[0] + second[0], first[1] + second[1]),
    "sub": lambda first, second: _known(first[0] - second[1], first[1] - second[0]),
    "mul": _times,
    "neg": lambda bounds: (-bounds[1], -bounds[0]),
    "over": _quotient,
    "plus_eps": _of_epsilon,
    "abs": _modulus,
    "sign": lambda bounds: (-1.0 if bounds[0] < 0 else 0.0, 1.0 if bounds[1] > 0 else 0.0),
    "exp": lambda bounds: (_exp(bounds[0]), _exp(bounds[1])),
    "ln": lambda bounds: (math.log(bounds[0]), math.log(bounds[1])) if bounds[0] > 0 else EVERYTHING,
    "root": lambda bounds: (math.sqrt(bounds[0]), math.sqrt(bounds[1])) if bounds[0] >= 0 else EVERYTHING,
    "raised": lambda _base, _exponent: (0.0, math.inf),
    "clamp": lambda bounds, limit: (min(max(bounds[0], -limit), limit), min(max(bounds[1], -limit), limit)),
    "drop": lambda bounds, _rate: (min(bounds[0], 0.0), max(bounds[1], 0.0)),
}
"""Bounds of what each primitive computes, from the bounds of its arguments."""


def zeros_of(factors: Iterable[Node]) -> frozenset[Node]:
    """Return values such that one of the factors is 0 wherever one of them is 0."""
    return frozenset().union(*(zeros(factor) for factor in factors))
