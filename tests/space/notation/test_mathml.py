"""Formulas for browsers: well formed, and with the brackets that the infix has."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.contracts import Block, Rule
from harness.space.grammar import Space
from harness.space.notation.mathml import mathml

SPACE = Space.of("arxiv2", blocks=3)


def text(rule: Rule) -> str:
    return "".join(ElementTree.fromstring(mathml(rule)).itertext())


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("g * exp(sign(g) * sign(m))", "Δ=g·esign(g)·sign(m^)"),
        ("(g + m) * v", "Δ=(g+m^)·v^"),
        ("g - (m - v)", "Δ=g−(m^−v^)"),
        ("g - -m", "Δ=g−(−m^)"),
        ("clip(adam, 1e-4)", "Δ=clip(ADAM,10−4)"),
        ("g / m", "Δ=gm^+ε"),
        ("log(g2)", "Δ=log(|g2|+ε)"),
        ("1e-3w + noise", "Δ=10−3w+noise"),
        ("g ^ 2", "Δ=sign(g)·|g|2"),
    ],
)
def test_formulas_as_they_are_read(formula: str, shown: str) -> None:
    assert text(Rule.parse(formula)) == shown


@given(st.integers(0, 2**32 - 1))
def test_every_rule_is_well_formed(seed: int) -> None:
    import numpy as np

    rule = SPACE.sample(np.random.default_rng(seed))
    root = ElementTree.fromstring(mathml(rule))
    assert root.tag == "math"
    assert root.get("aria-label") == f"Delta = {rule.infix}"


def test_a_word_that_is_markup_is_escaped() -> None:
    strange = Rule((Block('<b onclick="x">', "g", "id", "id", "add"),))
    assert ElementTree.fromstring(mathml(strange)).find(".//b") is None
    assert '<b onclick="x">' in text(strange)
