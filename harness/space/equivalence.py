"""When two strings are the same function: the canonical form of a rule, and its key.

``simplify`` uses only rewrites that hold exactly in real arithmetic and do not change for which inputs the value is
finite. It commutes and regroups sums and products; moves constants, signs and constant factors outside; merges like
terms and equal factors; removes keep-left's dead branch, unused blocks, signs of signs, and clips of bounded values;
and writes ``adam`` and ``rmsprop`` as quotients. It does not distribute products over sums, merge exponentials that may
overflow separately, or move a sign out of a divisor, where ε makes the two sides differ. sign(x)² is not 1, since
gradients contain exact zeros.

Decisions on special cases (**D**):

- ε in ``x/(y+ε)`` and ``log(|x|+ε)`` is added only to values below 1 in size (``vocabulary.with_epsilon``). Float32
  cannot add it to larger values, so children train like this anyway; in float64 ``RuleOptimizer`` adds it everywhere.
  So g/1 is g, and m/sign(m) is m · sign(m): where m is 0, both are 0. But 1/sign(m) is 1/ε there, and stays.
- sign(NaN) is 0, as in torch on every path. Any other function of NaN is NaN, except a drop; 1 to the power NaN, which
  is 1; and NaN to the power 0, which is 0, its sign.

Random values are treated like others (``expression``): a drop's mask depends on its rate and its argument up to sign.

Forms of the result:

- an operand by name, except that ``1`` and ``2`` are ``const``; quotients by √v̂ are ``adam`` and ``rmsprop``;
- ``const``;
- ``exp log sqrt sign`` and the clips and drops of one node; ``pow`` of two;
- any other word by name if it is made of primitives that are not words; a word defined by others has their form;
- ``neg`` of anything but a constant, a sum, another ``neg`` or a product with a constant;
- ``mul`` of two or more: at most one constant, which is first, then factors sorted by text, powers as repeated factors;
- ``div`` of a numerator without a constant factor, or of a constant; several divisors nest, sorted by text;
- ``add`` of two or more terms sorted by text, their coefficients inside as ``neg`` or ``mul``, a constant last.

``sub``, ``left`` and ``id`` never occur in the result. The modules are ``factors`` and ``products`` for sums and
products, ``functions`` for the rest, and ``facts`` for when a rewrite is allowed.
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
    """Return the canonical form of an expression, which may be literal or canonical already."""
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
    """Return the canonical form of a rule's function, equal for equal functions; ``harness.RuleOptimizer`` executes it.

    Raises:
        RuleSyntaxError: a block refers to a result that does not exist yet.
    """
    return simplify(expression(rule))


@lru_cache(maxsize=CACHED)
def key(rule: Rule) -> str:
    """Return the canonical form as readable text, equal exactly when the canonical forms are equal.

    Raises:
        RuleSyntaxError: a block refers to a result that does not exist yet.
    """
    return text(canonical(rule))
