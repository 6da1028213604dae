"""Sums and products in canonical form.

A product has a scale, factors with whole exponents, and divisors (each d stands for 1/(d+ε)). A sum has terms with
coefficients, and a constant. Equal parts are merged, and the rest is sorted by its text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from harness.space.canonical.factors import (
    Product,
    disguised,
    function_value,
    is_number,
    mentions_sign,
    number,
    operand_product,
    raised,
    sign_factor,
    text,
    tidy,
    under_sign,
)
from harness.space.canonical.facts import (
    CACHED,
    LARGEST_POWER,
    interval,
    nonnegative,
    positive,
    steady,
    tame,
    ternary,
    zeros_of,
)
from harness.space.node import CONSTANT, Node, constant
from harness.space.vocabulary import CLIP_LIMITS, DROP_RATES, EPSILON, with_epsilon

ONE = constant(1.0)
SCALED_INSIDE = (CONSTANT, "add", "mul", "div")  # forms that can hold a minus sign of their own
LARGEST_CONSTANT_EXPONENT = 700.0


@lru_cache(maxsize=CACHED)
def product_of(node: Node) -> Product:
    """Take a canonical node apart into factors."""
    token = node.token
    if token == CONSTANT:
        return Product(node.value, (), ())
    if token == "neg":
        inner = product_of(node.args[0])
        return Product(-inner.scale, inner.powers, inner.divisors)
    if token == "mul":
        return _joined(node.args)
    if token == "div":
        numerator = product_of(node.args[0])
        return Product(numerator.scale, numerator.powers, (*numerator.divisors, node.args[1]))
    if token == "add":
        scale = _content(node)
        body = node if scale == 1.0 else total([(1 / scale, node)])
        return Product(scale, ((body, 1),), ())
    return operand_product(node) or Product(1.0, ((node, 1),), ())


def times(*factors: Node) -> Node:
    """Return the product of canonical nodes."""
    joined = _joined(factors)
    return assemble(joined.scale, dict(joined.powers), joined.divisors)


def scaled(scale: float, node: Node) -> Node:
    """Return a multiple of a canonical node."""
    if scale == 1.0:
        return node
    if scale == -1.0:
        if node.token == "neg":
            return node.args[0]
        if node.token not in SCALED_INSIDE:
            return Node("neg", (node,))
    parts = product_of(node)
    return assemble(scale * parts.scale, dict(parts.powers), parts.divisors)


def over(numerator: Node, divisor: Node) -> Node:
    """Return ``numerator / (divisor + ε)`` for canonical nodes."""
    parts = product_of(numerator)
    return assemble(parts.scale, dict(parts.powers), (*parts.divisors, divisor))


def assemble(scale: float, powers: Mapping[Node, int], divisors: Sequence[Node]) -> Node:
    """Return the canonical node of a product."""
    left = {factor: exponent for factor, exponent in powers.items() if exponent}
    scale, kept = _reduce(scale, left, divisors)
    if scale == 0.0:  # 0 · ∞ is not 0, and 0/∞ is
        left = {factor: 1 for factor in left if not tame(factor)}
        kept = [divisor for divisor in kept if not steady(divisor)]
    if not left and not kept:
        return number(scale)
    if len(left) == 1 and not kept and scale:
        ((only, exponent),) = left.items()
        if only.token == "add" and exponent == 1:
            return total([(scale, only)])
    scale, factors = disguised(tidy(scale), left, kept)
    factors.sort(key=text)
    core = constant(1.0) if not factors else factors[0] if len(factors) == 1 else Node("mul", tuple(factors))
    if not factors:
        core, scale = number(scale), 1.0
    for divisor in sorted(kept, key=text):
        core = Node("div", (core, divisor))
    if scale == 1.0:
        return core
    if scale == -1.0:
        return Node("neg", (core,))
    return Node("mul", (number(scale), *(core.args if core.token == "mul" else (core,))))


def total(terms: Iterable[tuple[float, Node]]) -> Node:
    """Return the sum of multiples of canonical nodes, each given as ``(coefficient, node)``."""
    offset = 0.0
    bodies: dict[Node, list[float]] = {}  # coefficients, separate by sign if the body may be infinite: ∞ − ∞ is not 0

    def collect(coefficient: float, node: Node) -> None:
        nonlocal offset
        if node.token == CONSTANT:
            offset += coefficient * node.value
        elif node.token == "add":
            for arg in node.args:
                collect(coefficient, arg)
        else:
            parts = product_of(node)
            if parts.scale == 0.0:  # 0 times a value that may be infinite
                parts = Product(1.0, ((node, 1),), ())
            body = node if parts.scale == 1.0 else assemble(1.0, dict(parts.powers), parts.divisors)
            if body.token == "add":  # also a sum, such as −(a + b)
                collect(coefficient * parts.scale, body)
                return
            coefficient *= parts.scale
            kept = bodies.setdefault(body, [0.0, 0.0])
            kept[0 if coefficient > 0 or tame(body) else 1] += coefficient

    for coefficient, node in terms:
        collect(coefficient, node)
    addends = [
        scaled(tidy(coefficient), body)
        for body in sorted(bodies, key=text)
        for coefficient in bodies[body]
        if tidy(coefficient) != 0.0
    ]
    if tidy(offset) != 0.0 or not addends:
        addends.append(number(offset))
    return addends[0] if len(addends) == 1 else Node("add", tuple(addends))


def _joined(factors: Iterable[Node]) -> Product:
    scale = 1.0
    powers: dict[Node, int] = {}
    divisors: list[Node] = []
    for factor in factors:
        parts = product_of(factor)
        scale *= parts.scale
        divisors += parts.divisors
        for base, exponent in parts.powers:
            powers[base] = powers.get(base, 0) + exponent
    return Product(scale, tuple(powers.items()), tuple(divisors))


def _content(node: Node) -> float:
    """Return the content of a sum: the sign of its first term, times the size of its coefficients if all agree."""
    coefficients = [product_of(arg).scale for arg in node.args]
    sizes = {abs(coefficient) for coefficient in coefficients}
    size = sizes.pop() if len(sizes) == 1 else 1.0
    if size == 0.0 or not math.isfinite(size):
        size = 1.0
    return math.copysign(size, coefficients[0])


def sign(node: Node) -> Node:
    """Return the sign of a canonical node, factor by factor if that cannot hide ∞ · 0."""
    if is_number(node):
        return number(function_value("sign", node.value))
    if positive(node) and steady(node):
        return ONE
    if ternary(node):
        return node
    parts = product_of(node)
    outside = math.copysign(1.0, parts.scale)
    if parts.scale == 0.0 or not tame(node):
        body = scaled(outside, node)
        inner = sign(body.args[0]) if body.token in CLIP_LIMITS else Node("sign", (body,))
        return scaled(outside, inner)
    signs = [number(outside)]
    for factor, exponent in parts.powers:
        signs += [_factor_sign(factor)] * exponent
    signs += [sign(total([(1.0, divisor), (EPSILON, ONE)])) for divisor in parts.divisors if not nonnegative(divisor)]
    return times(*signs)


def _factor_sign(factor: Node) -> Node:
    """Return the sign of a node that is neither a constant nor a product."""
    if positive(factor):
        return ONE
    if ternary(factor):
        return factor
    if factor.token in CLIP_LIMITS:
        return sign(factor.args[0])
    if factor.token == "sqrt":
        return times(sign(factor.args[0]), sign(factor.args[0]))
    if factor.token in DROP_RATES and is_number(factor.args[0]):
        return scaled(1 / factor.args[0].value, factor)
    if factor.token == "pow" and tame(factor.args[1]) and max(map(abs, interval(factor.args[1]))) <= LARGEST_POWER:
        return sign_power(sign(factor.args[0]), factor.args[1])
    return sign_factor(factor)


def sign_power(signs: Node, exponent: Node) -> Node:
    """Return the power of a node that is −1, 0 or 1; only at 0 does the exponent matter, and only its sign."""
    if not steady(exponent):
        return Node("pow", (signs, exponent))  # 0 to the NaN is NaN
    mark = sign(exponent)
    return signs if nonnegative(mark) or _vanishes_with(mark, signs) else Node("pow", (signs, mark))


def _vanishes_with(node: Node, signs: Node) -> bool:
    """Whether a node is 0 wherever a product of signs is."""
    values = [under_sign(factor) for factor, _ in product_of(signs).powers]
    return bool(values) and all(value is not None and value in zeros_of([node]) for value in values)


def exponential(node: Node) -> Node:
    """Return the exponential of a canonical node; constants in the exponent move outside if that cannot overflow."""
    if node.token == CONSTANT and node.value < LARGEST_CONSTANT_EXPONENT:
        return number(math.exp(node.value))
    if node.token == "add" and node.args[-1].token == CONSTANT and tame(Node("exp", (node,))):
        rest = total([(1.0, arg) for arg in node.args[:-1]])
        return scaled(math.exp(node.args[-1].value), Node("exp", (rest,)))
    return Node("exp", (node,))


def _reduce(scale: float, powers: dict[Node, int], divisors: Sequence[Node]) -> tuple[float, list[Node]]:
    """Merge factors in place; return the new scale and the divisors that remain."""
    left = list(divisors)
    repeated = [factor for factor, exponent in powers.items() if exponent > 1]
    while repeated:
        scale *= _merge(repeated.pop(), powers, left, repeated)
    scale *= _merge_exponentials(powers)
    kept = []
    for divisor in left:
        divisor = _undropped(divisor, powers)
        nonzero = zeros_of(factor for factor, exponent in powers.items() if exponent)
        settled = _settled(divisor, nonzero)
        marks = _marks(divisor, nonzero)
        if settled is not None and with_epsilon(settled) != 0.0:
            scale /= with_epsilon(settled)
        elif marks is not None:  # x/sign(x) is x · sign(x)
            scale /= marks.scale
            for base, count in marks.powers:
                powers[base] = powers.get(base, 0) + count
        else:
            kept.append(divisor)
    for factor in list(powers):
        value = under_sign(factor)
        if value is not None and powers[factor] > 1:
            # s³ = s, and s² = s if s is 0 or 1
            powers[factor] = 1 if nonnegative(value) else 2 - powers[factor] % 2
    for factor in [factor for factor, exponent in powers.items() if exponent and mentions_sign(factor)]:
        others = zeros_of(other for other, exponent in powers.items() if exponent and other != factor)
        settled = _settled_power(factor, powers[factor], others)
        if settled is not None:
            scale *= settled
            powers[factor] = 0
    for factor in [factor for factor, exponent in powers.items() if not exponent]:
        del powers[factor]
    return scale, kept


def _merge(factor: Node, powers: dict[Node, int], divisors: list[Node], repeated: list[Node]) -> float:
    """Expand a repeated root or a repeated drop; return the scale that moves outside."""
    exponent = powers[factor]
    if factor.token not in ("sqrt", *DROP_RATES) or exponent < 2:  # only their powers simplify
        return 1.0
    value, outside = factor.args[0], 1.0
    inner = product_of(value)
    if factor.token == "sqrt":
        if value.token in ("mul", "div") and not nonnegative(value):
            return 1.0
        repeats, powers[factor] = divmod(exponent, 2)
        if repeats % 2 and not nonnegative(value):  # |x| = x · sign(x)
            mark = product_of(sign(value))
            outside = mark.scale
            for base, count in mark.powers:
                powers[base] = powers.get(base, 0) + count
                repeated.append(base)
    else:
        if not tame(factor):
            return 1.0
        repeats, powers[factor] = exponent - 1, 1  # the mask is its own square
    for base, count in inner.powers:
        powers[base] = powers.get(base, 0) + count * repeats
        repeated.append(base)
    divisors += list(inner.divisors) * repeats
    return outside * raised(inner.scale, repeats)


def _merge_exponentials(powers: dict[Node, int]) -> float:
    """Merge exponentials whose product overflows exactly where one of them does; return the scale moved outside."""
    found = [factor for factor, exponent in powers.items() if factor.token == "exp" and exponent]
    if not found or (len(found) == 1 and powers[found[0]] == 1):
        return 1.0
    grouped: dict[tuple[Node, bool], float] = {}  # by direction of growth: e^x · e^−x may be ∞ · 0
    for factor in found:
        parts = product_of(factor.args[0])
        body = assemble(1.0, dict(parts.powers), parts.divisors)
        group = (body, parts.scale > 0)
        grouped[group] = grouped.get(group, 0.0) + parts.scale * powers.pop(factor)
    exponents = [scaled(tidy(coefficient), body) for (body, _), coefficient in grouped.items()]
    small = [exponent for exponent in exponents if tame(Node("exp", (exponent,)))]
    if len(small) > 1:
        merged = total([(1.0, exponent) for exponent in small])
        if tame(Node("exp", (merged,))):
            exponents = [exponent for exponent in exponents if exponent not in small] + [merged]
    outside = 1.0
    for exponent in exponents:
        parts = product_of(exponential(exponent))
        outside *= parts.scale
        for base, count in parts.powers:
            powers[base] = powers.get(base, 0) + count
    return outside


def _settled(node: Node, nonzero: frozenset[Node]) -> float | None:
    """Return the constant value of a canonical node wherever none of some values is 0; None if there is none."""
    if node.token == CONSTANT:
        return node.value
    if not mentions_sign(node):
        return None
    parts = product_of(node)
    if len(parts.powers) == 1 and not parts.divisors and parts.powers[0][0].token == "add":
        sums = [_settled(arg, nonzero) for arg in node.args] if node.token == "add" else [None]
        return None if None in sums else sum(value for value in sums if value is not None)
    result = parts.scale
    for factor, exponent in parts.powers:
        settled = _settled_power(factor, exponent, nonzero)
        if settled is None:
            return None
        result *= settled
    for divisor in parts.divisors:
        settled = _settled(divisor, nonzero)
        if settled is None or with_epsilon(settled) == 0.0:
            return None
        result /= with_epsilon(settled)
    return result


def _settled_power(factor: Node, exponent: int, nonzero: frozenset[Node]) -> float | None:
    value = under_sign(factor)
    if value is not None and value in nonzero and (exponent % 2 == 0 or nonnegative(value)):
        return 1.0
    settled = _settled_function(factor, nonzero) if tame(factor) else None  # 0 · ∞ is not 0
    return None if settled is None else math.copysign(raised(abs(settled), exponent), settled ** (exponent % 2))


def _settled_function(factor: Node, nonzero: frozenset[Node]) -> float | None:
    token = factor.token
    if token == "add":
        return _settled(factor, nonzero)
    if not factor.args or token not in ("exp", "log", "sign", "sqrt", *CLIP_LIMITS):
        return None
    settled = _settled(factor.args[0], nonzero)
    if settled is None and token in ("log", "sqrt"):
        settled = _settled_modulus(factor.args[0], nonzero)
    return None if settled is None else function_value(token, settled)


def _settled_modulus(node: Node, nonzero: frozenset[Node]) -> float | None:
    """Return the constant absolute value of a node that is a multiple of signs; None for other nodes."""
    parts = product_of(node)
    marks = all(under_sign(base) in nonzero for base, _ in parts.powers)
    return abs(parts.scale) if marks and not parts.divisors else None


def _marks(divisor: Node, nonzero: frozenset[Node]) -> Product | None:
    """Return a divisor that is a multiple of signs of nonzero values, without ε; None for any other divisor."""
    parts = product_of(divisor)
    marks = all(under_sign(base) in nonzero for base, _ in parts.powers)
    return parts if marks and abs(parts.scale) >= 1.0 and not parts.divisors else None


def _undropped(divisor: Node, powers: Mapping[Node, int]) -> Node:
    """Return a divisor without the drops that its numerator has: where they drop, the quotient is 0 either way."""
    parts = product_of(divisor)
    shared = [factor for factor, _ in parts.powers if factor.token in DROP_RATES and powers.get(factor)]
    if not shared or not tame(divisor):
        return divisor
    bases = [factor.args[0] if factor in shared else factor for factor, count in parts.powers for _ in range(count)]
    rest = times(number(parts.scale), *bases)
    for inner in parts.divisors:
        rest = over(rest, inner)
    return _undropped(rest, powers)  # what was dropped may itself hold a drop that the numerator has
