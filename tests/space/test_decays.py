"""Decays and annealed noise as words: every notation, the algebra, and the known rules (protocol §6)."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from harness.contracts import Rule
from harness.space.canonical.facts import interval, nonnegative, positive, tame
from harness.space.counting.count import count_functions, count_keys
from harness.space.counting.probe import Probe
from harness.space.equivalence import canonical
from harness.space.expression import LANGUAGE_VERSION, decays, expression
from harness.space.grammar import Space
from harness.space.node import Node
from harness.space.notation import rules as notation
from harness.space.notation.diagram import dot, svg
from harness.space.notation.mathml import mathml
from harness.space.notation.pseudocode import pseudocode
from harness.space.vocabulary import ARXIV2, edition_with
from harness.space.zoo import ZOO, named

WORDS = ("ld", "cd", "rd", "anneal")


@pytest.mark.parametrize("word", WORDS)
def test_it_is_read_and_written_in_every_notation(word: str) -> None:
    rule = Rule.parse(f"g * exp({word} * sign(m))")
    assert str(rule) == f"{word} sign(m) id id mul g #1 id exp mul"
    assert Rule.parse(str(rule)) == rule
    assert rule.infix == f"g * exp({word} * sign(m))"
    assert Rule.parse(rule.infix) == rule
    assert rf"\mathrm{{{word}}}" in notation.latex(rule)
    assert "".join(ElementTree.fromstring(mathml(rule)).itertext()) == f"Δ=g·e{word}·sign(m^)"
    assert word in notation.tree(rule).split()
    assert f'label="{word}"' in dot(rule)
    assert f">{word}<" in svg(rule)


def test_pseudocode_says_how_steps_are_counted() -> None:
    lines = pseudocode(Rule.parse("ld * g + rd * anneal - cd")).splitlines()
    assert lines[1] == "i ← min(T, steps taken before this one), T ← steps of the whole training, n ← 1 unless set"
    assert lines[2:-1] == [
        "a ← 1 − i/T",
        "b ← a · g",
        "c ← (1 + cos(π · (n·i mod T)/T)) / 2",
        "d ← normal with mean 0 and variance 1/(1 + i)^0.55",
        "e ← c · d",
        "f ← b + e",
        "h ← (1 + cos(π · i/T)) / 2",
        "k ← f − h",
    ]
    assert "unless set" not in pseudocode(named("powersign-ld"))
    assert "whole training" not in pseudocode(named("powersign"))


def test_what_is_known_of_decays() -> None:
    for word in ("ld", "cd", "rd"):
        node = Node(word)
        assert interval(node) == (0.0, 1.0)
        assert nonnegative(node)
        assert not positive(node), "they end at 0"
        assert tame(Node("exp", (node,)))
    assert interval(Node("anneal")) == interval(Node("noise"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("g * ld * m", "m * g * ld"),
        ("sqrt(ld) * sqrt(ld)", "ld"),
        ("exp(ld) * exp(cd)", "exp(cd + ld)"),
        ("anneal - anneal + g", "g"),
        ("sign(exp(rd)) * m", "m"),
        ("drop(anneal, 0.1) + -drop(anneal, 0.1) + g", "g"),
        ("log(ld - cd)", "log(cd - ld)"),
    ],
)
def test_algebra_treats_them_as_other_words(one: str, other: str) -> None:
    assert Rule.parse(one).key == Rule.parse(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cd", "rd"),
        ("ld", "cd"),
        ("noise", "anneal"),
        ("ld", "1"),
        ("sign(ld)", "1"),
        ("clip(ld, 1e-3)", "clip(1, 1e-3)"),
    ],
)
def test_algebra_keeps_apart_what_differs_at_some_step(one: str, other: str) -> None:
    """``rd`` equals ``cd`` before T only if n is 1."""
    assert Rule.parse(f"g * {one}").key != Rule.parse(f"g * {other}").key


def test_the_probe_counts_as_many_functions_as_there_are_keys() -> None:
    space = Space.of("decays", blocks=1, operands=[*WORDS, "g", "1"], distinct_operands=False, last_not_add=False)
    keys, functions = count_keys(space), count_functions(space)
    assert functions <= keys <= 1.02 * functions
    assert keys < 0.6 * space.size()


def test_the_probe_keeps_the_values_of_older_words() -> None:
    """So counts of older spaces are what they were."""
    for generic in (False, True):
        operands = Probe(seed=4, generic=generic).operands
        for word in ("ld", "cd", "rd"):
            assert np.all((operands[word] >= 0) & (operands[word] <= 1))
        assert len({operands[word].tobytes() for word in WORDS}) == 4
    operands = Probe(seed=4).operands
    assert operands["noise"][:2].tolist() == pytest.approx([0.0248275952, 1.37575183e-05], rel=1e-6)
    assert all({0.0, 1.0} <= set(operands[word]) for word in ("ld", "cd", "rd"))


def test_known_rules_have_the_forms_of_the_protocol() -> None:
    for name in ("ld", "cd", "rd"):
        assert named(f"PowerSign-{name}") == Rule.parse(f"g * exp({name} * sign(g) * sign(m))")
        assert named(f"addsign-{name}") == Rule.parse(f"(1 + {name} * sign(g) * sign(m)) * g")
        assert Space.of("decays", blocks=4, distinct_operands=False, connected=False).contains(named(f"addsign-{name}"))
    assert decays(expression(named("powersign-rd"))) == ("rd",)
    assert decays(canonical(Rule.parse("anneal * cd + ld - ld"))) == ("cd", "anneal")
    assert [name for name in ZOO if decays(expression(named(name)))] == list(ZOO)[-6:]


def test_rules_without_them_stay_in_the_editions_that_they_were_in() -> None:
    assert edition_with(named("powersign").tokens, least=ARXIV2) is ARXIV2
    assert edition_with(named("powersign-ld").tokens, least=ARXIV2).name == "decays"
    assert LANGUAGE_VERSION == 2, "no existing rule computes anything else"
