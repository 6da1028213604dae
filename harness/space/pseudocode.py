"""A rule as plain pseudocode: the running means it keeps, then one line a value, for who would rather code it."""

from __future__ import annotations

from harness.contracts import Rule
from harness.space.expression import Node, expression, state
from harness.space.vocabulary import CLIP_LIMITS, DROP_RATES, WEIGHT_SCALES

MEANS = {
    "m": ("m ← 0.9 m + 0.1 g", "m̂ ← m / (1 − 0.9ᵗ)"),
    "v": ("v ← 0.999 v + 0.001 g²", "v̂ ← v / (1 − 0.999ᵗ)"),
    "gamma": ("γ ← 0.999 γ + 0.001 g³", "γ̂ ← γ / (1 − 0.999ᵗ)"),
}
OPERANDS = {
    "g2": "g²",
    "g3": "g³",
    "m": "m̂",
    "v": "v̂",
    "gamma": "γ̂",
    "sign(m)": "sign(m̂)",
    "noise": "normal(0, 0.01)",
    "adam": "m̂ / (√v̂ + 1e-8)",
    "rmsprop": "g / (√v̂ + 1e-8)",
}
SIGNS = {"add": "+", "sub": "−", "mul": "·"}


def pseudocode(rule: Rule) -> str:
    """One step of a rule in lines of text; a value that is used twice is computed once."""
    node = _live(expression(rule))
    lines = ["g ← gradient of the batch's loss"]
    for mean in state(node):
        lines += MEANS[mean]
    names: dict[Node, str] = {}

    def name(value: Node) -> str:
        """What a value is called, after the lines that compute it."""
        if value not in names:
            text = _value(value, [name(arg) for arg in value.args])
            if value.args or value.token in ("noise", "adam", "rmsprop"):
                lines.append(f"{_letter(len(names))} ← {text}")
                names[value] = _letter(len(names))
            else:
                return text
        return names[value]

    lines.append(f"w ← w − λ · {name(node)}")
    return "\n".join(lines)


def _live(node: Node) -> Node:
    """The expression without what keep-left discards."""
    if node.token == "left":
        return _live(node.args[0])
    return Node(node.token, tuple(map(_live, node.args)))


def _letter(number: int) -> str:
    """a, b, …, with the letters that mean something else left out, then a2, b2, …."""
    letters = "abcdefhkpqrsuxyz"
    turn, place = divmod(number, len(letters))
    return letters[place] + (str(turn + 1) if turn else "")


def _value(node: Node, args: list[str]) -> str:
    token = node.token
    if token in WEIGHT_SCALES:
        return f"{WEIGHT_SCALES[token]:g} w".replace("0.0001", "1e-4")
    if not args:
        return OPERANDS.get(token, token)
    if token in SIGNS:
        return f" {SIGNS[token]} ".join(args)
    if token == "div":
        return f"{args[0]} / ({args[1]} + 1e-8)"
    if token == "pow":
        return f"sign({args[0]}) · |{args[0]}|^{args[1] if len(args[1]) == 1 else f'({args[1]})'}"
    if token == "neg":
        return f"−{args[0]}"
    if token in ("log", "sqrt"):
        return f"log(|{args[0]}| + 1e-8)" if token == "log" else f"√|{args[0]}|"
    if token in CLIP_LIMITS:
        return f"limit {args[0]} to ±{CLIP_LIMITS[token]:g}"
    if token in DROP_RATES:
        return f"{args[0]} with each entry set to 0 with probability {DROP_RATES[token]}"
    return f"{token}({args[0]})"
