"""A rule as an expression tree: what its tokens mean, before any simplification.

Notation prints the tree, equivalence simplifies it, and ``harness.RuleOptimizer`` executes it. It is referentially
transparent: equal sub-expressions have one value within a step, even random ones (**D**). So ``noise − noise`` is 0;
``drop(g, 0.1)`` written twice drops the same entries, while ``drop(g, 0.1)`` and ``drop(m, 0.1)`` draw separate masks.
"""

from __future__ import annotations

from harness.contracts import Rule
from harness.errors import RuleSyntaxError, message
from harness.space.node import Node
from harness.space.vocabulary import running_means, timed, word_of
from harness.space.word import X

LANGUAGE_VERSION = 2  # rises when the key or value of any rule changes, even by rounding; every run records it
FIRST_LANGUAGE = "1"  # for runs that record none: at first only some tasks recorded it


def expression(rule: Rule) -> Node:
    """Build and return the literal expression of a rule, including dead branches.

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
                    hint="Refer only to earlier blocks",
                )
            )
        return results[number - 1]

    def applied(unary: str, argument: Node) -> Node:
        return argument if unary == "id" else Node(unary, (argument,))

    for block in rule.blocks:
        left, right = applied(block.u1, operand(block.op1)), applied(block.u2, operand(block.op2))
        results.append(Node(block.binary, (left, right)))
    return results[-1]


def live(node: Node) -> Node:
    """Return the expression without what keep-left discards."""
    word = word_of(node.token, len(node.args))
    if word.arithmetic == X:
        return live(node.args[0])
    return Node(node.token, tuple(map(live, node.args)), node.value)


def state(node: Node) -> tuple[str, ...]:
    """Return the running means that an expression needs, of ``m``, ``v``, ``gamma``, in that order."""
    needed = {name for part in node.walk() for name in running_means(part.token)}
    return tuple(name for name in ("m", "v", "gamma") if name in needed)


def decays(node: Node) -> tuple[str, ...]:
    """Return what an expression needs to know T for, of ``ld``, ``cd``, ``rd`` and ``anneal``, in that order."""
    needed = {name for part in node.walk() for name in timed(part.token)}
    return tuple(name for name in ("ld", "cd", "rd", "anneal") if name in needed)
