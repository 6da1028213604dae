"""Notation: token strings, infix formulas, LaTeX and drawings of rules (protocol §1).

``parse`` reads the first two. A token string is the rule, name for name, and is read back as an equal rule. A formula
is the rule's *function*: it lacks keep-left's dead branches and unused blocks, so ``parse(infix(rule))`` is a rule with
the same key, but not always with the same blocks. ``parser`` documents the formula's grammar and precedence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from harness.contracts import Block, Candidate, Rule
from harness.errors import RuleSyntaxError, message
from harness.space.expression import expression
from harness.space.node import CONSTANT, Node
from harness.space.notation import printer
from harness.space.notation.parser import MAX_WRITTEN, fail, parse_infix, suggestion
from harness.space.vocabulary import ALL_BINARY, ALL_OPERANDS, ALL_UNARY

MAX_TEXT = 10_000  # characters
MAX_NODES = 2_000  # in the tree, which doubles with each block that uses a result twice

_KINDS = (("operand", ALL_OPERANDS), ("operand", ALL_OPERANDS), ("unary", ALL_UNARY), ("unary", ALL_UNARY))
_SLOTS = (*_KINDS, ("binary", ALL_BINARY))
_NAMES = "|".join(map(re.escape, (*ALL_OPERANDS, *ALL_UNARY, *ALL_BINARY)))
_WORD = re.compile(rf"#?[A-Za-z_0-9]+|sign\([A-Za-z]*\)|1e-[0-9]w|{_NAMES}")
_SECOND_MINUS = re.compile(r"(?:(?P<binary>(?<= )- )|-)(?=-)")  # the first of two minus signs


def parse(text: str) -> Rule:
    """Parse a token string or an infix formula.

    Raises:
        RuleSyntaxError: ``text`` is neither; the message says where it went wrong.
    """
    if not isinstance(text, str):
        got = type(text).__name__
        raise RuleSyntaxError(message("rule", expected="a text", got=got, hint="Give a token string or a formula"))
    if len(text) > MAX_TEXT:
        raise RuleSyntaxError(
            message("rule", expected=f"at most {MAX_TEXT} characters", got=len(text), hint="Write a shorter rule")
        )
    words = [(match.group(), match.start() + 1) for match in re.finditer(r"\S+", text)]
    if not words:
        hint = "Write a formula such as g * exp(sign(g) * sign(m))"
        raise RuleSyntaxError(message("rule", expected="a token string or a formula", got="an empty text", hint=hint))
    # Two operands side by side are never a formula, so no text is ambiguous.
    if len(words) > 1 and all(_WORD.fullmatch(word) for word, _ in words):
        return _parse_tokens(words)
    return _encode(parse_infix(text))


def tokens(rule: Rule) -> str:
    """Return the token string: 5n names separated by blanks."""
    return " ".join(rule.tokens)


@lru_cache(maxsize=1024)
def infix(rule: Rule) -> str:
    """Return the formula with as few parentheses as possible."""
    return printer.formula(expression(rule))


def readable(rule: Candidate) -> str:
    """Return ``infix`` as pages and terminals show it: without double minus, ``a - (-b)`` for ``a - -b``.

    ``parse`` reads both alike. ``infix`` itself cannot change, because some orders of rules count its characters. For
    another optimizer it is the optimizer's name.
    """
    if not isinstance(rule, Rule):
        return rule.infix
    text = infix(rule)
    for minus in reversed(list(_SECOND_MINUS.finditer(text))):
        ending = "+-" if minus["binary"] else "+-*/"  # a sign binds tighter than a product
        start = end = minus.end()
        depth = 0
        while end < len(text) and (depth or (text[end] not in ",)" and not _operator(text, end, ending))):
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        text = f"{text[:start]}({text[start:end]}){text[end:]}"
    return text


def _operator(text: str, place: int, operators: str) -> bool:
    """Whether one of some operators, with its blanks, stands at a place."""
    return text[place] == " " and text[place + 1] in operators and text[place + 2] == " "


def latex(rule: Rule) -> str:
    """Return the formula in LaTeX, without dollar signs."""
    return printer.latex(expression(rule))


def equation(rule: Rule) -> str:
    """Return one step in LaTeX as a displayed equation, for a document that uses ``amsmath``."""
    lines = (r"\begin{equation*}", rf"  w \leftarrow w - \lambda \left({latex(rule)}\right)", r"\end{equation*}")
    return f"% {infix(rule)}; needs \\usepackage{{amsmath}}\n" + "\n".join(lines) + "\n"


def tree(rule: Rule) -> str:
    """Return the expression tree as lines of text, including dead branches."""
    return printer.drawing(expression(rule))


def check_shape(rule: Rule) -> None:
    """Raise unless a rule of any version of the language can be printed; unknown words are allowed.

    Raises:
        RuleSyntaxError: a known word stands where another kind belongs, a block refers to a result that does not exist
            yet, or the tree is too large.
    """
    kinds = {word: kind for kind, words in reversed(_SLOTS) for word in words} | {CONSTANT: "constant"}
    for number, word in enumerate(rule.tokens):
        kind = _SLOTS[number % 5][0]
        if kinds.get(word, kind) != kind:
            raise RuleSyntaxError(message("rule", expected=f"a word of kind {kind}", got=word, hint="Rewrite the rule"))
    expression(rule)
    sizes: list[int] = []
    for block in rule.blocks:
        sizes.append(_size(block, sizes))
        if sizes[-1] > MAX_NODES or len(sizes) > MAX_WRITTEN:
            expected = f"at most {MAX_WRITTEN} blocks and {MAX_NODES} operations"
            raise RuleSyntaxError(message("rule", expected=expected, got="more", hint="Write a shorter rule"))


def _size(block: Block, sizes: Sequence[int]) -> int:
    """Count the nodes of a block's tree, given those of the blocks before it."""
    return 3 + sum(sizes[int(op[1:]) - 1] if op.startswith("#") else 1 for op in (block.op1, block.op2))


def _parse_tokens(words: list[tuple[str, int]]) -> Rule:
    blocks: list[Block] = []
    sizes: list[int] = []  # nodes of each block's tree
    if len(words) > 5 * MAX_WRITTEN:
        hint = "Write a shorter rule"
        raise RuleSyntaxError(message("rule", expected=f"at most {MAX_WRITTEN} blocks", got="more", hint=hint))
    for number, (word, column) in enumerate(words):
        kind, known = _SLOTS[number % 5]
        results = tuple(f"#{earlier + 1}" for earlier in range(number // 5)) if kind == "operand" else ()
        if word not in known and word not in results:
            place = f"{kind} of block {number // 5 + 1}"
            hint = suggestion(word, (*known, *results), f"Choose from {', '.join((*known, *results))}")
            if kind == "operand" and word.startswith("#"):
                hint = f"Did you mean {results[-1]!r}" if results else "No block comes before it: name an operand"
            fail(column, expected=f"the {place}", got=repr(word), hint=hint)
    if len(words) % 5:
        hint = "Write op1 op2 u1 u2 binary for each block, or a formula with operators between its operands"
        expected = "five names per block"
        fail(words[-1][1] + len(words[-1][0]), expected=expected, got=f"{len(words)} names", hint=hint)
    for start in range(0, len(words), 5):
        block = Block(*(word for word, _ in words[start : start + 5]))
        blocks.append(block)
        sizes.append(_size(block, sizes))
        if sizes[-1] > MAX_NODES:
            hint = "Use earlier results less often"
            fail(words[start][1], expected=f"a rule of at most {MAX_NODES} operations", got="more", hint=hint)
    return Rule(tuple(blocks))


def _encode(node: Node) -> Rule:
    """Return a tree as blocks: one for every binary function, and a keep-left block wherever unaries nest."""
    blocks: list[Block] = []
    names: dict[Node, str] = {}  # value → the operand it can be picked as

    def operand(value: Node) -> str:
        if not value.args:
            return value.token
        if value not in names:
            if len(value.args) == 2:
                (op1, u1), (op2, u2) = pick(value.args[0]), pick(value.args[1])
                block = Block(op1, op2, u1, u2, value.token)
            else:
                op1, u1 = pick(value)
                block = Block(op1, _dead(op1, len(blocks)), u1, "id", "left")
            blocks.append(block)
            names[value] = f"#{len(blocks)}"
            if len(blocks) > MAX_WRITTEN:
                hint = "Write a shorter rule"
                raise RuleSyntaxError(message("rule", expected=f"at most {MAX_WRITTEN} blocks", got="more", hint=hint))
        return names[value]

    def pick(value: Node) -> tuple[str, str]:
        """Return a value as an operand and the unary function on it."""
        return (operand(value.args[0]), value.token) if len(value.args) == 1 else (operand(value), "id")

    if not node.args:
        return Rule((Block(node.token, _dead(node.token, 0), "id", "id", "left"),))
    operand(node)
    return Rule(tuple(blocks))


def _dead(op1: str, earlier: int) -> str:
    """Return an operand for keep-left to ignore: different from op1, and an earlier result if op1 is not one."""
    if earlier and not op1.startswith("#"):
        return f"#{earlier}"
    return "1" if op1 != "1" else "g"
