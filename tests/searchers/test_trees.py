import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.contracts import Rule
from harness.errors import SpaceError
from harness.searchers.trees import Tree, fit, rule_of, tree_of
from harness.space.grammar import Space
from harness.space.vocabulary import ALL_BINARY, ALL_UNARY, ARXIV2


def subsets(words: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=len(words), unique=True).map(tuple)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    words = {kind: draw(subsets(getattr(ARXIV2, kind))) for kind in ("operands", "unary", "binary")}
    on = {switch: draw(st.booleans()) for switch in ("distinct_operands", "last_not_add", "connected")}
    try:
        return Space.of("arxiv2", blocks=draw(st.integers(1, 4)), **words, **on)
    except SpaceError:  # no rule satisfies the constraints
        assume(False)
        raise


@settings(max_examples=100, deadline=None)
@given(space=spaces(), seed=st.integers(0, 2**32 - 1))
def test_every_rule_is_a_tree_and_comes_back_as_the_same_function(space: Space, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(5):
        rule = space.sample(rng)
        tree = tree_of(rule)
        assert rule_of(tree).key == rule.key
        assert tree_of(rule_of(tree)) == tree
        back = fit(tree, space)
        assert back is not None
        assert space.contains(back)
        assert back.key == rule.key


def test_every_rule_of_a_small_space_comes_back() -> None:
    # where blocks may be unused, and equal to each other
    space = Space.of(
        blocks=3, operands=("g", "m"), unary=("exp",), binary=("sub",), connected=False, distinct_operands=True
    )
    blocks = [[(op1, op2) for op1, op2 in space.pairs(number)] for number in range(3)]
    rules = [
        Rule.parse(" ".join(f"{op1} {op2} exp exp sub" for op1, op2 in picks))
        for picks in np.array(np.meshgrid(*map(range, map(len, blocks)))).T.reshape(-1, 3).tolist()
        for picks in [[blocks[number][pick] for number, pick in enumerate(picks)]]
    ]
    assert len(rules) == space.size() == 2 * 6 * 12
    for rule in rules:
        back = fit(tree_of(rule), space)
        assert back is not None
        assert space.contains(back)
        assert back.key == rule.key


def test_the_words_alternate_by_type() -> None:
    rng, space = np.random.default_rng(3), Space.of("arxiv2", blocks=4)

    def operand(tree: Tree, start: int) -> int:
        """Where an operand ends."""
        if tree[start] not in ALL_BINARY:
            assert tree[start] in ARXIV2.operands
            return start + 1
        for _ in range(2):
            start += 1
            assert tree[start] in ALL_UNARY
            start = operand(tree, start + 1) - 1
        return start + 1

    for _ in range(50):
        tree = tree_of(space.sample(rng))
        assert tree[0] in ALL_BINARY
        assert operand(tree, 0) == len(tree) <= 61


def test_a_tree_as_it_is_written() -> None:
    tree = tree_of(Rule.parse("g * exp(sign(g) * sign(m))"))
    assert " ".join(tree) == "mul id g exp mul id sign(g) id sign(m)"
    assert str(rule_of(tree)) == "sign(g) sign(m) id id mul g #1 id exp mul"


def test_equal_subtrees_are_one_block() -> None:
    rule = Rule.parse("g m id id mul g m id id mul #1 #2 exp sign sub")
    assert str(rule_of(tree_of(rule))) == "g m id id mul #1 #1 exp sign sub"


def test_unused_blocks_vanish() -> None:
    rule = Rule.parse("g m id id mul v v id id add #1 g id id sub")
    assert len(rule_of(tree_of(rule)).blocks) == 2


@pytest.mark.parametrize(
    ("formula", "blocks"),
    [("(g + m) * v", 1), ("(g + m) * (v - g)", 2), ("(g + m) * (v - g)", 3), ("g + exp(m)", 1)],
)
def test_no_more_blocks_than_the_space_has_and_inside_its_constraints(formula: str, blocks: int) -> None:
    space = Space.of(blocks=blocks, unary=("id", "exp"), binary=("add", "sub", "mul"))
    assert fit(tree_of(Rule.parse(formula)), space) is None
