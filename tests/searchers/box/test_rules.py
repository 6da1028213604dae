"""Searchers over the box of rules: what they propose, what they tell the optimizer, and that they learn."""

from __future__ import annotations

import numpy as np
import pytest

from harness.blackbox.contracts import BoxOptimizer
from harness.contracts import Outcome, Rule, Status, Trial
from harness.searchers.box.encoding import RuleBox
from harness.searchers.box.optuna_points import CmaEsPoints
from harness.searchers.box.random_points import RandomPoints
from harness.searchers.box.rules import BoxCmaEs, BoxGp, BoxRandom, BoxSearch
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)
TINY = Space.of(blocks=1, operands=("g", "m"), unary=("id",), binary=("mul",))


def outcome(score: float) -> Outcome:
    return Outcome(status=Status.OK, score=score, learning_rate=0.1, examples=1, seconds=0.0)


class Fixed:
    """Asks for given points, the last one again and again, and keeps what it is told."""

    def __init__(self, *points: float) -> None:
        self.points = list(points)
        self.told: list[float] = []

    def ask(self, count: int) -> np.ndarray:
        point = self.points.pop(0) if len(self.points) > 1 else self.points[0]
        return np.full((count, SPACE.positions), point)

    def tell(self, points: np.ndarray, values: np.ndarray) -> None:
        assert points.shape == (len(values), SPACE.positions)
        self.told += values.tolist()


def test_the_optimizer_minimizes_what_the_score_lacks() -> None:
    optimizer = Fixed(0.2, 0.7)
    search = BoxSearch(SPACE, seed=0, optimizer=optimizer, batch=2)
    first, second = search.ask(2)
    assert (first, second) == (RuleBox(SPACE).rule(np.full(10, 0.2)), RuleBox(SPACE).rule(np.full(10, 0.7)))
    search.tell([Trial(0, first, outcome(0.25)), Trial(1, second, outcome(1.0))])
    assert optimizer.told == [0.75, 0.0]


def test_a_point_with_a_known_rule_gets_its_score_and_another_is_asked_for() -> None:
    optimizer = Fixed(0.2, 0.201, 0.7)
    search = BoxSearch(SPACE, seed=0, optimizer=optimizer, batch=1)
    (first,) = search.ask(1)
    search.tell([Trial(0, first, outcome(0.25))])
    (second,) = search.ask(1)
    assert second == RuleBox(SPACE).rule(np.full(10, 0.7))
    assert optimizer.told == [0.75, 0.75]


def test_a_random_rule_stands_in_when_the_optimizer_only_repeats_itself() -> None:
    optimizer = Fixed(0.2)
    search = BoxSearch(SPACE, seed=0, optimizer=optimizer, batch=1)
    (first,) = search.ask(1)
    (waiting,) = search.ask(1)  # the first has no score yet
    search.tell([Trial(0, first, outcome(0.25))])
    (third,) = search.ask(1)
    assert len({first.key, waiting.key, third.key}) == 3
    assert [search.origin(rule).how for rule in (first, waiting, third)] == [
        "a point of the box",
        "drawn at random",
        "drawn at random",
    ]


def test_box_random_takes_its_draws_as_they_come() -> None:
    search = BoxRandom(TINY, seed=0)
    asked = search.ask(64)
    assert len({rule.key for rule in asked}) < 64
    points = RandomPoints(TINY.positions, seed=0).ask(64)
    assert list(asked) == [RuleBox(TINY).rule(point) for point in points]


def far_out(rule: Rule) -> float:
    """A score that is smooth over the box: the mean of the coordinates."""
    return float(RuleBox(SPACE).point(rule).mean())


def test_cma_es_climbs_a_slope_of_the_box() -> None:
    """The mean of ten coordinates, over 25 uniform points, is above 0.6 in none of a million runs."""
    searcher, scores = BoxCmaEs(SPACE, seed=0), []
    for _ in range(30):
        rules = searcher.ask(5)
        scores += map(far_out, rules)
        searcher.tell([Trial(0, rule, outcome(far_out(rule))) for rule in rules])
    assert sum(scores[-25:]) / 25 > 0.65


def test_a_gaussian_process_climbs_the_slope_sooner() -> None:
    """The mean of ten coordinates, over 25 uniform points, is above 0.6 in none of a million runs."""
    searcher, scores = BoxGp(SPACE, seed=0), []
    for _ in range(15):
        rules = searcher.ask(5)
        scores += map(far_out, rules)
        searcher.tell([Trial(0, rule, outcome(far_out(rule))) for rule in rules])
    assert sum(scores[-25:]) / 25 > 0.65
    assert sum(scores[:20]) / 20 < 0.6, "twenty random points come first"


def test_a_gaussian_process_proposes_no_function_twice_while_there_are_others() -> None:
    searcher = BoxGp(Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp")), seed=0, startup=5)
    keys = []
    for _ in range(12):
        rules = searcher.ask(5)
        keys += [rule.key for rule in rules]
        searcher.tell([Trial(0, rule, outcome(0.5)) for rule in rules])
    assert len(set(keys[5:])) == 55
    told = searcher.origin(rules[0])
    assert told is not None
    assert told.how == "a point of the box"


@pytest.mark.parametrize("optimizer", [RandomPoints(3, seed=0), CmaEsPoints(3, seed=0)])
def test_optimizers_keep_the_contract(optimizer: BoxOptimizer) -> None:
    assert isinstance(optimizer, BoxOptimizer)
    points = optimizer.ask(4)
    assert points.shape == (4, 3)
    assert ((points >= 0) & (points <= 1)).all()
    optimizer.tell(points, np.arange(4.0))


def test_a_gaussian_process_waits_for_no_point_that_a_random_rule_replaced() -> None:
    searcher = BoxGp(TINY, seed=0, startup=2, batch=4)
    told = 0
    for _ in range(6):
        rules = searcher.ask(4)
        searcher.tell([Trial(told + place, rule, outcome(0.5)) for place, rule in enumerate(rules)])
        told += len(rules)
        assert searcher._process._pending == [], "all that were asked for are told or forgotten"
    assert any(origin.how == "drawn at random" for rule in rules if (origin := searcher.origin(rule)))
