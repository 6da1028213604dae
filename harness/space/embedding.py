"""Rewriting a rule as a rule of a space: known optimizers that start a search, or bred trees turned into blocks.

::

    embed(Rule.parse("g"), Space.of(blocks=2))  # g 1 id id left #1 g id id left
    known_rules("sgd,adam,clip(m, 1e-4) * exp(v)", space)

A space requires a fixed number of blocks, and its constraints require a shape. A rule that is too short or has another
shape is extended with blocks that pass a value on unchanged. A rule that is too long is tried in its canonical form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from harness.contracts import Block, Rule
from harness.errors import HarnessError, RuleSyntaxError, SettingError, SpaceError, message
from harness.space.equivalence import canonical
from harness.space.expression import expression
from harness.space.grammar import Space
from harness.space.notation.printer import formula
from harness.space.zoo import resolve

Names = Mapping[str, tuple[str, ...]]  # a value, as the rule writes it → its names in the space
Layout = tuple[Block, ...]

ADDITIVE = {"add": "sub", "sub": "add"}
OPPOSITE = {"id": "neg", "neg": "id"}
UNITS = (("1", "id"), ("1", "sign"), ("2", "sign"))  # operand and unary that make 1
CARRIERS = ("mul", "pow")  # functions that leave x unchanged if the other side is 1


def embed(rule: Rule, space: Space) -> Rule:
    """Return a rule of ``space`` with the key of ``rule``: the rule itself if it is in the space, else always the same.

    Raises:
        SpaceError: none is found. There may still be one, if it needs more algebra than sums by differences, copies,
            and the canonical form.
    """
    if space.contains(rule):
        return rule
    for form in _forms(rule):
        found = place(form, space)
        if found is not None and found.key == rule.key:
            return found
    hint = "Choose a space with more blocks, more words or fewer constraints"
    raise SpaceError(message("rule", expected=f"a function of the space {space.describe()}", got=rule.infix, hint=hint))


def known_rules(text: str, space: Space, *, what: str = "setting warm_start") -> list[Rule]:
    """Read and return the known rules that start a search.

    Args:
        text: names of known rules, formulas or token strings, separated by commas; empty for none.
        space: the space that has to contain each of them.
        what: how the error message calls the text.

    Returns:
        Rules of the space in the order given, each function once.

    Raises:
        SettingError: one is unknown, or the space has no such function.
    """
    found: dict[str, Rule] = {}
    for part in _parts(text):
        try:
            rule = embed(resolve(part), space)
        except HarnessError as cause:
            raise SettingError(f"{what}, {part!r}: {cause}") from cause
        found.setdefault(rule.key, rule)
    return list(found.values())


def place(rule: Rule, space: Space) -> Rule | None:
    """Place all blocks of a rule in a space in their order, with the space's spare blocks between and after them.

    A spare block passes a value on, so that it can be picked under a second name, or is not used at all.

    Returns:
        A rule with the same key, or None if the blocks cannot be placed in this way.
    """
    if len(rule.blocks) > space.blocks:
        return None
    leaves = {token for block in rule.blocks for token in (block.op1, block.op2) if not token.startswith("#")}
    names = {token: (token,) if token in space.operands else () for token in sorted(leaves)}
    blocks = next(_layouts(rule, space, (), 0, names), None)
    return None if blocks is None else Rule(blocks)


def _forms(rule: Rule) -> Iterator[Rule]:
    """Yield the rule, the rule without dead branches, and its canonical form, as far as they can be written."""
    yield rule
    for node in (expression(rule), canonical(rule)):
        try:
            yield Rule.parse(formula(node))
        except RuleSyntaxError:  # a constant that is not an operand, or more blocks than any space has
            continue


def _parts(text: str) -> list[str]:
    """Return the texts between commas that are not inside parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _layouts(rule: Rule, space: Space, done: Layout, taken: int, names: Names) -> Iterator[Layout]:
    """Yield every completion, depth first, of ``done`` blocks of the space that hold the rule's first ``taken``."""
    position, wanted = len(done), len(rule.blocks) - taken
    if position == space.blocks:
        yield done
        return
    spare, last, here = space.blocks - position - wanted, position == space.blocks - 1, f"#{position + 1}"
    if wanted == 1 or (wanted and not last):
        for block in _written(rule.blocks[taken], space, position, names):
            more = {**names, f"#{taken + 1}": (here,)}
            yield from _layouts(rule, space, (*done, block), taken + 1, more)
    if not spare:
        return
    for value in _useful(rule, taken):
        more = {**names, value: (*names[value], here)}
        for block in _again(rule, value, space, position, names):
            yield from _layouts(rule, space, (*done, block), taken, more)
    if not last and wanted:  # nothing picks it
        op1, op2 = _pairs(space, position)[0]
        block = Block(op1, op2, _dead_unary(space), _dead_unary(space), space.binaries(position)[0])
        yield from _layouts(rule, space, (*done, block), taken, names)


def _useful(rule: Rule, taken: int) -> list[str]:
    """Return values that may be needed twice: the whole rule's value once it is complete, else those still unused."""
    if taken == len(rule.blocks):
        return [f"#{taken}"]
    tokens = [token for block in rule.blocks[taken:] for token in (block.op1, block.op2)]
    return [token for token in dict.fromkeys(tokens) if not token.startswith("#") or int(token[1:]) <= taken]


def _again(rule: Rule, value: str, space: Space, position: int, names: Names) -> Iterator[Block]:
    """Yield the ways to have a value again: passed on, or computed a second time."""
    for token in names[value][:1]:
        yield from _carried(token, "id", space, position)
    if value.startswith("#"):
        yield from _written(rule.blocks[int(value[1:]) - 1], space, position, names)


def _written(block: Block, space: Space, position: int, names: Names) -> Iterator[Block]:
    """Yield the ways to write a block of the rule at a position of the space."""
    for op1 in reversed(names[block.op1]):
        for op2 in reversed(names[block.op2]):
            yield from _legal(Block(op1, op2, block.u1, block.u2, block.binary), space, position)
            if block.binary in ADDITIVE:
                yield from _legal_sums(Block(op1, op2, block.u1, block.u2, block.binary), space, position)
        if block.binary == "left":
            yield from _carried(op1, block.u1, space, position)


def _legal_sums(block: Block, space: Space, position: int) -> Iterator[Block]:
    """Yield x + y as x − (−y) or y − (−x), and x − y as x + (−y)."""
    other = ADDITIVE[block.binary]
    if block.u2 in OPPOSITE:
        yield from _legal(Block(block.op1, block.op2, block.u1, OPPOSITE[block.u2], other), space, position)
    if block.u1 in OPPOSITE and block.binary == "add":
        yield from _legal(Block(block.op2, block.op1, block.u2, OPPOSITE[block.u1], other), space, position)


def _carried(op: str, unary: str, space: Space, position: int) -> Iterator[Block]:
    """Yield blocks whose value is a unary function of an operand."""
    partner = next((op2 for op1, op2 in _pairs(space, position) if op1 == op), None)
    if partner is not None:
        yield from _legal(Block(op, partner, unary, _dead_unary(space), "left"), space, position)
    for binary in CARRIERS:
        for unit, made in UNITS:
            yield from _legal(Block(op, unit, unary, made, binary), space, position)


def _legal(block: Block, space: Space, position: int) -> Iterator[Block]:
    words = block.u1 in space.unary and block.u2 in space.unary and block.binary in space.binaries(position)
    if words and (block.op1, block.op2) in _legal_pairs(space, position):
        yield block


def _dead_unary(space: Space) -> str:
    return "id" if "id" in space.unary else space.unary[0]


@lru_cache(maxsize=64)
def _pairs(space: Space, position: int) -> tuple[tuple[str, str], ...]:
    return tuple(space.pairs(position))


@lru_cache(maxsize=64)
def _legal_pairs(space: Space, position: int) -> frozenset[tuple[str, str]]:
    return frozenset(space.pairs(position))
