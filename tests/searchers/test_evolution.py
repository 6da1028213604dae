"""Regularized evolution: who lives, who is chosen, what a mutation changes, and that every function is reached."""

from __future__ import annotations

import numpy as np
import pytest

from harness.conformance.driving import CHANCE, drive, failed, spaces, tiny
from harness.contracts import Outcome, Rule, Status, Trial
from harness.errors import SettingError
from harness.searchers.evolution import RegularizedEvolution
from harness.searchers.random_plain import RandomPlain
from harness.searchers.random_search import RandomSearch
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)
SMALL = Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub", "add"))
TARGET = Rule.parse("sign(g) sign(m) id id mul g #1 id exp mul")


def scored(rule: Rule, score: float) -> Trial:
    return Trial(0, rule, Outcome(status=Status.OK, score=score, learning_rate=0.1, examples=1, seconds=0.0))


def likeness(rule: Rule, other: Rule = TARGET) -> int:
    """Picks of ten that agree."""
    return sum(mine == its for mine, its in zip(rule.tokens, other.tokens, strict=True))


def raced(searcher, proposals: int) -> list[Rule]:
    """Proposals under scores that rise with each pick agreeing with the target."""

    def judge(rule: Rule) -> Outcome:
        return scored(rule, likeness(rule) / 10).outcome

    return drive(searcher, SPACE, proposals=proposals, judge=judge).rules


def functions(space: Space) -> set[str]:
    """Every key of a small space."""
    rng = np.random.default_rng(0)
    return {space.sample(rng).key for _ in range(100 * space.size())}


@pytest.mark.parametrize("groups", [(8,), (3, 5), (1,) * 8])
def test_grouping_of_asks_does_not_matter(groups) -> None:
    one, other = (RegularizedEvolution(SPACE, seed=4, initial=1) for _ in range(2))
    for searcher in (one, other):
        searcher.tell([scored(searcher.ask(1)[0], 0.5)])
    assert [rule for count in groups for rule in one.ask(count)] == other.ask(8)


def test_begins_with_the_draws_of_random_search_some_functions_left_out() -> None:
    for seed in (0, 1):
        assert RegularizedEvolution(SPACE, seed=seed, initial=10, plain=0.0).ask(10) == RandomSearch(
            SPACE, seed=seed
        ).ask(10)
        drawn = RandomPlain(SPACE, seed=seed, plain=0.85).ask(10)
        assert RegularizedEvolution(SPACE, seed=seed, initial=10).ask(10) == drawn


def test_mutations_leave_functions_out_as_often_as_they_are_told_to() -> None:
    def simpler(plain: float) -> int:
        parent = Rule.parse("g m exp log mul #1 v clip3 exp mul")
        searcher = RegularizedEvolution(SPACE, seed=3, redraw=0.0, swap=0.0, again=0.0, initial=1, plain=plain)
        searcher.ask(1)
        searcher.tell([scored(parent, 0.9)])
        return sum("id" in child.tokens for child in searcher.ask(20))

    assert simpler(0.0) < 4  # 1 of 10 changes of 4 of 10 picks
    assert simpler(0.9) >= 4  # all four, and each is proposed once


def test_children_are_mutants_of_the_best_in_the_tournament() -> None:
    searcher = RegularizedEvolution(SPACE, seed=1, initial=10, population=10, tournament=10)
    rules = searcher.ask(10)
    searcher.tell([scored(rule, 0.9 if rule is rules[3] else 0.1) for rule in rules])
    children = searcher.ask(30)
    nearest = [max(range(10), key=lambda place: likeness(child, rules[place])) for child in children]
    assert nearest.count(3) >= 27  # the rest took a redrawn block from elsewhere


def test_a_tournament_of_one_ignores_scores() -> None:
    def children(score: float) -> list[Rule]:
        searcher = RegularizedEvolution(SPACE, seed=1, initial=10, tournament=1)
        rules = searcher.ask(10)
        searcher.tell([scored(rule, score if place == 3 else 0.1) for place, rule in enumerate(rules)])
        return list(searcher.ask(20))

    assert children(0.9) == children(0.0)


def test_the_oldest_die_however_good_they_are() -> None:
    searcher = RegularizedEvolution(SPACE, seed=2, initial=4, population=3, tournament=3, redraw=0.0, again=0.0)
    rules = searcher.ask(4)
    searcher.tell([scored(rule, score) for rule, score in zip(rules, (0.9, 0.2, 0.3, 0.1), strict=True)])
    for child in searcher.ask(20):
        assert likeness(child, rules[2]) > likeness(child, rules[0])


def test_one_mutation_changes_one_pick_or_swaps_the_sides() -> None:
    # g * exp(sign(g) * sign(m)) with no dead branch: few mutations of it are neutral, and those may go on
    searcher = RegularizedEvolution(SPACE, seed=3, redraw=0.0, swap=0.0, again=0.0, initial=1)
    searcher.ask(1)
    searcher.tell([scored(TARGET, 0.9)])
    changes = [10 - likeness(child) for child in searcher.ask(40)]
    assert changes.count(1) >= 36
    swapping = RegularizedEvolution(SPACE, seed=3, redraw=0.0, swap=1.0, again=0.0, initial=1)
    swapping.ask(1)
    target = Rule.parse("g m exp id sub #1 g id id div")
    swapping.tell([scored(target, 0.9)])
    swapped = {"m g id exp sub #1 g id id div", "g m exp id sub g #1 id id div", "m g id exp sub g #1 id id div"}
    assert {str(rule) for rule in swapping.ask(2)} <= swapped


@pytest.mark.parametrize("settings", [{}, {"redraw": 0.0, "swap": 0.0}, {"redraw": 1.0, "swap": 0.0}])
def test_every_function_is_reached(settings) -> None:
    searcher = RegularizedEvolution(SMALL, seed=0, initial=1, tournament=1, **settings)
    wanted = functions(SMALL)
    rules = drive(searcher, SMALL, proposals=len(wanted) + 40).rules
    assert {rule.key for rule in rules} == wanted


@pytest.mark.parametrize("space", spaces((2, 3, 4)), ids=Space.describe)
def test_no_function_is_proposed_twice_while_there_are_others(space) -> None:
    count = min(60, space.size())
    rules = drive(RegularizedEvolution(space, seed=0), space, proposals=count).rules
    assert len({rule.key for rule in rules}) == count


def test_a_space_without_new_functions_is_searched_on() -> None:
    rules = drive(RegularizedEvolution(tiny(), seed=0), tiny(), proposals=30).rules
    assert len(rules) == 30
    assert len({rule.key for rule in rules}) == 2
    one = Space.of(
        blocks=2, operands=("g",), unary=("id",), binary=("left",), distinct_operands=False, last_not_add=False
    )
    assert len(drive(RegularizedEvolution(one, seed=0), one, proposals=30).rules) == 30


def test_before_any_result_all_are_random_draws() -> None:
    rules = RegularizedEvolution(SPACE, seed=5, initial=3, plain=0.0).ask(30)
    assert len({rule.key for rule in rules}) == 30
    assert np.mean([likeness(rule, rules[0]) for rule in rules[1:]]) < 4


def test_failures_lose_to_everything_that_learns() -> None:
    searcher = RegularizedEvolution(SPACE, seed=6, initial=5, tournament=5, population=5)
    rules = searcher.ask(5)
    searcher.tell([Trial(0, rule, failed(rule)) for rule in rules[:4]])
    searcher.tell([scored(rules[4], CHANCE + 0.01)])
    assert sum(likeness(child, rules[4]) >= 5 for child in searcher.ask(20)) >= 16


def test_warm_start_comes_first_and_is_counted_among_the_initial() -> None:
    searcher = RegularizedEvolution(SPACE, seed=0, initial=4, warm_start="sgd, adam,g * exp(sign(g) * sign(m))")
    rules = searcher.ask(4)
    known = [Rule.parse(text).key for text in ("g", "adam", "g * exp(sign(g) * sign(m))")]
    assert [rule.key for rule in rules[:3]] == known
    assert all(SPACE.contains(rule) for rule in rules)
    plain = RegularizedEvolution(SPACE, seed=0, initial=4).ask(1)
    assert rules[3:] == plain  # the first random draw


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"population": 5, "tournament": 6}, "setting tournament: expected at most 5"),
        ({"redraw": 0.7, "swap": 0.4}, "setting swap: expected at most 0.3"),
        ({"warm_start": "sgd,adma"}, "adma"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, named) -> None:
    with pytest.raises(SettingError, match=named):
        RegularizedEvolution(SPACE, seed=0, **settings)


def test_probabilities_may_add_up_to_one() -> None:
    assert RegularizedEvolution(SPACE, seed=0, redraw=0.9, swap=0.1).ask(1)


def test_climbs_where_random_search_does_not() -> None:
    # of 150 uniform draws the best agrees in 5 picks or so, rarely 6; evolution has 9 or 10, so false alarms are absurd
    for seed in range(1000, 1003):
        evolved = max(map(likeness, raced(RegularizedEvolution(SPACE, seed=seed), 150)))
        drawn = max(map(likeness, raced(RandomSearch(SPACE, seed=seed), 150)))
        assert evolved >= drawn + 2


def test_a_changed_pick_is_always_another_one() -> None:
    searcher = RegularizedEvolution(SPACE, seed=0)
    for number, block in enumerate(TARGET.blocks):
        assert all(searcher._changed(block, number) != block for _ in range(200))


def test_redraw_and_swap_together_leave_their_share_to_changes(monkeypatch) -> None:
    changed: list[object] = []
    searcher = RegularizedEvolution(SPACE, seed=0, redraw=0.5, swap=0.5, again=0.0)
    monkeypatch.setattr(searcher, "_changed", lambda block, number: changed.append(number) or block)
    for _ in range(200):
        searcher._mutant(TARGET)
    assert not changed


def test_again_is_the_probability_of_one_mutation_more(monkeypatch) -> None:
    """In 2,000 mutants at 0.2 there are 2,500 mutations on average, with a standard deviation of 25."""
    made: list[object] = []
    searcher = RegularizedEvolution(SPACE, seed=0, redraw=0.0, swap=0.0, again=0.2)
    monkeypatch.setattr(searcher, "_changed", lambda block, number: made.append(number) or block)
    for _ in range(2000):
        searcher._mutant(TARGET)
    assert 2350 < len(made) < 2650


ONE, TWO = Rule.parse("g m exp log mul #1 v clip3 neg sub"), Rule.parse("adam 1 sign id add noise #1 drop1 drop3 div")


def sides(rule: Rule) -> list[tuple[str, str]]:
    """Its operands with their unary functions."""
    return [side for block in rule.blocks for side in ((block.op1, block.u1), (block.op2, block.u2))]


def test_a_crossing_takes_one_block_or_one_side_from_the_second_parent() -> None:
    """Of 400 crossings half take a block on average, with a standard deviation of 10; some sides fit nowhere."""
    searcher, blocks, taken = RegularizedEvolution(SPACE, seed=0), 0, 0
    for _ in range(400):
        child = searcher._crossed(ONE, TWO)
        SPACE.check(child)
        changed = [number for number in range(2) if child.blocks[number] != ONE.blocks[number]]
        assert len(changed) <= 1
        if not changed:
            continue
        if child.blocks[changed[0]] == TWO.blocks[changed[0]]:
            blocks += 1
            continue
        new = [side for side, old in zip(sides(child), sides(ONE), strict=True) if side != old]
        assert len(new) == 1
        assert new[0] in sides(TWO)
        taken += 1
    assert 140 < blocks < 260
    assert taken > 50


def test_in_a_space_of_one_block_a_crossing_takes_a_side() -> None:
    space = Space.of(blocks=1)
    one, two = Rule.parse("g m exp log mul"), Rule.parse("v adam sign neg div")
    searcher = RegularizedEvolution(space, seed=0)
    children = {str(searcher._crossed(one, two)) for _ in range(100)}
    assert children == {
        "v m sign log mul",
        "adam m neg log mul",
        "g v exp sign mul",
        "g adam exp neg mul",
    }


def test_a_crossing_that_a_constraint_forbids_leaves_the_first_parent() -> None:
    space = Space.of(blocks=1, operands=("g", "m"), unary=("id", "exp"))
    one, two = Rule.parse("g m id id mul"), Rule.parse("m g exp exp div")
    searcher = RegularizedEvolution(space, seed=0)
    children = {str(searcher._crossed(one, two)) for _ in range(100)}
    assert children == {"g m id id mul", "g m exp id mul", "g m id exp mul"}, "never one operand twice"


def test_crossing_decides_who_the_parents_are() -> None:
    def origins(crossover: float) -> set[tuple[str, int]]:
        searcher = RegularizedEvolution(SPACE, seed=1, initial=2, crossover=crossover, tournament=1, redraw=0.0)
        searcher.tell([scored(rule, place / 2) for place, rule in enumerate([*searcher.ask(1), ONE, TWO])])
        searcher.ask(1)
        found = set()
        for rule in searcher.ask(40):
            origin = searcher.origin(rule)
            assert origin is not None
            found.add((origin.how, len(origin.parents)))
        return found

    assert origins(0.0) == {("a mutant of its parent", 1)}
    assert origins(1.0) >= {("crossed", 2), ("crossed and mutated", 2)}


def living(given: list[float], **settings: float | int) -> list[float]:
    """The scores of the population, the oldest first, after hearing of so many different rules."""
    searcher = RegularizedEvolution(SPACE, seed=0, **settings)  # type: ignore[arg-type]
    searcher.tell([scored(rule, score) for rule, score in zip(searcher.ask(len(given)), given, strict=True)])
    return [trial.outcome.score for trial in searcher._alive]


def test_one_behaviour_lives_once_and_the_better_of_it() -> None:
    assert living([0.5, 0.505, 0.7, 0.502], resolution=0.01) == [0.505, 0.7]
    assert living([0.5, 0.505, 0.7, 0.502], resolution=0.0) == [0.5, 0.505, 0.7, 0.502]
    assert living([0.5, 0.7, 0.5], resolution=0.01) == [0.7, 0.5], "of equals the newer, which dies later"
    assert living([0.9, 0.1, 0.2, 0.3], population=3, tournament=3) == [0.1, 0.2, 0.3], "the best dies of age, too"
