"""What several tests of the language share: values of rules under the probe, with what rounding can do to them."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import pytest

from harness.contracts import Block, Rule
from harness.space.counting.probe import Probe, Values, apply_binary, apply_unary, evaluate
from harness.space.grammar import Space
from harness.space.node import CONSTANT, Node

EveryRule = Callable[[Space], Iterator[Rule]]
NodeValue = Callable[[Node, Mapping[str, Values]], Values]
Agree = Callable[[Values, Values, Values], bool]
ValueAndSize = Callable[[Rule, Probe], tuple[Values, Values]]
Disagreements = Callable[[Iterable[Rule]], list[tuple[str, str]]]


@pytest.fixture(scope="session")
def every_rule() -> EveryRule:
    def rules(space: Space, blocks: tuple[Block, ...] = ()) -> Iterator[Rule]:
        if len(blocks) == space.blocks:
            yield Rule(blocks)
            return
        for op1, op2 in space.pairs(len(blocks)):
            for binary in space.binaries(len(blocks)):
                for u1 in space.unary:
                    for u2 in space.unary:
                        yield from rules(space, (*blocks, Block(op1, op2, u1, u2, binary)))

    return rules


@pytest.fixture(scope="session")
def disagreements() -> Disagreements:
    """Pairs of rules with one key that the probe tells apart by more than 1e-6."""
    probe = Probe(seed=4)

    def found(rules: Iterable[Rule]) -> list[tuple[str, str]]:
        first: dict[str, tuple[Rule, Values, Values]] = {}
        apart = []
        for rule in rules:
            value, size = _value_and_size(rule, probe)
            rule_before, value_before, size_before = first.setdefault(rule.key, (rule, value, size))
            if not _agree(value, value_before, np.maximum(size, size_before)):
                apart.append((rule_before.infix, rule.infix))
        return apart

    return found


@pytest.fixture(scope="session")
def value_of() -> NodeValue:
    """The value of any expression, by the probe's arithmetic on its tree: shape ``(entries,)``."""

    def value(node: Node, operands: Mapping[str, Values]) -> Values:
        args = [value(arg, operands) for arg in node.args]
        if node.token == CONSTANT:
            return np.full_like(operands["g"], node.value)
        if not args:
            return operands[node.token]
        if len(args) == 1:
            return apply_unary(node.token, args[0])
        return functools.reduce(functools.partial(apply_binary, node.token), args)

    return value


@pytest.fixture(scope="session")
def agree() -> Agree:
    """Whether two values are equal but for rounding, given the size of what they were computed from."""
    return _agree


@pytest.fixture(scope="session")
def value_and_size() -> ValueAndSize:
    """Δ of a rule read literally, and the largest intermediate result of each entry."""
    return _value_and_size


def _value_and_size(rule: Rule, probe: Probe) -> tuple[Values, Values]:
    """Δ, and the largest intermediate result of each entry, which says how much may have cancelled."""
    sizes = [np.ones_like(probe.operands["g"])]
    for count in range(1, len(rule.blocks) + 1):
        sizes.append(np.abs(evaluate(Rule(rule.blocks[:count]), probe.operands)))
    operands = {token for block in rule.blocks for token in (block.op1, block.op2) if not token.startswith("#")}
    sizes += [np.abs(probe.operands[token]) for token in operands]
    return evaluate(rule, probe.operands), np.nanmax(np.where(np.isfinite(sizes), sizes, 0.0), axis=0)


def _agree(one: Values, other: Values, size: Values) -> bool:
    finite = np.isfinite(one) & np.isfinite(other)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(all="ignore"):
        close = np.abs(one - other) <= 1e-6 * np.abs(one) + 1e-13 * size
    return bool(np.all(np.where(finite, close, same)))
