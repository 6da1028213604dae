"""Rules as typed trees: what genetic programming breeds, and the way back into a space.

A tree is its words in prefix order, and its types alternate strictly: a binary function has two values for arguments, a
value is a unary function of an operand (``id`` is written out), an operand is a word or another binary function::

    tree_of(Rule.parse("g * exp(sign(g) * sign(m))"))
    # mul id g exp mul id sign(g) id sign(m)

Every rule has one tree: earlier results are written out, and blocks that nothing uses vanish. Every tree has one rule:
equal subtrees are one block. Both ways the function stays the same, and ``tree_of(rule_of(tree)) == tree``.
"""

from __future__ import annotations

from harness.contracts import Block, Rule
from harness.space.embedding import place
from harness.space.grammar import Space
from harness.space.vocabulary import ALL_BINARY

Tree = tuple[str, ...]


def tree_of(rule: Rule) -> Tree:
    """Write a rule as its tree; of at most 2**(n + 2) − 3 words for n blocks."""
    results: list[Tree] = []

    def operand(token: str) -> Tree:
        return results[int(token[1:]) - 1] if token.startswith("#") else (token,)

    for block in rule.blocks:
        results.append((block.binary, block.u1, *operand(block.op1), block.u2, *operand(block.op2)))
    return results[-1]


def rule_of(tree: Tree) -> Rule:
    """Write a tree as blocks, one for each different binary subtree, arguments first; of no particular space."""
    numbers: dict[Block, str] = {}
    stack: list[str] = []  # read from the right, a word finds its arguments on top, the first one uppermost
    for word in reversed(tree):
        if word not in ALL_BINARY:
            stack.append(word)
            continue
        u1, op1, u2, op2 = (stack.pop() for _ in range(4))
        stack.append(numbers.setdefault(Block(op1, op2, u1, u2, word), f"#{len(numbers) + 1}"))
    return Rule(tuple(numbers))


def fit(tree: Tree, space: Space) -> Rule | None:
    """Write a tree as a rule of a space: all of its blocks, and spare ones that change nothing.

    Returns:
        A rule with the tree's function; None if the tree has more binary functions than the space has blocks, or the
        constraints leave no way to lay them out.
    """
    return place(rule_of(tree), space)
