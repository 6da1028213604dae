"""Keys against numbers: rules with one key are one function, by the literal evaluation that shares no algebra."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from harness.contracts import Rule
from harness.space import equivalence
from harness.space.counting.probe import Probe, RunningMeans, Values, classes, evaluate, operand_values
from harness.space.grammar import SWITCHES, Space
from harness.space.vocabulary import EDITIONS

OFF = dict.fromkeys(SWITCHES, False)
EveryRule = Callable[[Space], Iterator[Rule]]
Disagreements = Callable[[Iterable[Rule]], list[tuple[str, str]]]

# Small spaces whose strings are all looked at, each chosen for the rewrites that it exercises.
SMALL = [
    Space.of(blocks=2, operands=["g", "g2", "sign(m)"], unary=["id", "sign"], binary=["mul", "div"]),
    Space.of(
        blocks=2, operands=["adam", "rmsprop", "m"], unary=["neg", "id"], binary=["add", "mul"], last_not_add=False
    ),
    Space.of("arxiv2", blocks=2, operands=["v", "m"], unary=["sqrt", "sign", "neg"], binary=["mul", "div", "pow"]),
    Space.of("arxiv2", blocks=2, operands=["g", "1", "2"], unary=["exp", "neg"], binary=["mul", "pow"]),
    Space.of(blocks=2, operands=["1e-3w", "1e-1w"], unary=["clip4", "id", "clip3"], binary=["mul", "left"]),
    Space.of(blocks=2, operands=["noise", "1"], unary=["drop1", "drop5", "id"], binary=["mul", "div"]),
    Space.of(blocks=2, operands=["g", "sign(g)"], unary=["log", "exp", "id"], binary=["mul", "sub"]),
    Space.of("arxiv2", blocks=3, operands=["g", "m"], unary=["sign"], binary=["mul", "div", "pow"]),
    Space.of(
        "decays", blocks=2, operands=["ld", "g", "1"], unary=["sqrt", "sign", "clip3"], binary=["mul", "div", "pow"]
    ),
    Space.of("decays", blocks=2, operands=["ld", "rd"], unary=["exp", "log", "id"], binary=["mul", "sub"]),
    Space.of("decays", blocks=2, operands=["cd", "anneal"], unary=["drop5", "exp", "neg"], binary=["mul", "div"]),
]


def test_the_probe_sees_what_a_wrong_key_would_merge(
    disagreements: Disagreements, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ("clip(g, 1e-5)", "clip(1, 1e-5) * sign(g)", "drop(m, 0.1)", "m", "sign(g2)", "1", "1 / 1")
    rules = [Rule.parse(text) for text in texts]
    assert disagreements(rules) == []
    for one, other in itertools.pairwise(rules):
        with monkeypatch.context() as patch:
            patch.setattr(equivalence, "key", lambda _rule: "one key for all")
            told_apart = disagreements([one, other])
        assert told_apart == [] if (one.infix, other.infix) == ("1", "1 / 1") else len(told_apart) == 1


def sampled(space: Space, count: int, seed: int) -> list[Rule]:
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


@pytest.mark.parametrize("edition", EDITIONS)
def test_one_key_is_one_function_over_random_strings(edition: str, disagreements: Disagreements) -> None:
    one_block = sampled(Space.of(edition, blocks=1, **OFF), 5_000, seed=0)
    assert len({rule.key for rule in one_block}) < 4_900  # keys do coincide, so there is something to disagree about
    assert disagreements(one_block) == []
    assert disagreements(sampled(Space.of(edition, blocks=2, **OFF), 1_000, seed=1)) == []


@pytest.mark.parametrize("space", SMALL, ids=Space.describe)
def test_one_key_is_one_function_over_all_strings_of_small_spaces(
    space: Space, every_rule: EveryRule, disagreements: Disagreements
) -> None:
    rules = list(every_rule(space))
    assert len(rules) == len(set(rules)) == space.size()
    assert len({rule.key for rule in rules}) < 0.7 * len(rules)
    assert disagreements(rules) == []


def test_few_functions_have_several_keys() -> None:
    rules = sampled(Space.of(blocks=1, **OFF), 5_000, seed=2)
    probe = Probe(seed=0)
    labels = classes(np.concatenate([probe.project(evaluate(rule, probe.operands)[None]) for rule in rules]))
    keys_of_class: dict[int, set[str]] = defaultdict(set)
    for rule, label in zip(rules, labels.tolist(), strict=True):
        keys_of_class[label].add(rule.key)
    several = [keys for keys in keys_of_class.values() if len(keys) > 1]
    assert len(several) <= 0.01 * len(keys_of_class), several[:20]


def trajectory(rule: Rule, seed: int) -> Values:
    """Fifty steps of a rule, read literally, on a random noisy quadratic of six weights: shape ``(50, 6)``."""
    rng = np.random.default_rng(seed)
    curvature = rng.standard_normal((6, 6))
    curvature = curvature @ curvature.T / 6
    weights, means, path = rng.standard_normal(6), RunningMeans(), []
    with np.errstate(all="ignore"):
        for _ in range(50):
            gradient = curvature @ weights + 0.1 * rng.standard_normal(6)
            means.see(gradient)
            operands = operand_values(gradient, means, weights, np.zeros(6), timed(means.steps))
            weights = weights - 0.01 * evaluate(rule, operands)
            path.append(weights)
    return np.array(path)


def timed(steps: int) -> dict[str, Values]:
    """What depends on the step, here after so many of a hundred."""
    share = (steps - 1) / 100
    decays = {
        "ld": 1 - share,
        "cd": 0.5 + 0.5 * np.cos(np.pi * share),
        "rd": 0.5 + 0.5 * np.cos(np.pi * (3 * share % 1)),
    }
    return {name: np.full(6, value) for name, value in {**decays, "anneal": 0.0}.items()}


def ordinary_steps(*paths: Values) -> int:
    """The steps that begin at weights of ordinary size, for which keys are made: squares of larger ones overflow."""
    large = [~np.all(np.abs(path) < 1e100, axis=1) for path in paths]
    return 1 + int(np.argmax([*np.any(large, axis=0), True]))


def pairs_of_one_key(rules: Iterable[Rule], count: int) -> list[tuple[Rule, Rule]]:
    """Two different strings for each of the first ``count`` keys that have them."""
    groups: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        if rule not in groups[rule.key]:
            groups[rule.key].append(rule)
    pairs = [(group[0], group[-1]) for group in groups.values() if len(group) > 1]
    assert len(pairs) >= count
    return pairs[:count]


@pytest.mark.parametrize(("edition", "seed"), [("icml2017", 0), ("arxiv2", 1), ("decays", 2)])
def test_rules_with_one_key_take_one_path(edition: str, seed: int) -> None:
    certain = [unary for unary in Space.of(edition).unary if not unary.startswith("drop")]
    operands = [operand for operand in Space.of(edition).operands if operand not in ("noise", "anneal")]
    one_block = Space.of(edition, blocks=1, operands=operands, unary=certain, **OFF)
    some = ["g", "m", "adam", "sign(g)", "v", "1", *({"ld", "rd"} & set(operands))]
    two_blocks = Space.of(edition, blocks=2, operands=some, unary=["id", "neg", "sign", "exp"], **OFF)
    pairs = pairs_of_one_key(sampled(one_block, 6_000, seed), 200)
    pairs += pairs_of_one_key(sampled(two_blocks, 6_000, seed), 100)
    apart = 0
    for number, (one, other) in enumerate(pairs):
        first, second = trajectory(one, number), trajectory(other, number)
        steps = ordinary_steps(first, second)
        first, second = first[:steps], second[:steps]
        assert np.array_equal(np.isfinite(first), np.isfinite(second)), (one.infix, other.infix)
        steady = np.isfinite(first)
        with np.errstate(over="ignore"):
            difference = np.abs(first[steady] - second[steady]) / np.maximum(np.abs(first[steady]), 1e-3)
        assert np.all(difference < 1e-6), (one.infix, other.infix, difference.max())
        apart += bool(np.ptp(first[steady]) > 0)
    assert apart > 250  # the paths do move
