import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.contracts import Rule
from harness.errors import SettingError, SpaceError
from harness.space.embedding import embed, known_rules, place
from harness.space.grammar import Space
from harness.space.vocabulary import ARXIV2, EDITIONS
from harness.space.zoo import ZOO, named


def free(**choices: object) -> Space:
    """A space without constraints."""
    off = {"distinct_operands": False, "last_not_add": False, "connected": False}
    return Space.of(**{"edition": "arxiv2", **off, **choices})


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(
    ("blocks", "too_long"),
    [
        (2, {"powersign-clip", "addsign"}),
        (3, set()),
        (4, set()),
    ],
)
def test_the_zoo_is_hosted_by_any_space_with_blocks_enough(edition: str, blocks: int, too_long: set[str]) -> None:
    space = Space.of(edition, blocks=blocks)
    for name in ZOO:
        decays = {"ld", "cd", "rd"} & set(named(name).tokens)
        if name in too_long or (decays and (edition != "decays" or blocks < 3 + name.startswith("addsign"))):
            with pytest.raises(SpaceError, match="a function of the space"):
                embed(named(name), space)
        else:
            found = embed(named(name), space)
            assert space.contains(found)
            assert found.key == named(name).key


@pytest.mark.parametrize(
    ("formula", "space", "written"),
    [
        ("g", Space.of(blocks=2), "g 1 id id left #1 g id id left"),
        ("g", Space.of(blocks=2, operands=("g", "m")), "g m id id left #1 g id id left"),
        ("g", Space.of(blocks=2, binary=("mul", "sub")), "g 1 id id mul #1 1 id id mul"),
        ("g", Space.of("arxiv2", blocks=1, binary=("pow",)), "g 1 id id pow"),
        ("g + m", Space.of(blocks=1), "g m id neg sub"),
        ("g + drop(m, 0.3)", Space.of(blocks=1), "m g drop3 neg sub"),
        ("g - -m", Space.of(blocks=1), "g m id neg sub"),
        ("g - m", free(blocks=1, binary=("add",)), "g m id neg add"),
        ("g * g", Space.of(blocks=2), "g g2 id id left #1 g id id mul"),
        ("exp(-g)", Space.of(blocks=3), "g 1 neg id left #1 1 exp id left #2 g id id left"),
        ("g * 1 + 0.1w * 0.1w", Space.of(blocks=3), None),
    ],
)
def test_how_a_rule_is_written(formula: str, space: Space, written: str | None) -> None:
    rule = Rule.parse(formula)
    found = embed(rule, space)
    assert found.key == rule.key
    assert space.contains(found)
    assert written is None or str(found) == written


def test_two_blocks_of_operands_alone_are_hosted_where_blocks_must_be_connected() -> None:
    # (g + m) * (v - w) has two of them; the second one reaches an earlier result by carrying an operand past it
    rule, space = Rule.parse("(g + m) * (v - 0.1w)"), Space.of(blocks=4)
    found = embed(rule, space)
    assert space.contains(found)
    assert found.key == rule.key


def test_a_rule_of_the_space_stays_as_it_is() -> None:
    space = Space.of(blocks=3)
    rule = space.sample(np.random.default_rng(0))
    assert embed(rule, space) is rule


def test_equal_subtrees_are_one_block_so_that_more_fits() -> None:
    rule = Rule.parse("g m id id mul g m id id mul #1 #2 exp sign mul")
    assert embed(rule, free(blocks=2)).key == rule.key


def test_a_rule_too_long_is_hosted_by_its_canonical_form() -> None:
    rule = Rule.parse("g * m + v - v")
    assert len(rule.blocks) == 3
    assert str(embed(rule, Space.of(blocks=1))) == "g m id id mul"


def test_a_block_between_is_left_unused_where_no_words_carry_a_value() -> None:
    space = Space.of(blocks=3, operands=("g", "m"), binary=("sub",), unary=("exp",))
    rule = Rule.parse("exp(exp(g) - exp(m)) - exp(g)")
    found = embed(rule, space)
    assert space.contains(found)
    assert found.key == rule.key


@pytest.mark.parametrize(
    ("formula", "space"),
    [
        ("v", Space.of(blocks=2, operands=("g", "m"))),
        ("exp(g)", Space.of(blocks=2, unary=("id", "neg"))),
        ("g * m * v", Space.of(blocks=1)),
        ("g", Space.of(blocks=1, operands=("g", "m"), unary=("id",), binary=("sub",))),
    ],
)
def test_what_a_space_cannot_host_is_refused(formula: str, space: Space) -> None:
    with pytest.raises(SpaceError, match=r"^rule: expected a function of the space .*\. Choose a space with more"):
        embed(Rule.parse(formula), space)


def subsets(words: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=len(words), unique=True).map(tuple)


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    operands=subsets(ARXIV2.operands),
    unary=subsets(ARXIV2.unary),
    binary=subsets(ARXIV2.binary),
    switches=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_found_is_the_same_function_in_the_space(
    blocks: tuple[int, int],
    operands: tuple[str, ...],
    unary: tuple[str, ...],
    binary: tuple[str, ...],
    switches: tuple[bool, bool, bool],
    seed: int,
) -> None:
    on = dict(zip(("distinct_operands", "last_not_add", "connected"), switches, strict=True))
    try:
        space = Space.of("arxiv2", blocks=blocks[1], operands=operands, unary=unary, binary=binary, **on)
    except SpaceError:  # no rule satisfies the constraints
        return
    rng = np.random.default_rng(seed)
    whole = free(blocks=blocks[0])
    near = free(blocks=blocks[0], operands=operands, unary=unary, binary=binary)
    for origin in (whole, near, space):
        rule = origin.sample(rng)
        try:
            found = embed(rule, space)
        except SpaceError:
            assert not space.contains(rule)
            continue
        assert space.contains(found)
        assert found.key == rule.key
        assert embed(rule, space) == found


def test_fewer_blocks_fit_into_more_in_a_whole_edition() -> None:
    # Rules without the operand pairs that are equal: every one of them has room for its missing connections
    rng, space = np.random.default_rng(5), Space.of(blocks=3)
    for rule in (free(edition="icml2017", blocks=2, distinct_operands=True).sample(rng) for _ in range(100)):
        assert embed(rule, space).key == rule.key


def test_laying_out_leaves_no_block_out() -> None:
    assert place(Rule.parse("g m id id mul v v id id add #1 g id id sub"), Space.of(blocks=2)) is None


def test_known_rules_by_name_formula_and_tokens() -> None:
    space = Space.of(blocks=2)
    found = known_rules(" sgd, Adam ,clip(m, 1e-4) * exp(v), g m id id mul ,g", space)
    assert [rule.key for rule in found] == [Rule.parse(text).key for text in ("g", "adam", ZOO_CLIP, "g * m")]
    assert all(space.contains(rule) for rule in found)
    assert known_rules("", space) == known_rules(" , ", space) == []


ZOO_CLIP = ZOO["clip-momentum-exp-v"].rule_text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "sgd,admm",
            "^setting warm_start, 'admm': rule: expected the name of a known rule, got 'admm'. Did you mean 'adam'?",
        ),
        ("powersign-clip", "^setting warm_start, 'powersign-clip': rule: expected a function of the space"),
        ("g * ", "^setting warm_start, 'g \\*': rule at column 4"),
        ("drop(g, 0.2)", "^setting warm_start, 'drop\\(g, 0.2\\)': rule at column 9"),
    ],
)
def test_an_unknown_rule_to_begin_with_is_a_bad_setting(text: str, problem: str) -> None:
    with pytest.raises(SettingError, match=problem):
        known_rules(text, Space.of(blocks=2))
