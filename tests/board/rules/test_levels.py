"""What a seed gives, told apart from what a rule earns."""

from __future__ import annotations

import numpy as np
import pytest

from harness.board.rules.levels import standing
from harness.contracts import Rule, Status
from harness.space.draws import Draws
from harness.space.grammar import Space

CHANCE = 0.1


@pytest.fixture(scope="module")
def many() -> list[Rule]:
    draws = Draws(Space.of(blocks=2), seed=0)
    return list({rule.key: rule for rule in (draws.draw() for _ in range(60))}.values())


def searches(run, trial, rules, gifts, *, noise: float = 0.0):
    """One run a seed over all rules, whose scores are rule + seed + noise."""
    rng = np.random.default_rng(0)
    worth = np.linspace(0.40, 0.48, len(rules))
    return [
        run(
            trials=tuple(
                trial(float(worth[place] + gift + rng.normal(0, noise)), place, rule=rule)
                for place, rule in enumerate(rules)
            ),
            seed=seed,
        )
        for seed, gift in enumerate(gifts)
    ]


def test_levels_are_what_the_seeds_give(run, trial, many) -> None:
    gifts = (0.02, -0.01, 0.0, -0.01)
    found = standing(searches(run, trial, many, gifts, noise=0.01), chance=CHANCE)
    assert [found.levels[cell] for cell in sorted(found.levels)] == pytest.approx(gifts, abs=0.005)
    worth = np.linspace(0.40, 0.48, len(many))
    assert [found.leads[rule.key] for rule in many] == pytest.approx(worth, abs=0.025)


def test_a_seed_of_which_nothing_is_known_has_none(run, rules, trial) -> None:
    alone = [run(0.3, 0.5, 0.4), run(trials=(trial(0.9, rule=Rule.parse("g * exp(g3)")),), seed=1)]
    found = standing(alone, chance=CHANCE)
    assert set(found.levels.values()) == {0.0}
    assert [found.leads[rule.key] for rule in rules] == [0.3, 0.5, 0.4]


def test_a_level_that_rests_on_one_rule_is_half_believed(run) -> None:
    found = standing([run(0.44), run(0.40, seed=1)], chance=CHANCE)
    low, high = sorted(found.levels.values())
    assert (low, high) == pytest.approx((-0.01, 0.01)), "half of 0.02 each way"


def test_rules_at_chance_and_children_that_failed_tell_nothing_of_seeds(run, trial, many) -> None:
    plain = searches(run, trial, many, (0.02, -0.02))
    bad = [Rule.parse(text) for text in ("g * clip(g2, 1e-4)", "m * clip(g2, 1e-4)", "v * clip(g2, 1e-4)")]
    worse = [
        run(
            trials=(
                *each.trials[1:],
                trial(CHANCE, 0, rule=many[0], status=Status.DIVERGED) if each.header.seed else each.trials[0],
                *(trial(0.1 + 0.02 * each.header.seed, 100 + place, rule=rule) for place, rule in enumerate(bad)),
            ),
            seed=each.header.seed,
        )
        for each in plain
    ]
    expected, found = standing(plain, chance=CHANCE).levels, standing(worse, chance=CHANCE).levels
    assert list(found.values()) == pytest.approx(list(expected.values()), abs=0.001)


def test_what_several_runs_share_counts_once(run) -> None:
    once = [run(0.44, 0.50, 0.31), run(0.40, 0.48, 0.3, seed=1)]
    shared = [*once, *(run(0.44, 0.50, 0.31, searcher=f"s{place}") for place in range(5))]
    assert standing(shared, chance=CHANCE) == standing(once, chance=CHANCE)


def test_environments_have_levels_of_their_own(run) -> None:
    found = standing([run(0.44), run(0.40, environment={"torch": "3"})], chance=CHANCE)
    assert sorted(found.levels.values()) == pytest.approx([-0.01, 0.01])


def test_an_error_gives_way_to_what_another_run_earned_with_the_same_child(run, trial) -> None:
    failed, sound = (
        run(trials=(trial(score, status=status),), searcher=who)
        for who, score, status in (("gp", 0.1, Status.ERROR), ("rl", 0.5, Status.OK))
    )
    for records in ([failed, sound], [sound, failed]):
        assert list(standing(records, chance=CHANCE).leads.values()) == [0.5]
