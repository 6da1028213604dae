"""A simulated race: it asks and tells as the loop does, with made-up outcomes, and records everything."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

from harness.conformance.checks import Broken, require
from harness.contracts import Outcome, Rule, Searcher, Status, Trial
from harness.errors import SpaceError
from harness.space.grammar import SWITCHES, Space
from harness.space.vocabulary import EDITIONS

CHANCE = 0.1
Judge = Callable[[Rule], Outcome]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of ``ask``, with what it returned."""

    count: int
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One call of ``tell``."""

    trials: tuple[Trial, ...]


@dataclass(slots=True)
class History:
    """All calls between the loop and a searcher, in order, and every rule proposed."""

    events: list[Asked | Told] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """Every proposal as its token string."""
        return [str(rule) for rule in self.rules]


def drive(searcher: Searcher, space: Space, *, proposals: int, judge: Judge | None = None) -> History:
    """Race a searcher until it has made so many proposals or has none left; each must be a rule of the space.

    Raises:
        Broken: it proposed something else, or too much.
    """
    history, known = History(), dict[str, Outcome]()
    judge = judge or pretended
    while len(history.rules) < proposals:
        rules = asked(searcher, space, min(searcher.batch, proposals - len(history.rules)), history)
        if not rules:
            break
        batch = []
        for index, rule in enumerate(rules, len(history.rules) - len(rules)):
            charged = rule.key not in known
            batch.append(Trial(index, rule, known.setdefault(rule.key, judge(rule)), charged))
        tell(searcher, batch, history)
    return history


def tell(searcher: Searcher, batch: Sequence[Trial], history: History) -> None:
    """Tell a fresh list of trials, and record it."""
    history.events.append(Told(tuple(batch)))
    searcher.tell(list(batch))


def asked(searcher: Searcher, space: Space, count: int, history: History) -> tuple[Rule, ...]:
    """Ask, check the answer, and record it.

    Raises:
        Broken: the answer is not a sequence of at most ``count`` rules of the space.
    """
    answer = searcher.ask(count)
    require(
        isinstance(answer, Sequence), f"ask({count}) returned a {type(answer).__name__} where a list of rules was due"
    )
    rules = tuple(answer)
    require(len(rules) <= count, f"ask({count}) returned {len(rules)} rules")
    for rule in rules:
        require(isinstance(rule, Rule), f"ask({count}) returned a {type(rule).__name__} where a Rule was due")
        try:
            space.check(rule)
        except SpaceError as error:
            raise Broken(f"proposed {rule}, outside the space {space.describe()}: {error}") from error
    history.events.append(Asked(count, rules))
    history.rules += rules
    return rules


def latest(history: History, rules: Sequence[Rule], judge: Judge, *, charged: bool = True) -> list[Trial]:
    """Return trials of the rules asked for last, numbered by their places in the history."""
    start = len(history.rules) - len(rules)
    return [Trial(index, rule, judge(rule), charged) for index, rule in enumerate(rules, start)]


def pretended(rule: Rule) -> Outcome:
    """Return a made-up outcome that depends only on the rule's string: mostly a score, sometimes a failure."""
    digest = hashlib.sha256(str(rule).encode()).digest()
    if digest[0] < 26:
        return failed(rule)
    return Outcome(
        status=Status.OK, score=CHANCE + 0.8 * digest[1] / 255, learning_rate=0.01, examples=1000, seconds=0.0
    )


def failed(rule: Rule) -> Outcome:
    """Return a failure at chance; the rule's string decides its kind."""
    error = hashlib.sha256(str(rule).encode()).digest()[1] < 128
    return Outcome(
        status=Status.ERROR if error else Status.DIVERGED,
        score=CHANCE,
        learning_rate=None,
        examples=100,
        seconds=0.0,
        message="pretended" if error else "",
    )


def equal(_: Rule) -> Outcome:
    """Return the same score for every rule."""
    return Outcome(status=Status.OK, score=0.5, learning_rate=0.01, examples=1000, seconds=0.0)


def spaces(blocks: Sequence[int]) -> tuple[Space, ...]:
    """Return spaces that differ in every possible way, including each edition with each number of blocks."""
    whole = [Space.of(edition, blocks=count) for edition, count in product(EDITIONS, blocks)]
    count = max(blocks)
    off = unconstrained("icml2017", blocks=count)
    switched = [off, *(Space.from_spec(off.spec() | {name: True}) for name in SWITCHES)]
    few = Space.of("arxiv2", blocks=count, operands=("g", "m", "sign(g)"), unary=("exp", "id"), binary=("add", "mul"))
    return (*whole, *switched, few, tiny())


def unconstrained(edition: str, *, blocks: int) -> Space:
    """Return a whole edition with every constraint switched off."""
    return Space.of(edition, blocks=blocks, distinct_operands=False, last_not_add=False, connected=False)


def small() -> Space:
    """Return a space of some 500 strings, for searchers that reject large spaces."""
    return Space.of(blocks=1, operands=("g", "m", "v", "1"), unary=("id", "exp", "log"))


def tiny() -> Space:
    """Return a space of two rules, which is easily exhausted."""
    return Space.of(blocks=1, operands=("g", "m"), unary=("id",), binary=("sub",))
