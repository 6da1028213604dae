"""A rule as an expression tree: what its tokens mean, before any simplification.

The tree is what notation prints, equivalence simplifies and ``harness.RuleOptimizer`` executes. It is referentially
transparent: equal sub-expressions are one value within a step, the random ones too (**D**). So ``noise − noise`` is 0;
``drop(g, 0.1)`` written twice drops the same entries, while ``drop(g, 0.1)`` and ``drop(m, 0.1)`` draw separate masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.contracts import Rule
from harness.errors import RuleSyntaxError, message

LANGUAGE_VERSION = 2  # rises when the key or value of any rule moves, rounding included; every run records it
FIRST_LANGUAGE = "1"  # of runs that say none: once only some tasks recorded it
CONSTANT = "const"
STATE_OF = {"m": "m", "sign(m)": "m", "v": "v", "gamma": "gamma", "rmsprop": "v", "adam": "mv"}


@dataclass(frozen=True, slots=True)
class Node:
    """One value: an operand, a function of earlier values, or a constant.

    Attributes:
        token: an operand's, unary's or binary's written name, or ``const``.
        args: what the function is applied to; empty for an operand. ``add`` and ``mul`` may have more than two.
        value: the constant's value; 0 for everything else.
    """

    token: str
    args: tuple[Node, ...] = ()
    value: float = 0.0
    _hash: int = field(init=False, repr=False, compare=False)  # simplifying looks nodes up all the time

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.token, self.args, self.value)))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Node], tuple[str, tuple[Node, ...], float]]:
        return Node, (self.token, self.args, self.value)  # another process hashes words otherwise

    def walk(self) -> Iterator[Node]:
        """Every node below and including this one, arguments first, repeats included."""
        for arg in self.args:
            yield from arg.walk()
        yield self


def constant(value: float) -> Node:
    """The node of one fixed number; −0 is 0."""
    return Node(CONSTANT, (), value + 0.0)


def expression(rule: Rule) -> Node:
    """Build the literal expression of a rule, dead branches and all.

    Raises:
        RuleSyntaxError: a block refers to a result that does not exist yet.
    """
    results: list[Node] = []

    def operand(token: str) -> Node:
        if not token.startswith("#"):
            return Node(token)
        number = int(token[1:]) if token[1:].isdecimal() else 0
        if not 1 <= number <= len(results):
            raise RuleSyntaxError(
                message(
                    f"operand of block {len(results) + 1}",
                    expected=f"an operand or an earlier result, #1 to #{len(results)}" if results else "an operand",
                    got=token,
                    hint="Refer only to blocks further left",
                )
            )
        return results[number - 1]

    def applied(unary: str, argument: Node) -> Node:
        return argument if unary == "id" else Node(unary, (argument,))

    for block in rule.blocks:
        left, right = applied(block.u1, operand(block.op1)), applied(block.u2, operand(block.op2))
        results.append(Node(block.binary, (left, right)))
    return results[-1]


def state(node: Node) -> tuple[str, ...]:
    """The running means an expression needs, of ``m``, ``v``, ``gamma``, in that order."""
    needed = {name for part in node.walk() for name in _means(part.token)}
    return tuple(name for name in ("m", "v", "gamma") if name in needed)


def _means(token: str) -> tuple[str, ...]:
    means = STATE_OF.get(token, "")
    return ("m", "v") if means == "mv" else (means,) if means else ()
