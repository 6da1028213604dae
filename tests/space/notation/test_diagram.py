"""Pictures of rules: well-formed, complete, and without overlaps; and the formula as an equation."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.contracts import Rule
from harness.space.expression import expression
from harness.space.grammar import Space
from harness.space.notation import rules as notation
from harness.space.notation.diagram import dot, svg
from harness.space.notation.printer import label
from harness.space.zoo import ZOO, named

NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}
RULES = [named(name) for name in ZOO] + [
    Space.of("arxiv2", blocks=blocks).sample(np.random.default_rng(seed)) for blocks in (1, 2, 3, 4) for seed in (0, 1)
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_drawing_shows_every_node_apart_from_the_others(rule: Rule) -> None:
    root = ElementTree.fromstring(svg(rule))
    words = [text.text for text in root.iterfind(".//svg:text", NAMESPACE)]
    assert sorted(words) == sorted(label(node) for node in expression(rule).walk())
    assert rule.infix in root.findtext("svg:title", namespaces=NAMESPACE)
    assert root.findtext("svg:desc", namespaces=NAMESPACE)
    rows: dict[float, list[tuple[float, float]]] = {}
    width, height = float(root.get("width")), float(root.get("height"))
    for box in root.iterfind(".//svg:rect", NAMESPACE):
        x, y, wide = (float(box.get(name)) for name in ("x", "y", "width"))
        assert x >= 0
        assert x + wide <= width
        assert y + float(box.get("height")) <= height
        rows.setdefault(y, []).append((x, x + wide))
    for row in rows.values():
        assert all(left[1] < right[0] for left, right in pairwise(sorted(row)))


def test_the_drawing_needs_nothing_from_elsewhere_and_knows_dark_pages() -> None:
    drawn = svg(named("powersign"))
    assert re.findall(r"https?://[^\"]*", drawn) == ["http://www.w3.org/2000/svg"]
    assert "prefers-color-scheme: dark" in drawn
    assert "<script" not in drawn


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_graphviz_source_has_a_node_for_each_node_and_an_edge_for_each_argument(rule: Rule) -> None:
    source, nodes = dot(rule), list(expression(rule).walk())
    named_nodes = dict(re.findall(r'^  (n\d+) \[label="([^"]*)"', source, re.M))
    assert sorted(named_nodes.values()) == sorted(map(label, nodes))
    edges = re.findall(r"^  (n\d+) -> (n\d+)", source, re.M)
    assert len(edges) == len(nodes) - 1
    assert {child for _, child in edges} == named_nodes.keys() - {"n0"}


def test_what_keep_left_discards_is_dashed() -> None:
    rule = Rule.parse("g v id exp left")
    assert dot(rule).count("dashed") == 1
    assert svg(rule).count('class="unused"') == 1
    assert dot(named("powersign")).count("dashed") == 0


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_equation_is_balanced(rule: Rule) -> None:
    text = notation.equation(rule)
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") - text.count(r"\leftarrow") == text.count(r"\right")
    assert text.startswith("% ")
    assert text.splitlines()[1:] == [r"\begin{equation*}", *text.splitlines()[2:-1], r"\end{equation*}"]
