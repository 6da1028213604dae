"""The bounds of rounding, against the same arithmetic with more digits."""

from typing import Any

import numpy as np
import pytest

from harness.contracts import Rule
from harness.space.counting import probe
from harness.space.counting.probe import Probe, Values, evaluate
from harness.space.counting.rounding import Measured, apply_binary, apply_unary, distinct, measured_operands, unlike
from harness.space.grammar import Space

PROBE = Probe(seed=5)
MORE_DIGITS = np.finfo(np.longdouble).eps < np.finfo(np.float64).eps


def measured(rule: Rule) -> Measured:
    return _both(rule)[0]


def with_more_digits(rule: Rule) -> Any:
    """Δ in long doubles, but for functions of what is exact, which are taken for exact."""
    return _both(rule)[1]


def ranged(values: Any) -> Any:
    """Long doubles that overflow and underflow where doubles do."""
    limits = np.finfo(np.float64)
    ordinary = (np.abs(values) < limits.max) & (np.abs(values) > limits.tiny)
    return np.where(ordinary, values, values.astype(np.float64))


def _both(rule: Rule) -> tuple[Measured, Any]:
    ours, true = measured_operands(PROBE.operands), dict(PROBE.operands)
    with np.errstate(all="ignore"):
        for number, block in enumerate(rule.blocks, start=1):
            args, exact = [], []
            for unary, operand in ((block.u1, block.op1), (block.u2, block.op2)):
                args.append(apply_unary(unary, ours[operand]))
                longer = ranged(probe.apply_unary(unary, true[operand].astype(np.longdouble)))
                exact.append(np.where(ours[operand].errors == 0, args[-1].values, longer))
            ours[f"#{number}"] = apply_binary(block.binary, *args)
            true[f"#{number}"] = ranged(probe.apply_binary(block.binary, *exact))
    last = f"#{len(rule.blocks)}"
    return ours[last], true[last]


def values(text: str) -> Values:
    return evaluate(Rule.parse(text), PROBE.operands)


@pytest.mark.skipif(not MORE_DIGITS, reason="long doubles have no more digits here")
def test_the_error_stays_within_its_bound() -> None:
    functions = [word for word in Space.of("arxiv2").unary if not word.startswith("drop")]
    space = Space.of("arxiv2", blocks=3, unary=functions)
    rng, seen = np.random.default_rng(0), 0
    for _ in range(1_000):
        rule = space.sample(rng)
        ours, true = measured(rule), with_more_digits(rule)
        assert np.array_equal(ours.values, evaluate(rule, PROBE.operands), equal_nan=True)
        known = np.isfinite(ours.values) & np.isfinite(true) & np.isfinite(ours.errors) & (np.abs(true) < 1e300)
        gap = np.abs(ours.values[known] - true[known]) - ours.errors[known]
        assert np.all(gap <= 1e-300), (rule.infix, gap.max())
        seen += int(known.sum())
    assert seen > 100_000


def test_where_digits_cancel_the_value_is_in_doubt() -> None:
    assert not measured(Rule.parse("g2 - m")).doubtful.any()
    assert not measured(Rule.parse("log(g) - log(m)")).doubtful.any(), "of exact values, 0 is 0"
    assert not measured(Rule.parse("exp(g) - 1")).doubtful.any()
    doubtful = measured(Rule.parse("g2 - (g2 - m)"))
    assert 0 < doubtful.doubtful.sum() < 200
    assert np.all(doubtful.doubtful | np.isclose(doubtful.values, PROBE.operands["m"], rtol=1e-9, atol=0.0))


def test_what_is_in_doubt_is_compared_where_it_is_not() -> None:
    doubtful = measured(Rule.parse("g2 - (g2 - m)"))
    assert unlike([doubtful], np.array([values("m")])) == []
    assert unlike([doubtful], np.array([values("m * 1"), values("m + 1"), values("-m")])) == []
    assert unlike([doubtful], np.array([values("m + 1"), values("-m")])) == [doubtful]
    other = measured(Rule.parse("gamma - (gamma - m)"))
    assert distinct([doubtful, other]) == 1
    assert distinct([doubtful, measured(Rule.parse("g2 - (g2 - 1e-1w)"))]) == 2


def test_a_large_error_towards_zero_is_bounded_too() -> None:
    three, one = Measured(np.array([3.0]), np.array([2.9])), Measured(np.array([1.0]), np.array([0.9]))
    assert apply_unary("log", three).errors[0] >= np.log(3.0) - np.log(0.1) - 1e-6
    assert apply_unary("sign", apply_unary("log", three)).errors[0] == 2.0
    minus_two = Measured(np.array([-2.0]), np.array([0.0]))
    assert apply_binary("pow", one, minus_two).errors[0] >= 0.1**-2 - 1 - 1e-6
