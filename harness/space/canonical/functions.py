"""The functions of canonical expressions, in canonical form.

Odd functions (sign, clip, drop) move the sign of their argument outside; even ones (log, sqrt) discard it. ``sign`` and
``sqrt`` go through products factor by factor. sign(x)² stays: it is 1 only where x is not 0. A word that is defined by
other words has their form; for any other word, its record holds everything that is known.
"""

from __future__ import annotations

import math

from harness.space.canonical.factors import Product, function_value, is_number, number, raised, tidy, under_sign
from harness.space.canonical.facts import interval, nonnegative, steady, tame, ternary, zeros
from harness.space.canonical.products import (
    ONE,
    assemble,
    exponential,
    over,
    product_of,
    scaled,
    sign,
    sign_power,
    times,
    total,
)
from harness.space.node import CONSTANT, Node, constant
from harness.space.vocabulary import BY_NAME, CLIP_LIMITS, DROP_RATES, made_of_words, with_epsilon, word_of
from harness.space.word import X, Y


def apply_unary(token: str, node: Node) -> Node:
    """Return the canonical form of a unary function of a canonical node."""
    match token:
        case "neg":
            return scaled(-1.0, node)
        case "exp":
            return exponential(node)
        case "log":
            return number(function_value("log", node.value)) if is_number(node) else Node("log", (_modulus(node),))
        case "sqrt":
            return _sqrt(node)
        case "sign":
            return sign(node)
    if token in CLIP_LIMITS:
        return _clip(token, node)
    if token in DROP_RATES:
        return _drop(token, node)
    return composed(token, node) if made_of_words(token) else _plain(token, node)


def apply_binary(token: str, left: Node, right: Node) -> Node:
    """Return the canonical form of a binary function of two canonical nodes."""
    match token:
        case "add":
            return total([(1.0, left), (1.0, right)])
        case "sub":
            return total([(1.0, left), (-1.0, right)])
        case "mul":
            return times(left, right)
        case "div":
            if right.token == CONSTANT and with_epsilon(right.value) != 0.0:
                return scaled(1 / with_epsilon(right.value), left)
            return over(left, right)
        case "pow":
            return power(left, right)
    return composed(token, left, right) if made_of_words(token) else Node(token, (left, right))


def composed(token: str, *args: Node) -> Node:
    """Return the canonical form of a word that is defined by other words, such as ``id`` and ``left``."""

    def value(part: Node) -> Node:
        if part in (X, Y):
            return args[0 if part == X else 1]
        if part.token == CONSTANT:
            return number(part.value)
        parts = [value(arg) for arg in part.args]
        if not parts:
            return composed(part.token) if made_of_words(part.token) else part
        return apply_unary(part.token, *parts) if len(parts) == 1 else apply_binary(part.token, *parts)

    return value(BY_NAME[token].arithmetic)


def _plain(token: str, node: Node) -> Node:
    """Return the canonical form of a function of which algebra knows only the parity."""
    word = word_of(token, 1)
    if is_number(node) and not word.draws:
        try:
            return number(function_value(token, node.value))
        except (ArithmeticError, ValueError, KeyError):  # not a number, or a word that the language does not know
            return Node(token, (node,))
    if word.parity == "even":
        return Node(token, (_modulus(node),))
    if word.parity == "odd" and product_of(node).scale < 0:
        return scaled(-1.0, Node(token, (scaled(-1.0, node),)))
    return Node(token, (node,))


def power(base: Node, exponent: Node) -> Node:
    """Return the canonical form of ``sign(base)·|base|^exponent`` for canonical nodes."""
    parts = product_of(base)
    if base.token == "exp" and tame(base) and tame(exponent):  # 1^∞ is 1, and e^(0 · ∞) is not
        return exponential(times(base.args[0], exponent))
    if parts.scale < 0:
        return scaled(-1.0, power(scaled(-1.0, base), exponent))
    if is_number(exponent):
        return _constant_power(base, parts, exponent.value)
    if base == ONE:
        return ONE  # 1 to the NaN is 1 too
    if is_number(base) and base.value > 0 and tidy(math.log(base.value)).is_integer():
        return exponential(scaled(tidy(math.log(base.value)), exponent))
    if ternary(base):
        return sign_power(base, exponent)
    indicated = _indicated(exponent)
    if indicated is not None and tame(base):  # NaN to the 0 is not NaN
        inner = base.args[0] if base.token == "exp" else base
        if indicated in zeros(inner):  # where the exponent is 0, so is the base, or it is 1
            return base
    return Node("pow", (base, exponent))


def _indicated(node: Node) -> Node | None:
    """Return the value x such that a node is 1 where x is not 0, and 0 where x is 0; None if there is none."""
    parts = product_of(node)
    if parts.scale != 1.0 or len(parts.powers) != 1 or parts.divisors:
        return None
    ((factor, exponent),) = parts.powers
    value = under_sign(factor)
    return value if value is not None and (exponent == 2 or nonnegative(value)) else None


def _clip(token: str, node: Node) -> Node:
    limit = CLIP_LIMITS[token]
    if is_number(node):
        return number(function_value(token, node.value))
    low, high = interval(node)
    if -limit <= low and high <= limit:
        return node
    if low >= limit and steady(node):
        return number(limit)
    if high <= -limit and steady(node):
        return number(-limit)
    parts = product_of(node)
    if parts.scale < 0:
        return scaled(-1.0, _clip(token, scaled(-1.0, node)))
    if parts.scale > limit and all(ternary(factor) for factor, _ in parts.powers) and not parts.divisors:
        return scaled(limit / parts.scale, node)
    if node.token in DROP_RATES and is_number(node.args[0]):
        return scaled(limit / node.args[0].value, node)
    if node.token in CLIP_LIMITS:
        return _clip(token, node.args[0])  # the narrower of the two, since the interval did not settle it
    return Node(token, (node,))


def _drop(token: str, node: Node) -> Node:
    if node == constant(0.0):
        return node
    if product_of(node).scale < 0:
        return scaled(-1.0, Node(token, (scaled(-1.0, node),)))
    return Node(token, (node,))


def _modulus(node: Node) -> Node:
    """Return a node with the same absolute value, equal for all nodes that are known to have it."""
    parts = product_of(node)
    squared = {factor: 2 if under_sign(factor) else exponent for factor, exponent in parts.powers}
    rest = product_of(assemble(abs(parts.scale), squared, parts.divisors))
    # |s| is |s²|, and the shorter one is written.
    single = {factor: 1 if under_sign(factor) else exponent for factor, exponent in rest.powers}
    return assemble(abs(rest.scale), single, rest.divisors)


def _sqrt(node: Node) -> Node:
    if is_number(node):
        return number(function_value("sqrt", node.value))
    parts = product_of(node)
    if not tame(node) or not math.isfinite(parts.scale):
        return Node("sqrt", (_modulus(node),))
    roots = [number(math.sqrt(abs(parts.scale)))]
    for factor, exponent in parts.powers:
        roots += [factor] * (exponent // 2)
        if exponent // 2 % 2:
            roots.append(sign(factor))
        if exponent % 2:
            roots.append(_factor_root(factor))
    roots += [Node("sqrt", (Node("div", (ONE, divisor)),)) for divisor in parts.divisors]
    return times(*roots)


def _factor_root(factor: Node) -> Node:
    """Return the root of the absolute value of a node that is neither a constant nor a product."""
    if ternary(factor):
        return times(factor, factor)
    if factor.token in DROP_RATES and is_number(factor.args[0]):
        return scaled(1 / math.sqrt(factor.args[0].value), factor)
    return Node("sqrt", (factor,))


def _constant_power(base: Node, parts: Product, exponent: float) -> Node:
    if is_number(base):
        if base.value == 0.0:
            return number(0.0 if exponent >= 0 else math.nan)
        return number(raised(base.value, exponent))
    if ternary(base):
        return base if exponent >= 0 else Node("pow", (base, constant(-1.0)))
    if exponent == 0.0:
        return sign(base)
    if exponent in (1.0, 2.0, 3.0, 4.0):
        whole = int(exponent)
        return times(*[base] * whole, *([] if nonnegative(base) or whole % 2 else [sign(base)]))
    if parts.scale > 0 and parts.scale != 1.0:
        body = assemble(1.0, dict(parts.powers), parts.divisors)
        return scaled(raised(parts.scale, exponent), power(body, constant(exponent)))
    return Node("pow", (base, constant(exponent)))
