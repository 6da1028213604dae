"""An expression as primitive operations, which ``harness.RuleOptimizer`` executes and exported source spells out.

Both take the operations and their order from here, so an exported optimizer draws the same random values and rounds in
the same places as ``RuleOptimizer``.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.space.node import CONSTANT, Node, constant
from harness.space.vocabulary import computed, word_of
from harness.space.word import LEVELLED, PRIMITIVES


def operations(node: Node) -> tuple[Node, ...]:
    """Return every distinct operation of an expression once, arguments first and left to right; the last one gives Δ.

    Words are written out in primitives (``word.PRIMITIVES``), so hidden parts become shared sub-expressions: ``m``
    becomes the bias correction of a running mean, ``adam`` the quotient of ``m`` and √v̂+ε.

    Args:
        node: the expression, canonical or literal.
    """
    order: dict[Node, None] = {}

    def visit(part: Node) -> None:
        if part not in order:
            for arg in part.args:
                visit(arg)
            order[part] = None

    def written_out(part: Node) -> Node:
        if part.token == CONSTANT:
            result = part
        else:
            word, args = word_of(part.token, len(part.args)), part.args
            if len(args) > 2:  # ``add`` and ``mul`` of canonical forms
                args = (Node(part.token, args[:-1]), args[-1])
            read = [written_out(arg) for place, arg in enumerate(args) if word.reads(place)]
            result = computed(word.arithmetic, _BUILDERS, dict(zip(word.arguments, read, strict=True)))
        visit(result)
        return result

    written_out(node)
    return tuple(order)


def _builder(token: str) -> Callable[..., Node]:
    if token in LEVELLED:
        return lambda *args: Node(token, args[:-1], args[-1])
    return lambda *args: Node(token, args)


def _sign(value: Node) -> Node:
    return Node("sign", value.args if value.token == "unbias_m" else (value,))  # the correction is positive


_BUILDERS = {token: _builder(token) for token in PRIMITIVES} | {CONSTANT: constant, "sign": _sign}
