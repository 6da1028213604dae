from collections.abc import Callable, Iterator

import pytest

from harness.contracts import Rule
from harness.errors import SpaceError
from harness.space.counting.count import count_functions, count_keys
from harness.space.grammar import SWITCHES, Space

OFF = dict.fromkeys(SWITCHES, False)
EveryRule = Callable[[Space], Iterator[Rule]]

CONSTRAINED = Space.of("arxiv2", blocks=2, operands=["g", "m"], unary=["id", "neg"], binary=["add", "mul", "pow"])
FREE = Space.of(blocks=2, operands=["g", "1"], unary=["id", "clip4"], binary=["add", "left"], **OFF)


def test_the_first_editions_keys_are_as_many_as_its_functions() -> None:
    space = Space.of(blocks=1, **OFF)
    keys, functions = count_keys(space), count_functions(space)
    assert space.size() == 154_880
    assert abs(keys - functions) <= 0.1 * functions
    assert 73_500 < functions <= keys < 74_500  # far closer than the protocol asks


def test_another_seed_of_the_probe_counts_the_same() -> None:
    space = Space.of(blocks=1, **OFF)
    assert abs(count_functions(space, seed=1) - count_functions(space, seed=2)) <= 10


def test_a_few_generic_gradients_tell_some_38_000_functions_apart() -> None:
    space = Space.of(blocks=1, **OFF)
    counts = sorted(count_functions(space, seed=seed, generic=True) for seed in range(3))
    assert abs(counts[1] - 38_000) < 3_800


@pytest.mark.parametrize("space", [CONSTRAINED, FREE], ids=["constrained", "free"])
def test_counting_from_the_inside_out_is_counting_every_string(space: Space, every_rule: EveryRule) -> None:
    rules = list(every_rule(space))
    assert len(rules) == space.size()
    assert count_keys(space) == len({rule.key for rule in rules})


@pytest.mark.parametrize(
    ("settings", "functions"),
    [
        ({"operands": ["g", "m"], "unary": ["id"], "binary": ["add"]}, 3),  # 2g, g+m, 2m
        ({"operands": ["g", "m"], "unary": ["id"], "binary": ["left"]}, 2),
        ({"operands": ["g", "m"], "unary": ["id", "neg"], "binary": ["mul"]}, 6),  # ±g², ±gm, ±m²
        ({"operands": ["g"], "unary": ["id", "sign"], "binary": ["mul"]}, 3),  # g², |g|, sign(g)²
        ({"operands": ["1"], "unary": ["id"], "binary": ["add", "sub", "mul", "left"]}, 3),  # 2, 0, 1
    ],
)
def test_spaces_that_can_be_counted_by_hand(settings: dict[str, list[str]], functions: int) -> None:
    space = Space.of(blocks=1, **settings, **OFF)
    assert count_keys(space) == count_functions(space) == functions


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("unary", [["id"], ["id", "log"]])
def test_rounding_makes_no_functions(unary: list[str], seed: int) -> None:
    """g2 − (g2 − m) is m, and gamma · 1e-16 is lost on the way."""
    space = Space.of("arxiv2", blocks=2, operands=["g2", "m", "gamma"], unary=unary, binary=["sub", "mul"])
    assert count_functions(space, seed=seed) == count_keys(space)


def test_both_honour_the_constraints() -> None:
    words = {"operands": ["g", "m"], "unary": ["id"], "binary": ["add", "mul"]}
    assert count_functions(Space.of(blocks=1, **words)) == count_keys(Space.of(blocks=1, **words)) == 1  # g·m


def test_progress_reaches_the_end() -> None:
    for count in (count_keys, count_functions):
        seen: list[tuple[int, int]] = []
        count(FREE, progress=lambda done, total, seen=seen: seen.append((done, total)))
        assert seen[-1] == (FREE.size(), FREE.size())
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize("count", [count_keys, count_functions])
def test_a_space_too_large_to_count_is_one_clear_line(count: Callable[[Space], int]) -> None:
    with pytest.raises(SpaceError, match="at most 2,000,000 strings, got 27,079,993,600"):
        count(Space.of(blocks=2, **OFF))
