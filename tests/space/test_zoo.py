from __future__ import annotations

import subprocess
import sys

import pytest

from harness.contracts import Rule
from harness.errors import RuleSyntaxError
from harness.space.zoo import ZOO, named, resolve

# [NOS] Table 1 in its order, from the protocol: rule and Wide ResNet accuracy.
TABLE_1 = [
    ("g", 91.8),
    ("m", 92.1),
    ("adam", 90.1),
    ("rmsprop", 90.3),
    ("(exp(sign(g) * sign(m)) + clip(g, 1e-4)) * g", 92.4),
    ("clip(m, 1e-4) * exp(v)", 92.5),
    ("m * exp(v)", 92.4),
    ("g * exp(sign(g) * sign(m))", 92.8),
    ("drop(g, 0.3) * exp(sign(g) * sign(m))", 92.2),
    ("m * exp(g2)", 92.5),
    ("drop(m, 0.1) / exp(g2)", 92.4),
    ("drop(g, 0.1) * exp(sign(g) * sign(m))", 92.4),
    ("clip(rmsprop, 1e-5) + drop(m, 0.3)", 90.8),
    ("adam * exp(sign(g) * sign(m))", 92.0),
    ("adam * exp(-m)", 92.8),
    ("g + drop(m, 0.3)", 92.9),
    ("drop(m, 0.1) * exp(g3)", 92.7),
    ("g * clip(g2, 1e-4)", 92.8),
    ("exp(g) - exp(-m)", 92.5),
    ("drop(m, 0.3) * exp(1e-3w)", 93.0),
]


def test_the_zoo_has_table_1_with_its_accuracies() -> None:
    ours = {named(name).key: entry.wide_resnet_accuracy for name, entry in ZOO.items()}
    for text, accuracy in TABLE_1:
        assert ours[Rule.parse(text).key] == accuracy
    assert sum(entry.wide_resnet_accuracy is not None for entry in ZOO.values()) == len(TABLE_1)


def test_every_name_is_one_function_of_its_own() -> None:
    assert len({named(name).key for name in ZOO}) == len(ZOO)
    assert all(entry.source for entry in ZOO.values())


@pytest.mark.parametrize("name", ZOO)
def test_every_rule_round_trips(name: str) -> None:
    rule = named(name)
    assert Rule.parse(str(rule)) == rule
    assert Rule.parse(rule.infix).key == rule.key


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("sgd", "g"),
        (" SGD ", "g"),
        ("Momentum", "m"),
        ("ADAM", "adam"),
        ("RMSProp", "rmsprop"),
        ("powersign", "g * exp(sign(g) * sign(m))"),
        ("addsign", "(1 + sign(g) * sign(m)) * g"),
        ("sign-sgd", "sign(g)"),
        ("sign-momentum", "sign(m)"),
        ("m", "m"),
        ("v-gamma", "v - gamma"),
        ("g 1 id id left", "g"),
        ("adam * exp(-m)", "adam * exp(-m)"),
    ],
)
def test_resolve(text: str, formula: str) -> None:
    assert resolve(text).key == Rule.parse(formula).key


@pytest.mark.parametrize(("text", "near"), [("powrsign", "powersign"), ("Adm", "adam"), ("momentun", "momentum")])
def test_a_misspelt_name_is_answered_with_the_nearest(text: str, near: str) -> None:
    with pytest.raises(RuleSyntaxError, match=f"Did you mean '{near}'"):
        resolve(text)


@pytest.mark.parametrize("text", ["zzzzqqqq", "g *", "", "powersign(g)", "g g g"])
def test_what_is_no_rule_is_a_syntax_error_of_one_line(text: str) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        resolve(text)
    assert "\n" not in str(caught.value)


def test_named_takes_names_only() -> None:
    with pytest.raises(RuleSyntaxError, match="the name of a known rule"):
        named("g + m")


def test_the_zoo_does_not_import_torch() -> None:
    probe = "import sys, harness.space.zoo; harness.space.zoo.named('adam').key; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], timeout=600).returncode == 0
