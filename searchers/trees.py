"""Rules as typed trees, which genetic programming breeds, and the way back to rules of a space.

A tree is given by its words in prefix order, and its types alternate strictly: a binary function has two values as
arguments, a value is a unary function of an operand (``id`` is written out), and an operand is a word or another binary
function::

    tree_of(Rule.parse("g * exp(sign(g) * sign(m))"))
    # mul id g exp mul id sign(g) id sign(m)

Every rule has one tree: earlier results are written out, and unused blocks vanish. Every tree has one rule: equal
subtrees become one block. The function stays the same in both directions, and ``tree_of(rule_of(tree)) == tree``.
"""

from __future__ import annotations

from harness.contracts import Block, Rule
from harness.space.embedding import place
from harness.space.grammar import Space
from harness.space.vocabulary import ALL_BINARY

Tree = tuple[str, ...]


def tree_of(rule: Rule) -> Tree:
    """Return the tree of a rule, which has at most 2**(n + 2) − 3 words for n blocks."""
    results: list[Tree] = []

    def operand(token: str) -> Tree:
        return results[int(token[1:]) - 1] if token.startswith("#") else (token,)

    for block in rule.blocks:
        results.append((block.binary, block.u1, *operand(block.op1), block.u2, *operand(block.op2)))
    return results[-1]


def rule_of(tree: Tree) -> Rule:
    """Return a tree as blocks, one for each different binary subtree, arguments first; no space limits them."""
    numbers: dict[Block, str] = {}
    stack: list[str] = []  # from the right: a word finds its arguments on top, the first one uppermost
    for word in reversed(tree):
        if word not in ALL_BINARY:
            stack.append(word)
            continue
        u1, op1, u2, op2 = (stack.pop() for _ in range(4))
        stack.append(numbers.setdefault(Block(op1, op2, u1, u2, word), f"#{len(numbers) + 1}"))
    return Rule(tuple(numbers))


def fit(tree: Tree, space: Space) -> Rule | None:
    """Return a tree as a rule of a space: all its blocks, and spare ones that change nothing.

    Returns:
        A rule with the tree's function; None if the tree has more binary functions than the space has blocks, or if the
        constraints leave no way to place them.
    """
    return place(rule_of(tree), space)
