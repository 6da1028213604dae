"""An expression as primitive operations: what ``harness.RuleOptimizer`` executes and exported source spells out.

Both take the operations, and their order, from here; so an exported optimizer draws the same random values, and rounds
where ``RuleOptimizer`` rounds.
"""

from __future__ import annotations

from harness.space.expression import Node, constant
from harness.space.vocabulary import NUMBERS, WEIGHT_SCALES


def operations(node: Node) -> tuple[Node, ...]:
    """Every distinct operation of an expression once, arguments first and left to right; the last one's value is Δ.

    Args:
        node: canonical or literal.
    """
    order: dict[Node, None] = {}

    def visit(part: Node) -> None:
        if part not in order:
            for arg in part.args:
                visit(arg)
            order[part] = None

    visit(lower(node))
    return tuple(order)


def lower(node: Node) -> Node:
    """Rewrite an expression in primitive operations, so that hidden parts become shared sub-expressions.

    ``m`` becomes the bias correction of a running mean, ``adam`` the quotient of ``m`` and √v̂+ε, and so on. Primitives
    are ``g w noise const mean_* unbias_* rms over`` and the vocabulary's functions, of one or two arguments each.
    """
    gradient = Node("g")
    square = Node("mul", (gradient, gradient))
    cube = Node("mul", (square, gradient))
    mean = {
        "m": Node("mean_m", (gradient,)),
        "v": Node("mean_v", (gradient, gradient)),
        "gamma": Node("mean_gamma", (square, gradient)),
    }
    rms = Node("rms", (mean["v"],))

    def rewritten(part: Node) -> Node:
        match part.token:
            case "g" | "noise" | "const":
                return part
            case "g2":
                return square
            case "g3":
                return cube
            case "m" | "v" | "gamma":
                return Node(f"unbias_{part.token}", (mean[part.token],))
            case "sign(g)":
                return Node("sign", (gradient,))
            case "sign(m)":
                return Node("sign", (mean["m"],))
            case "adam":
                return Node("over", (rewritten(Node("m")), rms))
            case "rmsprop":
                return Node("over", (gradient, rms))
            case "id" | "left":
                return rewritten(part.args[0])
        if part.token in NUMBERS:
            return constant(NUMBERS[part.token])
        if part.token in WEIGHT_SCALES:
            return Node("mul", (Node("w"), constant(WEIGHT_SCALES[part.token])))
        args = [rewritten(arg) for arg in part.args]
        if part.token == "sign" and args[0].token == "unbias_m":
            return Node("sign", args[0].args)  # the correction is positive
        while part.token in ("add", "mul") and len(args) > 2:
            args[:2] = [Node(part.token, (args[0], args[1]))]
        return Node(part.token, tuple(args))

    return rewritten(node)
