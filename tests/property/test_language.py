"""Properties of every rule of every space."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.contracts import Rule
from harness.errors import SpaceError
from harness.space.equivalence import canonical, simplify
from harness.space.expression import expression, state
from harness.space.grammar import MAX_BLOCKS, Space
from harness.space.node import Node
from harness.space.notation import rules as notation
from harness.space.vocabulary import EDITIONS

MANY = settings(max_examples=150, deadline=None)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Any space: edition, blocks, subsets and switches; the impossible ones are drawn again."""
    edition = EDITIONS[draw(st.sampled_from(sorted(EDITIONS)))]
    subsets = {
        name: draw(st.none() | st.lists(st.sampled_from(getattr(edition, name)), min_size=least, unique=True))
        for name, least in (("operands", 2), ("unary", 1), ("binary", 1))
    }
    switches = {name: draw(st.booleans()) for name in ("distinct_operands", "last_not_add", "connected")}
    if subsets["binary"] == ["add"]:
        switches["last_not_add"] = False
    return Space.of(edition.name, blocks=draw(st.integers(1, MAX_BLOCKS)), **subsets, **switches)


@st.composite
def spaces_with_rules(draw: st.DrawFn) -> tuple[Space, Rule]:
    """A space and a rule of it, generated left to right under the masks."""
    space = draw(spaces())
    picks: list[int] = []
    while len(picks) < space.positions:
        picks.append(draw(st.sampled_from(np.flatnonzero(space.mask(picks)).tolist())))
    return space, space.decode(np.array(picks).reshape(-1, 5))


def rules() -> st.SearchStrategy[Rule]:
    return spaces_with_rules().map(lambda pair: pair[1])


@MANY
@given(spaces_with_rules())
def test_encoding_round_trips(pair: tuple[Space, Rule]) -> None:
    space, rule = pair
    array = space.encode(rule)
    assert array.shape == (space.blocks, 5)
    assert space.decode(array) == rule
    assert space.contains(rule)


@MANY
@given(spaces_with_rules(), st.data())
def test_a_mask_accepts_exactly_what_can_be_completed(pair: tuple[Space, Rule], data: st.DataObject) -> None:
    space, rule = pair
    picks = space.encode(rule).ravel().tolist()
    position = data.draw(st.integers(0, space.positions - 1))
    pick = data.draw(st.integers(0, len(space.choices(position)) - 1))
    prefix = [*picks[:position], pick]
    if space.mask(picks[:position])[pick]:
        while len(prefix) < space.positions:
            prefix.append(int(np.argmax(space.mask(prefix))))
        assert space.contains(space.decode(np.array(prefix)))
        return
    # No completion of this block is legal, whatever else follows; the other blocks stay as they were.
    rest = picks[len(prefix) :]
    for last in range(len(space.choices(position + 1)) if position % 5 == 0 else 1):
        changed = [*prefix, last, *rest[1:]] if position % 5 == 0 else [*prefix, *rest]
        with pytest.raises(SpaceError):
            space.decode(np.array(changed))


@MANY
@given(spaces(), st.integers(0, 2**32))
def test_a_sample_is_legal(space: Space, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(5):
        space.check(space.sample(rng))


@MANY
@given(spaces())
def test_a_space_survives_json(space: Space) -> None:
    assert Space.from_spec(json.loads(json.dumps(space.spec()))) == space
    assert "\n" not in space.describe()
    assert space.size() >= 1


@MANY
@given(rules())
def test_a_token_string_reads_back_as_the_rule(rule: Rule) -> None:
    assert Rule.parse(str(rule)) == rule


@MANY
@given(rules())
def test_a_formula_reads_back_as_the_function(rule: Rule) -> None:
    read = Rule.parse(rule.infix)
    assert read.key == rule.key
    assert Rule.parse(read.infix).key == rule.key
    assert notation.latex(rule).count("{") == notation.latex(rule).count("}")
    assert len(notation.tree(rule).splitlines()) == sum(1 for _ in expression(rule).walk())


@MANY
@given(rules())
def test_a_canonical_form_is_its_own(rule: Rule) -> None:
    node = canonical(rule)
    assert simplify(node) == node
    assert set(state(node)) <= set(state(expression(rule)))


@MANY
@given(rules(), st.randoms(use_true_random=False))
def test_commuting_and_negating_twice_keep_the_key(rule: Rule, source: object) -> None:
    def rewritten(node: Node) -> Node:
        args = tuple(rewritten(arg) for arg in node.args)
        if node.token in ("add", "mul") and source.random() < 0.5:
            args = args[::-1]
        changed = Node(node.token, args, node.value)
        if source.random() < 0.2:
            changed = Node("neg", (Node("neg", (changed,)),))
        if node.token == "sub" and source.random() < 0.5:
            changed = Node("add", (args[0], Node("neg", (args[1],))))
        return Node("left", (changed, Node("g"))) if source.random() < 0.1 else changed

    assert simplify(rewritten(expression(rule))) == canonical(rule)


@MANY
@given(rules())
def test_no_rule_is_shown_with_a_minus_behind_a_minus(rule: Rule) -> None:
    shown = notation.readable(rule)
    assert "- -" not in shown
    assert "--" not in shown
    assert notation.infix(Rule.parse(shown)) == notation.infix(Rule.parse(notation.infix(rule)))
