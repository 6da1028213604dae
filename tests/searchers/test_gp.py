import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from deap import gp as deap_gp

from harness.contracts import Outcome, Rule, Status, Trial
from harness.errors import SettingError, SpaceError
from harness.searchers import gp
from harness.searchers.gp import GeneticProgramming
from harness.searchers.trees import fit, rule_of, tree_of
from harness.seeds import derive_seed
from harness.space.grammar import Space
from harness.space.zoo import named

Judge = Callable[[Rule], float]
TINY = Space.of(blocks=1, operands=("g", "m"), unary=("id",), binary=("sub",))  # two rules, two functions


def outcome(score: float) -> Outcome:
    return Outcome(status=Status.OK, score=score, learning_rate=0.1, examples=1, seconds=0.0)


def trials(rules: Sequence[Rule], judge: Judge, start: int = 0) -> list[Trial]:
    return [Trial(index, rule, outcome(judge(rule))) for index, rule in enumerate(rules, start)]


def race(searcher: GeneticProgramming, judge: Judge, children: int) -> list[Rule]:
    made: list[Rule] = []
    while len(made) < children:
        rules = searcher.ask(min(searcher.batch, children - len(made)))
        searcher.tell(trials(rules, judge, len(made)))
        made += rules
    return made


def by_words(rule: Rule) -> float:
    """A made-up score that words of the formula add up to: a landscape that can be climbed a step at a time."""
    text = rule.infix
    return sum(word in text for word in ("exp", "sign(m)", "drop", "adam", "log")) / 5 - len(text) / 1000


def test_it_climbs_where_random_draws_do_not() -> None:
    # over seeds 1000 to 1019 the best of 150 children beat the best of 150 uniform draws in 19 of 20
    space = Space.of(blocks=2)
    rng = np.random.default_rng(1)
    best_drawn = max(by_words(space.sample(rng)) for _ in range(150))
    assert max(map(by_words, race(GeneticProgramming(space, seed=1000), by_words, 150))) > best_drawn


def test_no_function_is_proposed_twice() -> None:
    made = race(GeneticProgramming(Space.of(blocks=2), seed=1000), by_words, 200)
    assert len({rule.key for rule in made}) == 200


def test_a_space_with_nothing_new_left_is_repeated() -> None:
    made = race(GeneticProgramming(TINY, seed=1000), by_words, 12)
    assert len({rule.key for rule in made[:2]}) == len({rule.key for rule in made}) == 2


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
@pytest.mark.parametrize("on", [True, False])
def test_children_lie_in_the_space_whatever_varies_them(blocks: int, on: bool) -> None:
    space = Space.of("arxiv2", blocks=blocks, distinct_operands=on, last_not_add=on, connected=on)
    always = {"crossover": 1.0, "subtree": 1.0, "node": 1.0, "shrink": 1.0, "parsimony": 1.5, "resolution": 0.0}
    for rule in race(GeneticProgramming(space, seed=1000, **always), by_words, 60):
        space.check(rule)


def test_history_decides_what_comes_next() -> None:
    space = Space.of(blocks=3)
    one, other = (GeneticProgramming(space, seed=1000, fresh=0.2, parsimony=1.3) for _ in range(2))
    assert race(one, by_words, 60) == race(other, by_words, 60)
    assert race(GeneticProgramming(space, seed=1001, fresh=0.2, parsimony=1.3), by_words, 60) != race(one, by_words, 60)
    better, worse = GeneticProgramming(space, seed=1000), GeneticProgramming(space, seed=1000)
    race(better, by_words, 20)
    race(worse, lambda rule: -by_words(rule), 20)
    assert better.ask(5) != worse.ask(5)


def test_results_may_come_singly_and_late() -> None:
    space = Space.of(blocks=2)
    searcher = GeneticProgramming(space, seed=1000)
    flying = [searcher.ask(1)[0] for _ in range(16)]  # more than it begins with, and nothing told
    assert len({rule.key for rule in flying}) == 16
    for turn in range(60):
        searcher.tell(trials([flying.pop(turn % len(flying))], by_words))
        flying += searcher.ask(1)
    assert all(space.contains(rule) for rule in flying)
    assert searcher.elite[0][1] > 0.3


def test_pythons_generator_is_lent_and_put_back() -> None:
    searcher = GeneticProgramming(Space.of(blocks=2), seed=1000)
    race(searcher, by_words, 20)
    random.seed(3)
    before = random.getstate()
    searcher.ask(5)
    assert random.getstate() == before
    with pytest.raises(TypeError):
        searcher.tell([Trial(0, Rule.parse("g"), outcome(None))])  # type: ignore[arg-type]
    assert random.getstate() == before


def test_pythons_generator_is_put_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    searcher = GeneticProgramming(Space.of(blocks=2), seed=1000)
    race(searcher, by_words, 20)

    def broken(*_: object) -> None:
        random.random()
        raise ZeroDivisionError

    monkeypatch.setattr(gp.tools, "selTournament", broken)
    before = random.getstate()
    with pytest.raises(ZeroDivisionError):
        searcher.ask(5)
    assert random.getstate() == before


def test_deap_is_left_as_it_was() -> None:
    program = """
import random
state = random.getstate()
import deap, deap.gp, deap.tools
names = set(vars(deap.gp))
from harness.searchers.gp import GeneticProgramming
from harness.space.grammar import Space
GeneticProgramming(Space.of(), seed=0).ask(20)
from deap import creator
assert set(vars(deap.gp)) == names, set(vars(deap.gp)) - names
assert not [name for name in vars(creator) if name.startswith(("Fitness", "Individual", "Score"))]
assert random.getstate() == state
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_order_of_sets_does_not_matter(hash_seed: str) -> None:
    program = """
import sys
ballast = [type(f"T{number}", (), {}) for number in range(int(sys.argv[1]))]  # so that types lie elsewhere in memory
from tests_here import GeneticProgramming, by_words, race, Space
print([str(rule) for rule in race(GeneticProgramming(Space.of(blocks=3), seed=1000, crossover=1.0), by_words, 60)])
""".replace("tests_here", "test_gp")
    here = race(GeneticProgramming(Space.of(blocks=3), seed=1000, crossover=1.0), by_words, 60)
    done = subprocess.run(
        [sys.executable, "-c", program, hash_seed],
        check=True,
        timeout=600,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join([*sys.path, __file__.rpartition("/")[0]])},
    )
    assert done.stdout.strip() == str([str(rule) for rule in here])


def test_it_begins_with_known_rules() -> None:
    space = Space.of(blocks=2)
    first = GeneticProgramming(space, seed=1000, warm_start="sgd,adam,powersign").ask(10)
    assert [rule.key for rule in first[:3]] == [named(name).key for name in ("sgd", "adam", "powersign")]
    assert list(first[3:]) == list(GeneticProgramming(space, seed=1000).ask(7))
    with pytest.raises(SettingError, match=r"setting warm_start, 'admm'.*Did you mean 'adam'"):
        GeneticProgramming(space, seed=1000, warm_start="sgd,admm")


def test_injected_rules_come_next_and_once() -> None:
    space = Space.of(blocks=2)
    searcher = GeneticProgramming(space, seed=1000)
    race(searcher, by_words, 20)
    searcher.inject([Rule.parse("g"), Rule.parse("m"), Rule.parse("g * 1")])
    assert [rule.key for rule in searcher.ask(3)[:2]] == ["g", "m"]
    searcher.inject([Rule.parse("m")])
    assert searcher.ask(1)[0].key != "m"
    with pytest.raises(SpaceError):
        searcher.inject([Rule.parse("g * m * v * adam")])


def test_what_others_proposed_joins_the_population() -> None:
    searcher = GeneticProgramming(Space.of(blocks=2), seed=1000)
    race(searcher, by_words, 20)
    migrant = searcher._space.sample(np.random.default_rng(7))
    searcher.tell([Trial(20, migrant, outcome(2.0)), Trial(21, migrant, outcome(3.0), charged=False)])
    assert searcher.elite[0] == (migrant, 2.0)
    assert migrant.key not in {rule.key for rule in race(searcher, by_words, 50)}


def scores(searcher: GeneticProgramming) -> list[float]:
    return [score for _, score in searcher.elite]


def heard(given: Sequence[float], **settings: float | int) -> list[float]:
    """The population's scores after hearing of so many different rules."""
    searcher = GeneticProgramming(Space.of(blocks=2), seed=1000, **settings)  # type: ignore[arg-type]
    rules = searcher.ask(len(given))
    searcher.tell([Trial(index, *pair) for index, pair in enumerate(zip(rules, map(outcome, given), strict=True))])
    return scores(searcher)


def test_who_leaves_the_population() -> None:
    given = [0.5, 0.9, 0.1, 0.2, 0.3, 0.4]
    assert heard(given, population=4, elites=4, resolution=0.0) == [0.9, 0.5, 0.4, 0.3]  # always the worst
    assert heard(given, population=4, elites=99, resolution=0.0) == [0.9, 0.5, 0.4, 0.3]
    assert heard(given, population=4, elites=0, resolution=0.0) == [0.4, 0.3, 0.2, 0.1]  # always the oldest
    assert heard(given, population=4, elites=1, resolution=0.0) == [0.9, 0.4, 0.3, 0.2]  # the oldest but the best


def test_one_behaviour_is_one_individual() -> None:
    assert heard([0.5, 0.505, 0.502, 0.7], resolution=0.01) == [0.7, 0.505]
    assert heard([0.5, 0.505, 0.502, 0.7], resolution=0.0) == [0.7, 0.505, 0.502, 0.5]
    searcher = GeneticProgramming(Space.of(blocks=2), seed=1000, resolution=0.01)
    rules = searcher.ask(2)
    searcher.tell(trials(rules, lambda _: 0.5))
    assert searcher.elite == [(rules[1], 0.5)]  # of equals, the newer


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_equal_scores_the_smaller_tree_stands_higher_and_the_largest_leaves(order: tuple[int, ...]) -> None:
    space = Space.of(blocks=3)
    rng = np.random.default_rng(0)
    by_size = {len(tree_of(rule)): rule for rule in (space.sample(rng) for _ in range(50))}
    small, middle, large = (by_size[size] for size in sorted(by_size)[:3])
    searcher = GeneticProgramming(space, seed=1000, population=2, elites=2, resolution=0.0)
    searcher.tell(trials([(small, middle, large)[place] for place in order], lambda _: 0.5))
    assert searcher.elite == [(small, 0.5), (middle, 0.5)]


def test_elites_stay() -> None:
    searcher = GeneticProgramming(Space.of(blocks=2), seed=1000, population=8, elites=1)
    best = 0.0
    made: list[Rule] = []
    for _ in range(30):
        rules = searcher.ask(5)
        searcher.tell(trials(rules, by_words, len(made)))
        made += rules
        best = max(best, *map(by_words, rules))
        assert scores(searcher)[0] == best
        assert all(one >= other for one, other in pairwise(scores(searcher)))


def test_parsimony_prefers_smaller_parents() -> None:
    # one score for all, so that size alone decides: the means are 9.3, 9.8 and 10.4, with standard errors of 0.1
    def size(parsimony: float) -> float:
        searcher = GeneticProgramming(
            Space.of(blocks=3), seed=1000, parsimony=parsimony, resolution=0.0, population=60, initial=60
        )
        race(searcher, lambda _: 0.5, 60)
        with gp._python_random(random.Random(1)):
            return float(np.mean([len(searcher._parent()) for _ in range(300)]))

    assert size(2.0) < size(1.5) < size(1.0)


class Variation:
    """The variations of trees, one by one, with DEAP's draws from a stream of their own."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.words = gp._words(space)
        self.stream = random.Random(derive_seed(seed, "test"))
        self.draws = np.random.default_rng(seed)

    def individual(self) -> gp.Individual:
        return gp.Individual.of(Trial(0, self.space.sample(self.draws), outcome(0.5)), self.words)

    def check(self, tree: gp.Individual) -> None:
        """Every node is of the type that its place wants."""
        wanted: list[type] = [gp.Result]
        for node in tree:
            assert issubclass(node.ret, wanted.pop())
            if node.arity:
                wanted += reversed(node.args)
        assert not wanted


@pytest.mark.parametrize("operator", ["crossover", "subtree", "node", "shrink"])
def test_trees_stay_well_typed(operator: str) -> None:
    variation = Variation(Space.of("arxiv2", blocks=3), 5)
    changed = 0
    with gp._python_random(variation.stream):
        for _ in range(200):
            tree = variation.individual()
            before = list(tree)
            if operator == "crossover":
                deap_gp.cxOnePoint(tree, variation.individual())
            elif operator == "subtree":
                deap_gp.mutUniform(tree, gp._grower(tree, 3, 0.5, 0.3), variation.words)
            elif operator == "node":
                gp._change_word(tree, variation.words, 0.3)
                assert [node.arity for node in tree] == [node.arity for node in before]
            else:
                gp._lift_operand(tree)
                assert len(tree) < len(before) or list(tree) == before
            variation.check(tree)
            changed += list(tree) != before
    assert changed > 100


def test_a_word_changes_in_every_copy_of_its_block() -> None:
    variation = Variation(Space.of("arxiv2", blocks=2, distinct_operands=False), 5)
    rule = Rule.parse("g m id id mul #1 #1 exp sign div")
    with gp._python_random(variation.stream):
        for _ in range(200):
            tree = gp.Individual.of(Trial(0, rule, outcome(0.5)), variation.words)
            gp._change_word(tree, variation.words, 0.3)
            changed = rule_of(tuple(node.name for node in tree))
            assert len(changed.blocks) == 2
            assert sum(a != b for a, b in zip(changed.tokens, rule.tokens, strict=True)) == 1


def test_a_rule_cut_down_to_one_block_still_has_its_place() -> None:
    # where blocks must be connected no tree of one block is a rule as it stands: a second block carries it on
    space = Space.of(blocks=2)
    found = fit(tree_of(Rule.parse("g * m")), space)
    assert found is not None
    assert space.contains(found)
    assert found.key == Rule.parse("g * m").key
