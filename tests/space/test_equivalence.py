import copy
import math
import os
import pickle
import subprocess
import sys

import pytest

from harness.contracts import Rule
from harness.errors import RuleSyntaxError
from harness.space.equivalence import canonical, key, simplify
from harness.space.expression import expression
from harness.space.node import CONSTANT, Node, constant

EQUAL = [
    # commuted and regrouped
    ("g * m", "m * g"),
    ("g + m", "m + g"),
    ("(g + m) + v", "g + (v + m)"),
    ("(g * m) * v", "v * (m * g)"),
    ("g - m", "-m + g"),
    # double negation, and signs pulled outside
    ("-(-g)", "g"),
    ("g - (-m)", "g + m"),
    ("(-g) * (-m)", "g * m"),
    ("(-g) * m", "-(g * m)"),
    ("(-g) / m", "-(g / m)"),
    ("-(g - m)", "m - g"),
    ("clip(-g, 1e-4)", "-clip(g, 1e-4)"),
    ("drop(-g, 0.3)", "-drop(g, 0.3)"),
    ("sign(-v)", "-sign(v)"),
    ("log(-g)", "log(g)"),
    ("sqrt(-g)", "sqrt(g)"),
    ("log(g - m)", "log(m - g)"),
    ("(-g) ^ m", "-(g ^ m)"),
    # signs
    ("sign(sign(g))", "sign(g)"),
    ("sign(g3)", "sign(g)"),
    ("sign(g * m)", "sign(g) * sign(m)"),
    ("sign(adam)", "sign(m)"),
    ("sign(rmsprop)", "sign(g)"),
    ("sign(clip(g, 1e-4))", "sign(g)"),
    ("sign(1e-4w)", "sign(1e-1w)"),
    ("sign(g2)", "sign(g) * sign(g)"),
    ("sign(g2) * g", "g"),
    ("sign(v) * m", "m"),
    ("sign(g) * sign(g) * sign(g)", "sign(g)"),
    ("sign(exp(sign(g)))", "1"),
    ("sign(1 + v)", "1"),
    # keep-left and constants
    ("left(exp(g), m)", "exp(g)"),
    ("1 + 1", "2"),
    ("exp(1) * g", "g * exp(1)"),
    ("sign(1) * g", "g"),
    ("clip(2, 1e-5)", "clip(1, 1e-5)"),
    ("clip(1, 1e-4) * clip(1, 1e-4)", "clip(1, 1e-5) * clip(1, 1e-3)"),
    ("exp(g - g) * m", "m"),
    # like terms and equal factors
    ("g - g", "m - m"),
    ("g + g", "2 * g"),
    ("g * g", "g2"),
    ("g * g2", "g3"),
    ("g2 * g2", "g3 * g"),
    ("1e-4w * 1e-2w", "1e-3w * 1e-3w"),
    ("1e-1w - 1e-1w", "1 - 1"),
    ("(g + m) * (m + g)", "(g + m) * (g + m)"),
    ("noise - noise", "1 - 1"),
    ("drop(g, 0.1) - drop(g, 0.1)", "1 - 1"),
    ("drop(g, 0.1) * drop(g, 0.1)", "drop(g, 0.1) * g"),
    # clips
    ("clip(clip(g, 1e-4), 1e-3)", "clip(g, 1e-4)"),
    ("clip(clip(g, 1e-3), 1e-4)", "clip(g, 1e-4)"),
    ("clip(sign(g), 1e-4)", "clip(1, 1e-4) * sign(g)"),
    ("clip(exp(sign(g)), 1e-3)", "clip(1, 1e-3)"),
    ("clip(1e-3w, 1e-4) * 1e-2w", "clip(1e-4w, 1e-5) * 1e-1w"),
    # the operands that are quotients
    ("adam * g", "rmsprop * m"),
    ("m / sqrt(v)", "adam"),
    ("g / sqrt(v)", "rmsprop"),
    ("(g / v) * m", "(m * g) / v"),
    ("g / v / m", "g / m / v"),
    # roots, powers and exponentials
    ("sqrt(g2)", "g * sign(g)"),
    ("sqrt(g) * sqrt(g)", "g * sign(g)"),
    ("sqrt(v) * sqrt(v)", "v"),
    ("g ^ 1", "g"),
    ("g ^ 2", "g2 * sign(g)"),
    ("v ^ 2", "v * v"),
    ("exp(1) ^ g", "exp(g)"),
    ("sign(g) ^ v", "sign(g)"),
    ("exp(sign(g)) * exp(sign(m))", "exp(sign(g) + sign(m))"),
    ("exp(g) * exp(g)", "exp(2 * g)"),
    ("g * log(sign(g))", "g * log(1)"),
    ("g / sign(g2)", "g / 1"),
    # ε is left out beside 1 or more
    ("g / 1", "g"),
    ("g / 2", "g - g / 2"),
    ("g / 1 - g", "1 - 1"),
    ("m + log(1)", "m"),
    ("m / log(sign(m))", "m / log(1)"),
    # the sign of what is not 0 is its own inverse
    ("m / sign(m)", "m * sign(m)"),
    ("adam / (-sign(m))", "-(adam * sign(m))"),
    ("sign(g) / sign(g)", "sign(g2)"),
    ("drop(g, 0.1) / sign(g)", "drop(g, 0.1) * sign(g)"),
    ("m * g / (sign(m) * sign(g))", "m * g * (sign(m) * sign(g))"),
    # what is certain where the rest is not 0
    ("m * log(sign(m))", "m * log(1)"),
    ("sign(g) * sign(log(sign(g)))", "1 - 1"),
    ("m * clip(log(2 * sign(m)), 1e-4)", "m * clip(2, 1e-4)"),
    # an infinite value has a sign, and can be clipped
    ("sign(exp(g2) + log(2))", "1"),
    ("clip(exp(adam) + 1, 1e-5)", "clip(1, 1e-5)"),
    ("clip(exp(g), 1e-4) - clip(exp(g), 1e-4)", "1 - 1"),
    ("g ^ log(1)", "sign(g)"),
]

DIFFERENT = [
    ("g * sign(exp(1) - exp(sign(m)))", "g"),  # 0 where m is positive, and e as written in twelve digits is above e
    ("sign(g2)", "1"),  # a gradient can be 0
    ("sign(v)", "1"),
    ("sign(g)", "sign(m)"),
    ("g / (-m)", "-(g / m)"),  # (−m+ε) is not −(m+ε)
    ("1 / sign(g)", "sign(g)"),  # 1/ε is not 0
    ("m / sign(g)", "m * sign(g)"),
    ("m / clip(sign(m), 1e-4)", "m / clip(1, 1e-4) * sign(m)"),  # (−1e-4+ε) is not −(1e-4+ε)
    ("g * log(sign(m))", "g * log(1)"),
    ("g / g", "1"),
    ("1e-4w", "1e-3w"),
    ("g", "m"),
    ("g2", "v"),
    ("clip(g, 1e-4)", "clip(g, 1e-3)"),
    ("clip(g, 1e-5)", "clip(1, 1e-5) * sign(g)"),
    ("drop(g, 0.1)", "drop(g, 0.3)"),
    ("drop(g, 0.1)", "g"),
    ("drop(g, 0.1) * m", "g * drop(m, 0.1)"),  # the masks are drawn apart
    ("drop(g, 0.1) + drop(m, 0.1)", "drop(g + m, 0.1)"),
    ("log(exp(g))", "g"),
    ("exp(g) - exp(g)", "1 - 1"),  # ∞ − ∞
    ("exp(g) * exp(m)", "exp(g + m)"),  # ∞ · 0
    ("exp(g) * exp(-g)", "1"),
    ("exp(g) * exp(g) * exp(-g)", "exp(g)"),
    ("exp(g) * (m - m)", "m - m"),
    ("g ^ 2", "g2"),  # the sign is kept
    ("sqrt(g2)", "g"),
    ("noise", "g"),
    ("g - m", "m - g"),
    ("sign(g + m)", "sign(g) + sign(m)"),
    ("sign(g) ^ m", "sign(g)"),  # 0 to a negative power
    ("exp(sign(g)) ^ exp(v)", "exp(sign(g) * exp(v))"),  # 1^∞ is 1, and 0 · ∞ is not 0
    ("sign(sign(g) ^ sign(m))", "sign(g) ^ sign(m)"),  # 0 to a negative power is NaN, and the sign of NaN is 0
    ("sign(g) ^ (exp(g) * (m - m))", "sign(g) ^ sign(exp(g) * (m - m))"),  # 0 to the NaN is NaN
    ("(m * exp(g)) ^ sign(m * m)", "m * exp(g)"),  # NaN to the 0 is not NaN
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_rules_equal_by_algebra_have_one_key(one: str, other: str) -> None:
    first, second = Rule.parse(one), Rule.parse(other)
    assert first.key == second.key
    assert canonical(first) == canonical(second)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_rules_that_differ_have_different_keys(one: str, other: str) -> None:
    assert Rule.parse(one).key != Rule.parse(other).key


def test_dead_branches_and_unused_blocks_leave_no_trace() -> None:
    written = Rule.parse("v gamma exp log mul g m id id left #2 1 id neg left")
    assert written.key == "g"


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ("g", "g"),
        ("exp(sign(m) * sign(g)) * g", "exp(sign(g) * sign(m)) * g"),
        ("2 - m * 1e-3w", "-(1e-3w * m) + 2"),
        ("(g * m) / (v * gamma)", "g * m / (gamma * v)"),
        ("g + g + m", "2 * g + m"),
        ("1 - 1", "0"),
    ],
)
def test_keys_are_readable(rule: str, shown: str) -> None:
    assert Rule.parse(rule).key == shown


@pytest.mark.parametrize("texts", [pair for pairs in (EQUAL, DIFFERENT) for pair in pairs])
def test_a_canonical_form_is_its_own_and_has_no_literal_forms(texts: tuple[str, str]) -> None:
    for text in texts:
        node = canonical(Rule.parse(text))
        assert simplify(node) == node
        for part in node.walk():
            assert part.token not in ("id", "left", "sub", "1", "2")
            assert (part.token == CONSTANT) == (not part.args and part.token == "const")
            if part.token in ("add", "mul"):
                assert len(part.args) >= 2


def test_the_folded_constants_are_right() -> None:
    assert canonical(Rule.parse("log(1)")).value == pytest.approx(0)
    assert canonical(Rule.parse("sqrt(2) * sqrt(2)")).value == pytest.approx(2)
    assert canonical(Rule.parse("1 / 2")).value == pytest.approx(1 / 2, rel=1e-12)
    assert canonical(Rule.parse("log(clip(1, 1e-5))")).value == pytest.approx(math.log(1e-5 + 1e-8), rel=1e-9)
    assert canonical(Rule.parse("2 ^ (1 + 1 + 1)")).value == pytest.approx(8)
    assert canonical(Rule.parse("exp(2)")).value == pytest.approx(math.e**2)


def test_constants_that_leave_the_numbers_are_one_object() -> None:
    infinite = Rule.parse("exp(exp(exp(exp(2))))")
    assert canonical(infinite) == canonical(infinite)
    undefined = simplify(Node("mul", (constant(math.nan), Node("g"))))
    assert undefined == simplify(Node("mul", (Node("g"), constant(math.nan))))


def test_sums_and_products_of_many_arguments_are_accepted() -> None:
    g, m, v = Node("g"), Node("m"), Node("v")
    assert simplify(Node("add", (v, g, m))) == canonical(Rule.parse("g + m + v"))
    assert simplify(Node("mul", (constant(2.0), g, m))) == canonical(Rule.parse("g * m + m * g"))


def test_keys_are_equal_exactly_when_canonical_forms_are() -> None:
    rules = [Rule.parse(text) for pairs in (EQUAL, DIFFERENT) for pair in pairs for text in pair]
    for one in rules:
        for other in rules:
            assert (key(one) == key(other)) == (canonical(one) == canonical(other))


def test_a_reference_to_nothing_is_a_syntax_error() -> None:
    rule = Rule.parse("g m id id mul g #1 id id mul")
    broken = Rule(rule.blocks[1:])
    for use in (canonical, key, expression):
        with pytest.raises(RuleSyntaxError, match="operand of block 1"):
            use(broken)


def test_a_node_of_another_process_is_found_again() -> None:
    """Words have other hashes there, and a node keeps its own."""
    text = "adam * exp(g) + clip(m, 1e-3)"
    node = canonical(Rule.parse(text))
    lines = [
        "import pickle, sys",
        "from harness.contracts import Rule",
        "from harness.space.equivalence import canonical",
        "sys.stdout.buffer.write(pickle.dumps(canonical(Rule.parse(sys.argv[1]))))",
    ]
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", "\n".join(lines), text]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    for twin in (pickle.loads(done.stdout), copy.deepcopy(node)):
        assert {node: 1}[twin] == 1
