"""Genetic programming: typed trees under crossover and mutation, with DEAP.

Koza, "Genetic Programming" (1992); Montana, "Strongly Typed Genetic Programming" (Evolutionary Computation 3, 1995);
Fortin et al., "DEAP: Evolutionary Algorithms Made Easy" (JMLR 13, 2012). The types make every tree alternate binary,
unary and operand (``harness.searchers.trees``). A tree that does not fit the space is bred again, and so is a function
that was proposed before. The population changes by batches instead of generations, (μ+λ) with overlapping generations,
because a search of a few hundred children has few generations.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from deap import base, gp, tools

from harness.contracts import Origin, Rule, Trial
from harness.searchers.trees import fit, tree_of
from harness.seeds import derive_seed
from harness.settings import Range
from harness.settings import Value as SettingValue
from harness.space.draws import IDENTITY, Draws
from harness.space.embedding import embed, known_rules
from harness.space.grammar import Space

INITIAL = 10
TRIES = 100  # to breed a new function, and then to draw one; after that a repeat is proposed

Probability = Annotated[float, Range(0.0, 1.0)]


class GeneticProgramming:
    """Breed the next rules from the best so far, as trees.

    It begins with known rules and random draws. A child is the winner of a tournament, which may be crossed with a
    second winner, get a subtree regrown, get a word changed, and get a binary function replaced by one of its operands,
    each with its own probability. Scores within ``resolution`` of each other count as one behaviour, of which the
    population keeps the better rule or, among equals, the newer: most mutants of a good rule differ from it by a term
    without effect, and would soon fill the population.

    The defaults were chosen by ``results/studies/searchers``, and those of version 3 by ``results/studies/stronger``.

    Args:
        space: the space to search.
        seed: decides every draw.
        population: μ, how many individuals can be parents.
        initial: how many rules start the search: known rules, rules that others proposed, then random draws. If not
            set, at most a quarter of the children of a run.
        batch: λ, how many proposals are scored before the searcher learns from them.
        tournament: how many individuals compete to be a parent, drawn with replacement.
        elites: how many of the best stay whatever their age; of the others the oldest leaves. If it is population or
            more, the worst leaves.
        crossover: probability that subtrees of one type are exchanged with a second parent.
        subtree: probability that a subtree is regrown.
        node: probability that a word is replaced by another of its kind, in every copy of its block.
        shrink: probability that a binary function is replaced by one of its operands.
        growth: probability that a regrown operand is a binary function.
        plain: probability, beyond the share of ``id``, that a unary function is left out, in random draws, regrown
            subtrees and changed words.
        fresh: probability of a random draw instead of a child.
        resolution: scores that differ by less count as one behaviour; 0 to compare none.
        parsimony: how strongly the smaller of two winners is preferred, from 1 (not at all) to 2 (Luke and Panait
            2002).
        warm_start: known rules that start the search, by name, formula or token string, separated by commas.

    Raises:
        SettingError: a rule of warm_start is unknown, or the space has no such function.
    """

    version = 3

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        population: Annotated[int, Range(1, 100_000)] = 5,
        initial: Annotated[int, Range(1, 100_000)] = INITIAL,
        batch: Annotated[int, Range(1, 100_000)] = 5,
        tournament: Annotated[int, Range(1, 100_000)] = 5,
        elites: Annotated[int, Range(0, 100_000)] = 5,
        crossover: Probability = 0.5,
        subtree: Probability = 0.3,
        node: Probability = 0.5,
        shrink: Probability = 0.05,
        growth: Probability = 0.25,
        plain: Annotated[float, Range(0.0, 0.99)] = 0.85,
        fresh: Probability = 0.0,
        resolution: Probability = 0.002,
        parsimony: Annotated[float, Range(1.0, 2.0)] = 1.0,
        warm_start: str = "",
    ) -> None:
        self.batch = batch
        self._space = space
        self._population, self._initial, self._elites = population, initial, elites
        self._tournament, self._parsimony = tournament, parsimony
        self._fresh, self._resolution = fresh, resolution
        self._words = _words(space)
        self._variations: tuple[tuple[float, str, Callable[[Individual], object]], ...] = (
            (crossover, "crossed", lambda child: gp.cxOnePoint(child, Individual(self._parent()))),
            (
                *(subtree, "subtree grown anew"),
                lambda child: gp.mutUniform(child, _grower(child, space.blocks, growth, plain), self._words),
            ),
            (node, "word changed", lambda child: _change_word(child, self._words, plain)),
            (shrink, "subtree lifted", _lift_operand),
        )
        self._draws = Draws(space, seed=seed, plain=plain)
        self._stream = random.Random(derive_seed(seed, "gp", "variation"))
        self._waiting: deque[Rule] = deque()
        self._proposed: set[str] = set()
        self._parents: list[Rule] = []  # of the child being bred
        self._origins: dict[Rule, Origin] = {}
        self._told: set[str] = set()
        self._living: list[Individual] = []  # by age, the oldest first
        self.inject(known_rules(warm_start, space))

    @staticmethod
    def startup(settings: Mapping[str, SettingValue]) -> dict[str, int]:
        """Return how many rules start the search."""
        return {"initial": int(settings["initial"])}

    @property
    def elite(self) -> list[tuple[Rule, float]]:
        """Return the population's rules with their scores, best first."""
        return [(each.rule, each.score) for each in sorted(self._living, key=_standing, reverse=True)]

    def inject(self, rules: Iterable[Rule]) -> None:
        """Propose these rules next, except functions proposed already; rules scored elsewhere join by ``tell`` instead.

        Raises:
            SpaceError: one of them is not a function of the space.
        """
        self._waiting.extend([embed(rule, self._space) for rule in rules])

    def ask(self, count: int) -> Sequence[Rule]:
        """Propose ``count`` rules: injected ones, then random draws, then children."""
        with _python_random(self._stream):
            return [self._proposal() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Add every function that is new here to the population, whoever proposed it."""
        for trial in trials:
            key = trial.rule.key
            self._proposed.add(key)
            if key not in self._told:
                self._told.add(key)
                self._join(Individual.of(trial, self._words))

    def origin(self, rule: Rule) -> Origin | None:
        """Return the parents of a child, and how it was made from them."""
        return self._origins.get(rule)

    def _proposal(self) -> Rule:
        rule, came = self._injected(), Origin(how="given to begin with")
        if rule is None and len(self._proposed) >= self._initial and self._living and random.random() >= self._fresh:
            rule, came = self._child()
        if rule is None:
            rule, came = self._draws.draw_new(self._proposed, tries=TRIES), Origin(how="drawn at random")
        self._proposed.add(rule.key)
        self._origins[rule] = came
        return rule

    def _injected(self) -> Rule | None:
        while self._waiting:
            rule = self._waiting.popleft()
            if rule.key not in self._proposed:
                return rule
        return None

    def _child(self) -> tuple[Rule | None, Origin]:
        """Return a child that is a function not proposed before (None if the tries run out), and its origin."""
        for _ in range(TRIES):
            self._parents.clear()
            child, done = Individual(self._parent()), []
            for probability, name, vary in self._variations:
                if random.random() < probability:
                    vary(child)
                    done.append(name)
            rule = fit(tuple(node.name for node in child), self._space)
            if rule is not None and rule.key not in self._proposed:
                return rule, Origin(how=f"bred: {', '.join(done)}", parents=tuple(self._parents))
        return None, Origin(how="bred")

    def _parent(self) -> Individual:
        if self._parsimony == 1.0:
            (winner,) = tools.selTournament(self._living, 1, self._tournament)
        else:
            (winner,) = tools.selDoubleTournament(self._living, 1, self._tournament, self._parsimony, True)
        self._parents.append(winner.rule)
        return winner  # type: ignore[no-any-return]  # DEAP has no types

    def _join(self, born: Individual) -> None:
        """Add an individual, and remove another one if there are too many."""
        if any(0.0 < each.score - born.score < self._resolution for each in self._living):
            return
        self._living = [*(each for each in self._living if abs(each.score - born.score) >= self._resolution), born]
        if len(self._living) > self._population:
            ranked = sorted(self._living, key=_standing, reverse=True)
            stay = ranked[: min(self._elites, self._population)]
            leaver = next(each for each in self._living if not any(each is one for one in stay))
            self._living = [each for each in self._living if each is not leaver]


class _Type(type):
    """The type of a node. DEAP draws from a set of these, whose order must be the same in every process."""

    def __hash__(cls) -> int:
        return len(cls.__name__)


class Value(metaclass=_Type):
    """The type of a unary function's result and of a binary function's arguments."""


class Operand(metaclass=_Type):
    """The type of a unary function's argument."""


class Result(Operand):
    """The type of a binary function's result, and of the whole rule."""


class _Score(base.Fitness):  # type: ignore[misc]  # DEAP has no types
    """Higher is better. Declared here, since ``deap.creator`` would make it a global of its own."""

    weights = (1.0,)


class Individual(gp.PrimitiveTree):  # type: ignore[misc]  # DEAP has no types
    """A tree in DEAP's form, a list of nodes in prefix order; members of the population have a rule and a score."""

    rule: Rule
    score: float
    fitness: _Score

    @classmethod
    def of(cls, trial: Trial, words: gp.PrimitiveSetTyped) -> Individual:
        """Return the tree of a rule that was scored."""
        born = cls([words.mapping[word] for word in tree_of(trial.rule)])
        born.rule, born.score, born.fitness = trial.rule, trial.outcome.score, _Score((trial.outcome.score,))
        return born

    def span(self, start: int) -> slice:
        """Return where the subtree of a node lies."""
        return self.searchSubtree(start)  # type: ignore[no-any-return]

    @property
    def results(self) -> list[int]:
        """Return where the binary functions are, the root first."""
        return [place for place, node in enumerate(self) if node.ret is Result]


def _standing(individual: Individual) -> tuple[float, int]:
    """Return what ranks an individual: its score, and among equals the smaller tree first."""
    return individual.score, -len(individual)


def _words(space: Space) -> gp.PrimitiveSetTyped:
    """Return the words of a space as DEAP's nodes, which are placeholders, since they are never executed."""
    words = gp.PrimitiveSetTyped("rule", [], Result)
    for word in space.binary:
        words.addPrimitive(None, [Value, Value], Result, name=word)
    for word in space.unary:
        words.addPrimitive(None, [Operand], Value, name=word)
    for word in space.operands:
        words.addTerminal(None, Operand, name=word)
    return words


def _grower(tree: Individual, blocks: int, growth: float, plain: float) -> Callable[..., list[Any]]:
    """Return what grows a subtree of a type for DEAP; operands are words, the tree's other results, or new subtrees."""
    shared = [tree[tree.span(place)] for place in tree.results[1:]]
    grown = 0

    def grow(pset: gp.PrimitiveSetTyped, type_: type) -> list[Any]:
        nonlocal grown
        if type_ is Value:
            identity = pset.mapping.get(IDENTITY)
            left_out = identity is not None and random.random() < plain
            return [identity if left_out else random.choice(pset.primitives[Value]), *grow(pset, Operand)]
        if type_ is Operand and (grown >= blocks or random.random() >= growth):
            leaves = [[leaf] for leaf in pset.terminals[Operand]]
            return list(random.choice(leaves + shared))
        grown += 1
        return [random.choice(pset.primitives[Result]), *grow(pset, Value), *grow(pset, Value)]

    return grow


def _change_word(tree: Individual, words: gp.PrimitiveSetTyped, plain: float) -> None:
    """Replace one word, possibly the root, by another of its kind; equal subtrees are one block and change together."""
    place = random.randrange(len(tree))
    old = tree[place]
    kind = words.primitives[old.ret] if old.arity else words.terminals[Operand]
    others = [word for word in kind if word.name != old.name]
    if not others:
        return
    identity = words.mapping.get(IDENTITY)
    left_out = old.ret is Value and identity in others and random.random() < plain
    new = identity if left_out else random.choice(others)
    start = max(result for result in tree.results if result <= place < tree.span(result).stop)
    block = tree[tree.span(start)]
    for copy in tree.results:
        if tree[tree.span(copy)] == block:
            tree[copy + place - start] = new


def _lift_operand(tree: Individual) -> None:
    """Replace a binary function by one of its operands; at the root, by one that is a binary function, too."""
    place = random.choice(tree.results)
    first = tree.span(place + 2)  # after the binary function and its first unary one
    operands = [first, tree.span(first.stop + 1)]
    possible = [operand for operand in operands if place or tree[operand.start].ret is Result]
    if possible:
        tree[tree.span(place)] = tree[random.choice(possible)]


@contextmanager
def _python_random(stream: random.Random) -> Iterator[None]:
    """Let DEAP, which draws from Python's global generator, draw from our stream, then restore the global state."""
    before = random.getstate()
    random.setstate(stream.getstate())
    try:
        yield
    finally:
        stream.setstate(random.getstate())
        random.setstate(before)
