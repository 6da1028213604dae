"""What is known about the value of a canonical expression: its range, whether it stays finite, where it is zero.

Rewrites that discard a part of an expression (x − x = 0, sign(eˣ) = 1, a clip that always saturates) ask here first.
The answers err on the side of "unknown": a fact that is not established costs at most one rewrite.
"""

from __future__ import annotations

import math
from functools import lru_cache

from harness.space.expression import CONSTANT, Node
from harness.space.vocabulary import CLIP_LIMITS, DROP_RATES, EPSILON, with_epsilon

Interval = tuple[float, float]

EVERYTHING: Interval = (-math.inf, math.inf)
LARGEST_EXPONENT = 80.0  # e^±80 is an ordinary number in float32 too
LARGEST_POWER = 8.0  # so much leaves a power of an ordinary number finite, and above 0
FOLDING = 1e-11  # relative: constants are rounded to twelve digits, so e as it is written lies above e
SMALLEST = 1e-36  # what lies above is positive in float32 too
CACHED = 1 << 16

G, M, V = Node("g"), Node("m"), Node("v")
SIGN_G, SIGN_M = Node("sign(g)"), Node("sign(m)")
_RANGES = {"v": (0.0, math.inf), "g2": (0.0, math.inf), "sign(g)": (-1.0, 1.0), "sign(m)": (-1.0, 1.0)}
# An operand is zero where these are: v is a mean of squares, so where it is 0 every gradient so far was 0.
_ZEROS: dict[str, tuple[Node, ...]] = {"g": (G, V), "g2": (G, V), "g3": (G, V), "sign(g)": (G, V), "rmsprop": (G, V)}
_ZEROS |= {"m": (M, V), "sign(m)": (M, V), "adam": (M, V), "v": (V,), "gamma": (Node("gamma"), V)}
_ZEROS |= {name: (Node("1e-1w"),) for name in ("1e-1w", "1e-2w", "1e-3w", "1e-4w")}


@lru_cache(maxsize=CACHED)
def interval(node: Node) -> Interval:
    """Bounds of the value for all finite operands, possibly infinite ones."""
    token = node.token
    if token == CONSTANT:
        error = 0.0 if float(f"{node.value:.10g}") == node.value else FOLDING * abs(node.value)
        return _known(node.value - error, node.value + error)
    if not node.args:
        return _RANGES.get(token, EVERYTHING)
    low, high = interval(node.args[0])
    if token in CLIP_LIMITS:
        limit = CLIP_LIMITS[token]
        return (min(max(low, -limit), limit), min(max(high, -limit), limit))
    if token in DROP_RATES:
        return (min(low, 0.0), max(high, 0.0))
    match token:
        case "neg":
            return (-high, -low)
        case "exp":
            return (_exp(low), _exp(high))
        case "sign":
            return (-1.0 if low < 0 else 0.0, 1.0 if high > 0 else 0.0)
        case "log" | "sqrt":
            least, most = _modulus(low, high)
            if token == "sqrt":
                return (math.sqrt(least), math.sqrt(most))
            return (math.log(_smallest_sum(least)), math.log(most + EPSILON))
        case "add":
            bounds = [interval(arg) for arg in node.args]
            return _known(sum(low for low, _ in bounds), sum(high for _, high in bounds))
        case "mul":
            return _product(node.args)
        case "div":
            least, most = interval(node.args[1])
            if least >= 0:
                return _times((low, high), (1 / (most + EPSILON), 1 / _smallest_sum(least)))
        case "pow":
            if low >= 0:
                return (0.0, math.inf)
    return EVERYTHING


def nonnegative(node: Node) -> bool:
    """Whether the value is never below 0."""
    return interval(node)[0] >= 0


def positive(node: Node) -> bool:
    """Whether the value is above 0, and not by so little that floating-point numbers lose it."""
    return interval(node)[0] >= SMALLEST


@lru_cache(maxsize=CACHED)
def tame(node: Node) -> bool:
    """Whether the value is finite for all finite operands of ordinary size: no exponential or power can overflow."""
    if node.token == "sign":  # of NaN too: it is 0
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
    return True


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
    return len(node.args) == 1


@lru_cache(maxsize=CACHED)
def ternary(node: Node) -> bool:
    """Whether the value is always −1, 0 or 1."""
    if node.token in ("sign", "sign(g)", "sign(m)"):
        return True
    if node.token == CONSTANT:
        return node.value in (-1.0, 0.0, 1.0)
    if node.token in DROP_RATES or node.token in ("mul", "neg"):
        return all(ternary(arg) for arg in node.args)
    return False


@lru_cache(maxsize=CACHED)
def zeros(node: Node) -> frozenset[Node]:
    """Values such that, wherever one of them is 0, so is this one."""
    if not node.args:
        return frozenset(_ZEROS.get(node.token, ())) | {node}
    token = node.token
    if token in CLIP_LIMITS or token in DROP_RATES or token in ("neg", "sign", "sqrt", "div"):
        return zeros(node.args[0]) | {node}
    if token == "mul":
        return frozenset().union(*(zeros(arg) for arg in node.args)) | {node}
    if token == "add":
        return frozenset.intersection(*(zeros(arg) for arg in node.args)) | {node}
    return frozenset((node,))


def _modulus(low: float, high: float) -> Interval:
    """Bounds of |x|."""
    return (0.0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high)))


def _smallest_sum(least: float) -> float:
    """The smallest ``with_epsilon`` of values that are ``least``, at least 0, or more."""
    return min(with_epsilon(least), max(least, 1.0))


def _exp(value: float) -> float:
    return math.inf if value > 709 else math.exp(value)


def _times(first: Interval, second: Interval) -> Interval:
    # An end at infinity is approached and never reached, so 0 · ∞ is 0 here.
    ends = [0.0 if 0.0 in (a, b) else a * b for a in first for b in second]
    return _known(min(ends), max(ends))


def _product(args: tuple[Node, ...]) -> Interval:
    """Bounds of a product; a value met twice, or beside its own sign, counts as a square."""
    left: dict[Node, int] = {}
    result: Interval = (1.0, 1.0)
    for arg in args:
        left[arg] = left.get(arg, 0) + 1
    for arg in list(left):
        least, most = _modulus(*interval(arg))
        while left[arg] >= 2:
            left[arg] -= 2
            result = _times(result, (least * least, most * most))
        mark = {G: SIGN_G, M: SIGN_M}.get(arg, Node("sign", (arg,)))
        if left[arg] and left.get(mark, 0) % 2:
            left[arg], left[mark] = 0, left[mark] - 1
            result = _times(result, (least, most))
    for arg, count in left.items():
        if count:
            result = _times(result, interval(arg))
    return result


def _known(low: float, high: float) -> Interval:
    return EVERYTHING if math.isnan(low) or math.isnan(high) else (low, high)
