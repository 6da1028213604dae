import dataclasses
import itertools
import json
import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.contracts import Block, Rule
from harness.errors import SpaceError
from harness.space.grammar import SWITCHES, Space

OFF = dict.fromkeys(SWITCHES, False)
ON_AND_OFF = [
    dict(zip(SWITCHES, values, strict=True)) for values in itertools.product((False, True), repeat=len(SWITCHES))
]


def tiny(blocks: int, switches: dict[str, bool]) -> Space:
    return Space.of(blocks=blocks, operands=["g", "m"], unary=["id", "neg"], binary=["add", "mul"], **switches)


def every_string(space: Space) -> list[Rule]:
    """All token strings over the space's words and earlier results, legal or not."""
    slots = []
    for number in range(space.blocks):
        bank = [*space.operands, *(f"#{earlier}" for earlier in range(1, number + 1))]
        slots += [bank, bank, space.unary, space.unary, space.binary]
    return [
        Rule(tuple(Block(*tokens[start : start + 5]) for start in range(0, len(tokens), 5)))
        for tokens in itertools.product(*slots)
    ]


def obeys(rule: Rule, switches: dict[str, bool]) -> bool:
    """The constraints as the protocol states them."""
    last = len(rule.blocks) - 1
    for number, block in enumerate(rule.blocks):
        if switches["distinct_operands"] and block.op1 == block.op2:
            return False
        if switches["last_not_add"] and number == last and block.binary == "add":
            return False
        if switches["connected"] and number > 0 and "#" not in block.op1 + block.op2:
            return False
    return True


def reachable(space: Space) -> list[Rule]:
    """Every rule that left-to-right generation under the masks can produce; fails on a dead end."""
    found: list[Rule] = []

    def grow(prefix: list[int]) -> None:
        if len(prefix) == space.positions:
            found.append(space.decode(np.array(prefix)))
            return
        allowed = np.flatnonzero(space.mask(prefix))
        assert allowed.size, f"dead end after {prefix}"
        for pick in allowed.tolist():
            grow([*prefix, pick])

    grow([])
    return found


@pytest.mark.parametrize("switches", ON_AND_OFF)
@pytest.mark.parametrize("blocks", [1, 2])
def test_masks_size_and_check_agree_with_brute_force(blocks: int, switches: dict[str, bool]) -> None:
    space = tiny(blocks, switches)
    legal = {rule for rule in every_string(space) if obeys(rule, switches)}
    assert space.size() == len(legal)
    assert {rule for rule in every_string(space) if space.contains(rule)} == legal
    generated = reachable(space)
    assert len(generated) == len(legal)
    assert set(generated) == legal


def test_masks_have_no_dead_end_in_three_blocks_of_one_operand() -> None:
    switches = {**OFF, "connected": True, "last_not_add": True}
    space = Space.of(blocks=3, operands=["g"], unary=["id"], binary=["add", "sub"], **switches)
    assert len(set(reachable(space))) == space.size() == 2 * (4 - 1) * 2 * (9 - 1) * 1


def test_unconstrained_sizes_of_the_first_edition() -> None:
    sizes = [Space.of(blocks=blocks, **OFF).size() for blocks in (1, 2, 3)]
    assert sizes[0] == 16**2 * 11**2 * 5 == 154_880
    assert sizes[1] == sizes[0] * 17**2 * 11**2 * 5
    assert [f"{size:.1e}" for size in sizes[1:]] == ["2.7e+10", "5.3e+15"]  # as the protocol rounds them


def test_the_size_of_the_constrained_second_edition() -> None:
    first = 17 * 16 * 144 * 6
    second = (18 * 17 - 17 * 16) * 144 * 5  # op1 ≠ op2 and one of them #1
    assert Space.of("arxiv2", blocks=2).size() == first * second


def test_sampling_is_uniform() -> None:
    space = tiny(2, dict.fromkeys(SWITCHES, True))
    rules = reachable(space)
    rng = np.random.default_rng(3)
    draws = 40 * len(rules)
    counts = Counter(space.sample(rng) for _ in range(draws))
    assert set(counts) <= set(rules)
    observed = [counts[rule] for rule in rules]
    assert stats.chisquare(observed).pvalue > 1e-4  # a fresh seed would fail one time in ten thousand


def test_sampling_depends_on_the_generator_alone() -> None:
    space = Space.of(blocks=3)
    first, again = np.random.default_rng(5), np.random.default_rng(5)
    assert [space.sample(first) for _ in range(20)] == [space.sample(again) for _ in range(20)]


def test_encoding_is_the_number_of_each_choice() -> None:
    space = Space.of(blocks=2)
    rule = Rule.parse("sign(g) sign(m) id id mul g #1 id exp mul")
    array = space.encode(rule)
    assert array.shape == (2, 5)
    assert array.dtype == np.int64
    assert [space.choices(position)[pick] for position, pick in enumerate(array.ravel())] == list(rule.tokens)
    assert space.decode(array) == space.decode(array.tolist()) == space.decode(array.ravel()) == rule


def test_choices_list_earlier_results_last() -> None:
    space = Space.of(blocks=3, operands=["g", "m"])
    assert space.choices(0) == space.choices(1) == ("g", "m")
    assert space.choices(10) == ("g", "m", "#1", "#2")
    assert space.choices(14) == space.binary


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"blocks": 0}, "blocks: expected 1 to 4, got 0"),
        ({"blocks": 5}, "blocks: expected 1 to 4, got 5"),
        ({"blocks": 1.5}, "blocks: expected a whole number, got 1.5"),
        ({"blocks": True}, "blocks: expected a whole number"),
        ({"edition": "icml"}, "Did you mean 'icml2017'"),
        ({"operands": ["g"]}, "switch off distinct_operands"),
        ({"binary": ["add"]}, "switch off last_not_add"),
        ({"unary": []}, "unary subset: expected at least one name"),
        ({"unary": ["sqrt"]}, "unary of the space"),
        ({"connected": 1}, "connected: expected true or false, got 1"),
    ],
)
def test_an_impossible_space_is_one_clear_line(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(SpaceError, match=problem) as caught:
        Space.of(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("g m id id mul", "expected 2 blocks, got 1"),
        ("g g id id mul g #1 id id mul", "block 1: expected two different operands, got g and g"),
        ("g m id id mul g v id id mul", "block 2: expected an earlier block's result"),
        ("g m id id mul g #1 id id add", "block 2: expected a last binary that is not add"),
        ("g 2 id id mul g #1 id id mul", "op2 of block 1: expected one of"),
        ("g m sqrt id mul g #1 id id mul", "u1 of block 1"),
        ("g m id id mul g #1 id id pow", "binary of block 2"),
    ],
)
def test_a_rule_outside_the_space_is_told_why(text: str, problem: str) -> None:
    space, rule = Space.of(blocks=2), Rule.parse(text)
    assert not space.contains(rule)
    for refuse in (space.check, space.encode):
        with pytest.raises(SpaceError, match=problem):
            refuse(rule)


@pytest.mark.parametrize("given", ["g m id id mul", None, 3, ("g", "m")])
def test_what_is_no_rule_is_not_called_outside_the_space(given: Any) -> None:
    space = Space.of(blocks=1)
    for refuse in (space.contains, space.check, space.encode):
        with pytest.raises(SpaceError, match=r"rule: expected a Rule, got .*harness\.Rule\.parse"):
            refuse(given)


@pytest.mark.parametrize("given", [0, None, np.random])
def test_a_rule_is_drawn_by_a_generator_of_numpy(given: Any) -> None:
    with pytest.raises(SpaceError, match=r"sample: expected a generator of numpy, got .*default_rng\(seed\)"):
        Space.of().sample(given)


@pytest.mark.parametrize("kind", ["operand", "unary", "binary"])
@pytest.mark.parametrize("given", [3, True, {"g": 1}, object()])
def test_a_subset_is_a_sequence_of_names(kind: str, given: Any) -> None:
    with pytest.raises(SpaceError, match=f"{kind} subset: expected a sequence of names, got "):
        Space.of(**{"operands" if kind == "operand" else kind: given})


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        ([[0, 1, 0, 0, 2]], "integers of shape"),
        ([[0.5] * 5] * 2, "integers of shape"),
        ([[0, 1], [2]], "integers of shape"),
        ([[0, 1, 0, 0, 99], [0, 16, 0, 0, 2]], "position 4: expected 0 to 4, got 99"),
        ([[0, 0, 0, 0, 2], [0, 16, 0, 0, 2]], "two different operands"),
        ([[0, -1, 0, 0, 2], [0, 16, 0, 0, 2]], "position 1: expected 0 to 15, got -1"),
    ],
)
def test_a_bad_array_is_one_clear_line(array: object, problem: str) -> None:
    with pytest.raises(SpaceError, match=problem):
        Space.of(blocks=2).decode(array)


@pytest.mark.parametrize(("prefix", "problem"), [([0] * 5, "position"), ([0, 0], "position 1"), ([16], "position 0")])
def test_a_mask_refuses_a_prefix_that_is_not_legal(prefix: list[int], problem: str) -> None:
    with pytest.raises(SpaceError, match=problem):
        Space.of(blocks=1).mask(prefix)


def test_the_mask_is_the_callers_to_write_on() -> None:
    space = Space.of(blocks=1)
    space.mask([])[:] = False
    assert space.mask([]).all()


@pytest.mark.parametrize("position", [-1, 5])
def test_there_is_no_position_outside_the_string(position: int) -> None:
    with pytest.raises(SpaceError, match="position: expected 0 to 4"):
        Space.of(blocks=1).choices(position)


def test_a_space_survives_json_and_pickle() -> None:
    space = Space.of("arxiv2", blocks=3, operands=["m", "g", "weights"], unary=["clips", "id"], connected=False)
    assert Space.from_spec(json.loads(json.dumps(space.spec()))) == space
    assert pickle.loads(pickle.dumps(space)) == space
    assert hash(space) == hash(dataclasses.replace(space))
    assert Space.of(operands=["m", "g"]) == Space.of(operands=["g", "m"])


@pytest.mark.parametrize(
    "change", [{"blocks": 9}, {"extra": 1}, {"operands": "g"}, {"edition": 3}, {"unary": [3]}, {"connected": "no"}]
)
def test_a_damaged_spec_is_one_clear_line(change: dict[str, object]) -> None:
    with pytest.raises(SpaceError) as caught:
        Space.from_spec({**Space.of().spec(), **change})
    assert "\n" not in str(caught.value)
    for wrong in (3, "icml2017", None, [("blocks", 1)]):
        with pytest.raises(SpaceError, match="space: expected the fields edition, blocks"):
            Space.from_spec(wrong)  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="something wrong with 3"):
        Space.from_spec({**Space.of().spec(), 3: 4})  # type: ignore[dict-item]
    with pytest.raises(SpaceError, match="something wrong with blocks"):
        Space.from_spec({name: value for name, value in Space.of().spec().items() if name != "blocks"})


def test_describe_is_one_line_that_says_what_is_special() -> None:
    assert Space.of(blocks=1).describe() == "icml2017, 1 block: 116,160 rules"
    text = Space.of(blocks=2, unary=["id", "exp"], last_not_add=False).describe()
    assert text.startswith("icml2017, 2 blocks; unary id exp; not last not add: ")
