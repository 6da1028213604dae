"""Pseudocode that says what a rule does: run with its signs exchanged for Python's, it gives the rule's value."""

from __future__ import annotations

import math
import re

import pytest

from harness.contracts import Rule
from harness.space.notation.pseudocode import pseudocode


def test_a_rule_in_lines() -> None:
    assert pseudocode(Rule.parse("g * exp(sign(g) * sign(m))")).splitlines() == [
        "g ← gradient of the batch's loss",
        "m ← 0.9 m + 0.1 g",
        "m̂ ← m / (1 − 0.9ᵗ)",
        "a ← sign(g) · sign(m̂)",
        "b ← exp(a)",
        "c ← g · b",
        "w ← w − λ · c",
    ]


def test_a_value_used_twice_is_computed_once() -> None:
    lines = pseudocode(Rule.parse("adam * exp(adam)")).splitlines()
    assert sum("√v̂" in line for line in lines) == 1


def test_what_keep_left_discards_is_not_computed() -> None:
    lines = pseudocode(Rule.parse("g v id exp left")).splitlines()
    assert lines == ["g ← gradient of the batch's loss", "w ← w − λ · g"]


@pytest.mark.parametrize(
    ("formula", "line"),
    [
        ("g ^ 1e-1w", "a ← sign(g) · |g|^(0.1 w)"),
        ("g ^ g2", "a ← sign(g) · |g|^(g²)"),
        ("g ^ 2", "a ← sign(g) · |g|^2"),
        ("g ^ exp(m)", "b ← sign(g) · |g|^a"),
    ],
)
def test_an_exponent_ends_where_it_ends(formula: str, line: str) -> None:
    assert line in pseudocode(Rule.parse(formula)).splitlines()


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("g * exp(sign(g) * -1)", -0.3 * math.e),
        ("g - -(g2 + 1)", -0.3 + 0.09 + 1),
        ("sqrt(g) / g2", math.sqrt(0.3) / (0.09 + 1e-8)),
        ("log(g) * clip(g, 1e-3)", math.log(0.3 + 1e-8) * -0.001),
        ("(g + 1) * (g + 2) - exp(g + 1)", 0.7 * 1.7 - math.exp(0.7)),
    ],
)
def test_the_lines_compute_the_rule(formula: str, value: float) -> None:
    names: dict[str, float] = {"g": -0.3, "w": 0.0, "λ": -1.0}
    for line in pseudocode(Rule.parse(formula)).splitlines()[1:]:
        name, _, text = line.partition(" ← ")
        text = re.sub(r"limit (\S+) to ±(\S+)", r"max(-\2, min(\2, \1))", text)
        text = re.sub(r"√\|(\w+²?)\|", r"math.sqrt(abs(\1))", text)
        text = re.sub(r"\|(\w+²?)\|", r"abs(\1)", text)
        text = text.replace("g²", "(g*g)").replace("·", "*").replace("−", "-").replace("log(", "math.log(")
        text = re.sub(r"\bexp\(", "math.exp(", text).replace("sign(", "math.copysign(1.0, ")
        names[name] = eval(text, {"math": math}, names)
    assert names["w"] == pytest.approx(value)
