"""What a table shows, worked out on tables whose answers are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.board.comparison import holm
from harness.board.statistics import paired_t
from harness.board.tables import pages
from harness.board.tables.checking import Retrained, compared, environments
from harness.board.tables.figures import TableFigures, figures, noise, true_rules
from harness.contracts import Outcome, Rule, Status

RULES = tuple(map(Rule.parse, ("g", "m", "adam", "rmsprop", "sign(g)", "sign(m)")))


def grid(rules: tuple[Rule, ...], scores: np.ndarray, environment: object = 0) -> Any:
    keys = tuple(rule.key for rule in rules)
    whole = np.broadcast_to(np.asarray(environment), scores.shape)
    return SimpleNamespace(
        rules=rules,
        keys=keys,
        places={key: place for place, key in enumerate(keys)},
        seeds=scores.shape[1],
        scores=scores,
        tests=np.full(scores.shape, np.nan),
        arrays={"environment": whole, "status": np.zeros(scores.shape, int)},
    )


def table(own: np.ndarray, fresh: np.ndarray, *, inside: int, environment: object = 0) -> Any:
    """A table of the first rules, all of which are retrained but the last; the retrained ones outside it follow."""
    retrained = (*RULES[: inside - 1], *RULES[inside:])
    return SimpleNamespace(
        own=grid(RULES[:inside], own, environment),
        fresh=grid(retrained, fresh),
        known={"adam": RULES[2].key, "sign-momentum": RULES[5].key},
        header={"environments": [{}, {}]},
        truth=lambda key: fresh[[rule.key for rule in retrained].index(key)].mean(),
    )


def toy(rng: np.random.Generator, worth: tuple[float, ...]) -> Any:
    own = np.array([*worth[:4], 0.2])[:, None] + rng.normal(0, 0.01, (5, 3))
    noise = rng.normal(0, 0.01, (5, 10))
    fresh = np.array(worth)[:, None] + noise - noise.mean(axis=1, keepdims=True)
    return table(own, fresh, inside=5)


def test_the_tie_set_is_what_is_not_shown_worse_than_the_optimum() -> None:
    shown = toy(np.random.default_rng(0), (0.3, 0.5, 0.498, 0.42, 0.6))
    rules = true_rules(shown)
    assert [each.key for each in rules] == [RULES[place].key for place in (1, 2, 3, 0)]
    assert [each.tied for each in rules] == [True, True, False, False]
    fresh = shown.fresh.scores
    chances = [stats.ttest_rel(fresh[place], fresh[1]).pvalue for place in (2, 3, 0)]
    assert [each.adjusted for each in rules[1:]] == pytest.approx(holm(chances))
    assert [each.place for each in rules] == [1, 2, 3, 4]


def test_rules_that_were_not_retrained_are_neither_optimum_nor_tied() -> None:
    shown = toy(np.random.default_rng(0), (0.3, 0.5, 0.498, 0.42, 0.6))
    shown.own.scores[4] = 0.9
    found = figures(shown)
    assert found.rules[0].key == RULES[1].key
    assert found.unretrained == pytest.approx(0.9)
    assert any("0.9000" in note for note in pages._notes(found))


def test_known_optimizers_outside_the_space_have_the_place_they_would_have() -> None:
    found = figures(toy(np.random.default_rng(0), (0.3, 0.5, 0.498, 0.42, 0.6))).known
    assert [(each.name, each.place, each.inside, each.tied) for each in found] == [
        ("sign-momentum", 1, False, None),
        ("adam", 2, True, True),
    ]


def test_sums_of_equal_counts_in_another_order_share_a_place() -> None:
    rng = np.random.default_rng(2)
    counts = rng.integers(300, 500, 10) / 1000
    orders = [counts, counts[::-1], np.sort(counts), np.sort(counts)[::-1], rng.permutation(counts)]
    assert len({each.mean() for each in orders}) > 1, "as they are added"
    fresh = np.array(orders)
    rules = true_rules(table(np.full((5, 3), 0.4), fresh, inside=5))
    assert [each.place for each in rules] == [1] * 4


def test_the_share_of_noise_is_that_of_the_variance() -> None:
    """Its relative standard error is some 4% here; a deviation of 20% has odds below one in a million."""
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 0.3, 4_000)[:, None] + rng.normal(0, 0.1, (4_000, 3))
    found = noise(scores)
    assert found.spread == pytest.approx(0.1, rel=0.05)
    assert found.share == pytest.approx(0.1, rel=0.2)
    assert noise(np.full((4, 3), 0.5)).share is None


def test_the_paired_t_test_is_scipys_and_knows_equal_pairs() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=(2, 10))
    assert paired_t((one - other).tolist()) == pytest.approx(stats.ttest_rel(one, other).pvalue)
    assert paired_t([0.0, 0.0, 0.0]) == 1.0
    assert paired_t([0.1, 0.1, 0.1]) == 0.0
    with pytest.raises(ValueError, match="at least two differences"):
        paired_t([0.1])


def of_environments(spread: float) -> TableFigures:
    """Two replicates of one environment and one of another, whose noise is so large."""
    rng = np.random.default_rng(3)
    own = rng.uniform(0.1, 0.5, 2_000)[:, None] + rng.normal(0, (0.01, 0.01, spread), (2_000, 3))
    whole = table(own, own[:5], inside=5, environment=[0, 0, 1])
    whole.own = grid(RULES[:1] * 2_000, own, [0, 0, 1])
    return SimpleNamespace(
        table=whole,
        agreements=[
            SimpleNamespace(first=first, second=second, environments=pair)
            for first, second, pair in ((0, 1, ((0,), (0,))), (0, 2, ((0,), (1,))), (1, 2, ((0,), (1,))))
        ],
    )  # type: ignore[return-value]


def test_environments_that_differ_beyond_noise_are_told() -> None:
    """Equals fail once in two hundred seeds: one side of p = 0.01; the seed is fixed."""
    alike, unlike = environments(of_environments(0.01)), environments(of_environments(0.03))
    assert alike is not None
    assert unlike is not None
    assert (alike.differ, unlike.differ) == (False, True)
    assert "no difference beyond noise" in pages.told_environments(alike)
    assert "they differ beyond noise" in pages.told_environments(unlike)


def retrained(held: float, here: float, status: Status = Status.OK) -> Retrained:
    def outcome(score: float, status: Status) -> Outcome:
        return Outcome(status=status, score=score, learning_rate=0.1, examples=1, seconds=0.0)

    return Retrained(RULES[0], 0, outcome(held, Status.OK), outcome(here, status))


def test_retrained_entries_agree_if_equal_or_within_noise() -> None:
    rng = np.random.default_rng(4)
    scores = rng.uniform(0.1, 0.5, 40)

    def agrees(here: np.ndarray) -> bool:
        return compared([retrained(*pair) for pair in zip(scores, here, strict=True)], spread=0.01).agrees

    assert agrees(scores)
    assert agrees(scores + rng.normal(0, 0.01, 40))
    assert not agrees(scores + rng.normal(0, 0.05, 40))  # far larger than noise, in no direction
    assert not agrees(scores + 0.003 + rng.normal(0, 0.001, 40))  # small, but all one way
    two = compared([retrained(0.4, 0.401), retrained(0.3, 0.301)], spread=0.01)
    assert (two.agrees, two.p) == (True, None), "two counts of thousandths are often equal, which is no certainty"
    assert compared([retrained(0.4, 0.401)] * 3, spread=0.01).p == 0.0
    one = compared([retrained(0.4, 0.4)], spread=0.01)
    assert (one.equal, one.agrees, one.p) == (1, True, None)
    assert compared([retrained(0.1, 0.1, Status.DIVERGED)], spread=0.01).equal == 0
