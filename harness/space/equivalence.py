"""When two strings are one function: the canonical form of a rule, and its key.

``simplify`` rewrites by what holds exactly in real arithmetic and does not change for which inputs the value is finite:
commuted and regrouped sums and products, constants, signs and constant factors pulled outside, like terms and equal
factors merged, keep-left's dead branch, unused blocks, signs of signs, clips of what is bounded, and ``adam`` and
``rmsprop`` as the quotients they are. It does not distribute products over sums, merge exponentials that may overflow
apart from each other, or pull a sign out of a divisor, where ε makes the two sides different. sign(x)² is not 1, since
gradients hold exact zeros.

What decides at the edges (**D**):

- ε in ``x/(y+ε)`` and ``log(|x|+ε)`` is added to what is below 1 in size only (``vocabulary.with_epsilon``). Float32
  cannot add it elsewhere, so children train by this rule already; in float64 ``RuleOptimizer`` adds it everywhere. So
  g/1 is g, and m/sign(m) is m · sign(m): where m is 0, both are. But 1/sign(m) is 1/ε there, and stays.
- sign(NaN) is 0, as torch has it on every path; any other function of NaN is NaN, save for a drop, 1 to the NaN, which
  is 1, and NaN to the 0, which is 0, its sign.

Random values are values like others (``expression``): a drop's mask belongs to its rate and its argument up to sign.

Forms that come out:

- an operand by name, but ``1`` and ``2`` as ``const``, and √v̂'s quotients as ``adam`` and ``rmsprop``;
- ``const``;
- ``exp log sqrt sign`` and the clips and drops of one node; ``pow`` of two;
- any other word by name if it is made of primitives that are no words; of what other words compute, their form;
- ``neg`` of anything but a constant, a sum, another ``neg`` or a product with a constant;
- ``mul`` of two or more: at most one constant, which is first, then factors sorted by text, powers as repeated factors;
- ``div`` of a numerator without a constant factor, or of a constant; several divisors nest, sorted by text;
- ``add`` of two or more terms sorted by text, their coefficients inside as ``neg`` or ``mul``, a constant last.

``sub``, ``left`` and ``id`` never come out. The forms by module: ``factors`` and ``products`` for sums and products,
``functions`` for the rest, ``facts`` for when a rewrite is allowed.
"""

from __future__ import annotations

from functools import lru_cache

from harness.contracts import Rule
from harness.space.canonical.factors import number, text
from harness.space.canonical.facts import CACHED
from harness.space.canonical.functions import apply_binary, apply_unary, composed
from harness.space.canonical.products import times, total
from harness.space.expression import expression
from harness.space.node import CONSTANT, Node
from harness.space.vocabulary import made_of_words


@lru_cache(maxsize=CACHED)
def simplify(node: Node) -> Node:
    """The canonical form of an expression, literal or canonical already."""
    token, args = node.token, node.args
    if token == CONSTANT:
        return number(node.value)
    if not args:
        return composed(token) if made_of_words(token) else node
    simple = [simplify(arg) for arg in args]
    if len(simple) == 1:
        return apply_unary(token, simple[0])
    if len(simple) == 2:
        return apply_binary(token, simple[0], simple[1])
    return times(*simple) if token == "mul" else total([(1.0, arg) for arg in simple])


def canonical(rule: Rule) -> Node:
    """The canonical form of a rule's function, equal for equal functions; what ``harness.RuleOptimizer`` executes.

    Raises:
        RuleSyntaxError: a block refers to a result that does not exist yet.
    """
    return simplify(expression(rule))


@lru_cache(maxsize=CACHED)
def key(rule: Rule) -> str:
    """The canonical form as readable text, equal exactly when the canonical forms are.

    Raises:
        RuleSyntaxError: a block refers to a result that does not exist yet.
    """
    return text(canonical(rule))
