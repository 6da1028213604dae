"""What is said of canonical expressions, against their values; and the canonical form against the literal rule."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from harness.contracts import Rule
from harness.space.canonical.facts import interval, nonnegative, positive, steady, tame, ternary, zeros
from harness.space.counting.probe import Probe, Values
from harness.space.equivalence import canonical
from harness.space.grammar import SWITCHES, Space
from harness.space.node import Node, constant

NodeValue = Callable[[Node, Mapping[str, Values]], Values]
Agree = Callable[[Values, Values, Values], bool]
ValueAndSize = Callable[[Rule, Probe], tuple[Values, Values]]


def rules(edition: str, blocks: int, count: int) -> list[Rule]:
    space = Space.of(edition, blocks=blocks, **dict.fromkeys(SWITCHES, False))
    rng = np.random.default_rng(blocks)
    return [space.sample(rng) for _ in range(count)]


@pytest.mark.parametrize(
    ("edition", "blocks"), [("icml2017", 1), ("arxiv2", 2), ("arxiv2", 4), ("decays", 1), ("decays", 2)]
)
def test_a_canonical_form_has_the_value_of_its_rule(
    edition: str, blocks: int, value_of: NodeValue, value_and_size: ValueAndSize, agree: Agree
) -> None:
    probe = Probe(seed=1)
    for rule in rules(edition, blocks, 1_000):
        literal, size = value_and_size(rule, probe)
        with np.errstate(all="ignore"):
            value = value_of(canonical(rule), probe.operands)
        assert agree(literal, value, size), (rule.infix, rule.key)


@pytest.mark.parametrize("edition", ["icml2017", "arxiv2", "decays"])
def test_facts_hold_of_the_values(edition: str, value_of: NodeValue) -> None:
    probe = Probe(seed=2)
    said = dict.fromkeys(("bounded", "nonnegative", "positive", "ternary", "zeros"), 0)
    for rule in rules(edition, 2, 600):
        for node in set(canonical(rule).walk()):
            with np.errstate(all="ignore"):
                value = value_of(node, probe.operands)
                where_zero = [value_of(other, probe.operands) == 0 for other in zeros(node)]
            number = ~np.isnan(value)
            low, high = interval(node)
            slack = 1e-9 * np.abs(value[number])
            assert np.all(value[number] >= low - slack), node
            assert np.all(value[number] <= high + slack), node
            assert not nonnegative(node) or np.all(value[number] >= 0), node
            assert not positive(node) or np.all(value[number] > 0), node
            assert not steady(node) or number.all(), node
            assert not ternary(node) or set(value[number]) <= {-1.0, 0.0, 1.0}, node
            if tame(node):
                assert all(np.all(value[zero] == 0) for zero in where_zero), node
            said["bounded"] += bool(np.isfinite([low, high]).all())
            said["nonnegative"] += nonnegative(node)
            said["positive"] += positive(node)
            said["ternary"] += ternary(node)
            said["zeros"] += len(where_zero) > 2
    assert min(said.values()) > 50, said  # facts are found, so they were tested


@pytest.mark.parametrize("exponent", [-5.0, -80.0, -90.0, -110.0])
def test_positive_values_are_above_0_in_float32(exponent: float) -> None:
    value = np.exp(np.float32(exponent))
    assert positive(Node("exp", (constant(exponent),))) == (value >= np.finfo(np.float32).tiny)


def test_what_may_be_infinite_is_steady_unless_two_infinities_can_meet() -> None:
    texts = {"exp(g2) + 2": True, "exp(g) + exp(m)": True, "exp(g) - exp(m)": False, "log(exp(g)) - m": True}
    texts |= {"2 * exp(g)": True, "g * exp(g)": False, "exp(g) * exp(m)": False, "clip(exp(g), 1e-4)": True}
    texts |= {"exp(g) - exp(-v)": True, "exp(g) / exp(m)": False, "exp(m * exp(g))": False, "sign(m * exp(g))": True}
    assert {text: steady(canonical(Rule.parse(text))) for text in texts} == texts


def test_tame_expressions_of_ordinary_operands_are_finite(value_of: NodeValue) -> None:
    rng = np.random.default_rng(0)
    ordinary = {name: rng.standard_normal(100) for name in Space.of("arxiv2").operands}
    ordinary["v"] = ordinary["v"] ** 2
    found = 0
    for rule in rules("arxiv2", 2, 1_000):
        node = canonical(rule)
        if tame(node):
            found += 1
            with np.errstate(all="ignore"):
                assert np.isfinite(value_of(node, ordinary)).all(), rule.key
    assert found > 250
