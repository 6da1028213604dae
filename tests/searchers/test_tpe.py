"""TPE: the encoding is exact both ways, Optuna is told what it should be, and nothing of Optuna's shows outside."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from harness.conformance.driving import CHANCE, drive, equal, failed, spaces, tiny
from harness.contracts import Outcome, Rule, Status, Trial
from harness.searchers.random_search import RandomSearch
from harness.searchers.tpe import ASKS, Encoding, TreeParzen
from harness.space.draws import Draws
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)
SMALL = Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub", "add"))
EVERY = spaces((1, 2, 3, 4))
SAMPLERS = ("tpe", "random", "nsgaii")
TARGET = Rule.parse("sign(g) sign(m) id id mul g #1 id exp mul")


def scored(rule: Rule, score: float) -> Trial:
    return Trial(0, rule, Outcome(status=Status.OK, score=score, learning_rate=0.1, examples=1, seconds=0.0))


def likeness(rule: Rule) -> int:
    """Picks of ten that agree with the target."""
    return sum(mine == its for mine, its in zip(rule.tokens, TARGET.tokens, strict=True))


def judge(rule: Rule) -> Outcome:
    return scored(rule, likeness(rule) / 10).outcome


@pytest.mark.parametrize("space", EVERY, ids=Space.describe)
def test_any_rule_is_choices_and_back(space) -> None:
    encoding, rng = Encoding(space, np.random.default_rng(9)), np.random.default_rng(0)
    for _ in range(50):
        rule, asked = space.sample(rng), []
        made = encoding.choices(rule)

        def choose(name, options, made=made, asked=asked) -> str:
            assert len(set(options)) == len(options) >= 2
            asked.append(name)
            return made[name]

        assert encoding.rule(choose) == rule
        assert sorted(asked) == sorted(made)  # none twice, none missing, none too many


@pytest.mark.parametrize("space", EVERY, ids=Space.describe)
def test_any_choices_are_a_rule_of_the_space_and_a_name_has_one_set_of_options(space) -> None:
    encoding, rng, known = Encoding(space, np.random.default_rng(9)), np.random.default_rng(1), {}

    def choose(name, options) -> str:
        assert known.setdefault(name, tuple(options)) == tuple(options)  # Optuna demands it
        return options[int(rng.integers(len(options)))]

    for _ in range(200):
        assert space.contains(encoding.rule(choose))


def test_all_choices_are_all_rules() -> None:
    # every path through the choices, by counting through them as through digits
    for space in (SMALL, Space.of(blocks=2, operands=("g", "m"), unary=("id", "exp"), binary=("mul",))):
        encoding, rules, path = Encoding(space, np.random.default_rng(9)), set(), []
        while True:
            sizes = []

            def choose(_, options, path=path, sizes=sizes) -> str:
                place = len(sizes)
                sizes.append(len(options))
                path += [0] * (place == len(path))
                return options[path[place]]

            rules.add(encoding.rule(choose))
            while path and path[-1] == sizes[len(path) - 1] - 1:
                path.pop()
            if not path:
                break
            path[-1] += 1
        assert len(rules) == space.size()


def test_what_is_learnt_of_a_side_holds_for_the_other() -> None:
    encoding = Encoding(SPACE, np.random.default_rng(9))
    left, right = (
        encoding.choices(Rule.parse(f"g m id id mul {end}")) for end in ("v #1 exp id mul", "#1 v id exp mul")
    )
    differing = {name for name in left if left[name] != right[name]}
    assert {name for name in differing if left.get(f"{name.replace('unary of ', '')} is plain") != "yes"} == {
        "block 2: shape"
    }


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("space", EVERY, ids=Space.describe)
def test_no_function_is_proposed_twice_while_there_are_others(space, sampler) -> None:
    count = min(20, space.size())
    rules = drive(TreeParzen(space, seed=0, sampler=sampler, startup=5, population=5), space, proposals=count).rules
    assert len({rule.key for rule in rules}) == count


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_space_without_new_functions_is_searched_on(sampler) -> None:
    space = Space.of(blocks=1, operands=("g", "m"), unary=("id", "exp"), binary=("mul", "sub"))
    rng = np.random.default_rng(0)
    wanted = {space.sample(rng).key for _ in range(1600)}  # of 16 rules
    searcher = TreeParzen(space, seed=0, sampler=sampler, startup=5, population=5)
    rules = drive(searcher, space, proposals=len(wanted) + 5).rules
    assert {rule.key for rule in rules} == wanted
    assert len(rules) == len(wanted) + 5
    one = Space.of(
        blocks=2, operands=("g",), unary=("id",), binary=("left",), distinct_operands=False, last_not_add=False
    )
    assert len(drive(TreeParzen(one, seed=0, sampler=sampler), one, proposals=15).rules) == 15


@pytest.mark.parametrize("judged", [failed, equal])
def test_every_score_is_told_and_chance_for_a_failure(judged) -> None:
    searcher = TreeParzen(SPACE, seed=1, startup=5)
    drive(searcher, SPACE, proposals=15, judge=judged)
    told = [trial for trial in searcher._study.get_trials() if trial.state is TrialState.COMPLETE]
    assert [trial.value for trial in told] == [CHANCE if judged is failed else 0.5] * 15


def test_repeats_within_optuna_are_failed_trials_and_bounded() -> None:
    searcher = TreeParzen(tiny(), seed=0, startup=0)
    drive(searcher, tiny(), proposals=6)
    states = [trial.state for trial in searcher._study.get_trials()]
    assert states.count(TrialState.COMPLETE) == 6
    assert 4 * ASKS <= states.count(TrialState.FAIL) <= 5 * ASKS  # four proposals or five had nothing new to find


def test_a_rule_that_was_not_asked_for_is_learnt_from_too() -> None:
    searcher = TreeParzen(SPACE, seed=0)
    searcher.tell([scored(TARGET, 0.9)])
    (trial,) = searcher._study.get_trials()
    wanted = Encoding(SPACE, np.random.default_rng(9)).choices(TARGET)
    open_ones = {
        name for name in wanted if "unary of" in name and wanted[name.replace("unary of ", "") + " is plain"] == "yes"
    }
    assert {name: trial.params[name] for name in wanted.keys() - open_ones} == {
        name: wanted[name] for name in wanted.keys() - open_ones
    }
    assert (trial.params.keys(), trial.value) == (wanted.keys(), 0.9)


def test_a_repeated_proposal_is_told_once_for_each_time() -> None:
    searcher = TreeParzen(tiny(), seed=0)
    rules = searcher.ask(8)  # of two
    searcher.tell([scored(rule, 0.1 * place) for place, rule in enumerate(reversed(rules))])
    told = [trial.value for trial in searcher._study.get_trials() if trial.state is TrialState.COMPLETE]
    assert sorted(told) == pytest.approx([0.1 * place for place in range(8)])


def test_settings_reach_optuna() -> None:
    named = {sampler: TreeParzen(SPACE, seed=0, sampler=sampler)._study.sampler for sampler in SAMPLERS}
    assert {name: type(each).__name__ for name, each in named.items()} == {
        "tpe": "TPESampler",
        "random": "RandomSampler",
        "nsgaii": "NSGAIISampler",
    }
    usual = drive(TreeParzen(SPACE, seed=0), SPACE, proposals=40, judge=judge).rules
    for settings in ({"startup": 5}, {"candidates": 500}, {"joint": False}):
        changed = drive(TreeParzen(SPACE, seed=0, **settings), SPACE, proposals=40, judge=judge).rules
        assert changed != usual
        assert changed[:5] == usual[:5]  # drawn at random


def test_asked_again_for_one_proposal_it_takes_the_first_that_it_draws() -> None:
    """The best of many candidates would often be the repeat that it was asked again for."""
    first, again = TreeParzen(SPACE, seed=0, candidates=7)._samplers
    assert (first._n_ei_candidates, again._n_ei_candidates) == (7, 1)


def test_begins_with_plain_draws_whatever_the_sampler() -> None:
    draws = Draws(SPACE, seed=3, plain=0.5)
    wanted = [draws.draw() for _ in range(25)]
    for sampler in SAMPLERS:
        rules = drive(TreeParzen(SPACE, seed=3, sampler=sampler), SPACE, proposals=27, judge=judge).rules
        assert rules[:25] == wanted
        assert not set(rules[25:]) & set(wanted)


def test_half_of_what_optuna_draws_at_random_is_plain() -> None:
    rules = drive(TreeParzen(SPACE, seed=0, sampler="random", startup=0), SPACE, proposals=200, judge=judge).rules
    plain = sum(word == "id" for rule in rules for block in rule.blocks for word in (block.u1, block.u2))
    assert 340 < plain < 460  # of 800, half: 400 ± 14


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_seeds_decide(sampler) -> None:
    first, again, other = (TreeParzen(SPACE, seed=seed, sampler=sampler).ask(5) for seed in (0, 0, 1))
    assert first == again != other
    asked = [
        drive(TreeParzen(SPACE, seed=seed, sampler=sampler, startup=1), SPACE, proposals=5).rules[1:]
        for seed in (0, 0, 1)
    ]
    assert asked[0] == asked[1] != asked[2]


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_order_of_sets_does_not_matter(hash_seed) -> None:
    # grouped sampling keeps its names in sets; the conformance suite tries another process, here it is other hashes
    space = Space.of(blocks=3)
    code = (
        "import json; from harness.conformance.driving import drive; from harness.space.grammar import Space;"
        "from harness.searchers.tpe import TreeParzen; space = Space.of(blocks=3);"
        "print(json.dumps(drive(TreeParzen(space, seed=0, startup=5), space, proposals=25).texts))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert json.loads(ran.stdout) == drive(TreeParzen(space, seed=0, startup=5), space, proposals=25).texts
    assert not ran.stderr


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.ERROR])
def test_optuna_is_silent_and_its_logging_as_it_was(level, capfd) -> None:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(level)
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            filters = list(warnings.filters)
            drive(TreeParzen(SPACE, seed=0, startup=3), SPACE, proposals=10)
            assert warnings.filters == filters
        assert optuna.logging.get_verbosity() == level
    finally:
        optuna.logging.set_verbosity(before)
    assert not heard
    assert "study" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii"])
def test_climbs_where_random_search_does_not(sampler) -> None:
    # of 100 uniform draws the best agrees in 5 picks or so, rarely 6
    searcher = TreeParzen(SPACE, seed=1000, sampler=sampler, population=10)
    found = max(map(likeness, drive(searcher, SPACE, proposals=100, judge=judge).rules))
    drawn = max(map(likeness, drive(RandomSearch(SPACE, seed=1000), SPACE, proposals=100, judge=judge).rules))
    assert found >= drawn + 1


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii"])
def test_it_seeks_high_scores_and_not_low_ones(sampler) -> None:
    def late(sign: float) -> float:
        def signed(rule: Rule) -> Outcome:
            return scored(rule, 0.5 + sign * likeness(rule) / 20).outcome

        searcher = TreeParzen(SPACE, seed=4, sampler=sampler, population=10)
        return float(
            np.mean([likeness(rule) for rule in drive(searcher, SPACE, proposals=100, judge=signed).rules[60:]])
        )

    assert late(1.0) > late(-1.0) + 1.0


def test_a_proposal_that_is_asked_for_again_comes_from_the_second_sampler(monkeypatch) -> None:
    searcher, asked = TreeParzen(tiny(), seed=0, startup=0), []
    ask = searcher._study.ask
    monkeypatch.setattr(searcher._study, "ask", lambda: asked.append(searcher._study.sampler) or ask())
    searcher.ask(3)  # of two rules: the third is asked for until the tries run out
    first, again = searcher._samplers
    assert asked[0] is first
    assert asked.count(again) >= ASKS - 2
    assert asked.count(first) <= 4


def test_pending_trials_count_as_bad() -> None:
    assert all(each._constant_liar for each in TreeParzen(SPACE, seed=0)._samplers)


def test_a_sampler_that_never_learns_has_no_start_up() -> None:
    for sampler, wanted in (("tpe", {"startup": 25}), ("random", {})):
        assert TreeParzen.startup({"sampler": sampler, "startup": 25, "population": 20}) == wanted
