"""The promises of a task: contracts.Task and law 2, each with a check that can fail."""

from __future__ import annotations

import inspect
import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.checkpoints import checkpoint
from harness.conformance.checks import Check, require, run_checks, same, titled
from harness.conformance.driving import unconstrained
from harness.conformance.elsewhere import find, importable, in_fresh_process
from harness.conformance.surroundings import snapshot, stirred, untouched
from harness.contracts import Block, Dataset, Outcome, Rule, Status, Task, TaskProtocol
from harness.race.protocols import NO_DATA, check_protocol
from harness.registry import Kind, check_call, load
from harness.seeds import derive_seed

PLAIN = "g m id id left"  # gradient descent: a task that cannot train it cannot train anything
DRAWING = "g noise id id add"  # the same with noise
NASTY = (
    "g g id id sub",  # no step at all
    "1 1 id id add",  # the same step forever
    "g 1e-1w neg exp add",  # runs away from 0
    "1 g id id div",  # a denominator of 0 + ε
    "g3 gamma log log div",
    "1e-1w 1e-1w exp exp mul #1 #1 exp exp mul #2 #2 exp exp mul",  # infinite within a step
    "g 1 exp exp mul #1 #1 exp exp mul #2 #1 exp exp sub",  # ∞ − ∞
    "noise noise log exp pow",
    "noise g drop5 drop3 div",
    "g m sqrt sign pow #1 2 exp id pow",
)
TWINS = (("g m id id add", "m g id id add"), ("g v neg neg mul", "v g id id mul"))  # one function, two strings


@dataclass(frozen=True)
class Subject:
    """The task under test, what it is built from, and the rules it is tried on."""

    factory: Callable[..., Task]
    protocol: TaskProtocol
    data: Dataset
    rules: tuple[Rule, ...]
    seed: int
    timeout_seconds: float

    def fresh(self) -> Task:
        """Build a new task."""
        return self.factory(self.protocol, self.data)

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """A fresh task's outcomes for all rules, evaluated at once: the reference for other ways of evaluating."""
        given = self.fresh().evaluate(self.rules, seed=self.seed)
        require(isinstance(given, Sequence), f"returned a {type(given).__name__} where a list of outcomes was due")
        require(len(given) == len(self.rules), f"{len(self.rules)} rules gave {len(given)} outcomes")
        strange = next((each for each in given if not isinstance(each, Outcome)), None)
        require(strange is None, f"returned a {type(strange).__name__} where an Outcome was due")
        return tuple(given)


def check_task(
    factory: str | Callable[..., Task],
    *,
    protocol: TaskProtocol,
    data: Dataset = NO_DATA,
    rules: int = 24,
    seed: int = 0,
    timeout_seconds: float = 300.0,
    report: Callable[[Check], None] | None = None,
) -> list[Check]:
    """Check every promise of a task. Each rule is evaluated about eight times.

    Args:
        factory: registry name, ``module:attribute``, or the factory itself.
        protocol: the protocol to build it with; a short one makes a quick check.
        data: the data to build it with, which should be small, since it is sent to another process.
        rules: how many rules to try: gradient descent, then nasty ones, then random ones of all kinds.
        seed: seed of the children and of the random rules.
        timeout_seconds: the most that all rules together may take in a fresh process.
        report: called with each check as it ends.

    Raises:
        RegistryError: the name is unknown, or what it names cannot be loaded or called as a task's factory.
        ProtocolError: the protocol cannot be stored in a run's record.
    """
    check_protocol(protocol)
    loaded: Callable[..., Task] = load(Kind.TASK, factory) if isinstance(factory, str) else factory
    check_call(Kind.TASK, str(factory), loaded, protocol, data)
    subject = Subject(loaded, protocol, data, trial_rules(rules, seed=seed), seed, timeout_seconds)
    return run_checks(titled(PROMISES, subject), report)


def trial_rules(count: int, *, seed: int) -> tuple[Rule, ...]:
    """Return gradient descent, the nasty rules, then random rules of one to four blocks without constraints."""
    rng = np.random.default_rng(derive_seed(seed, "conformance", "rules"))
    spaces = [unconstrained("arxiv2", blocks=blocks) for blocks in (1, 2, 3, 4)]
    chosen = [_rule(text) for text in (PLAIN, *NASTY)]
    chosen += (spaces[index % 4].sample(rng) for index in range(count - len(chosen)))
    return tuple(chosen[: max(1, count)])


def endurance(subject: Subject) -> str:
    """Never raises, whatever the rule, and returns one outcome per rule."""
    outcomes = subject.outcomes
    none = subject.fresh().evaluate([], seed=subject.seed)
    require(len(none) == 0, f"no rules gave {len(none)} outcomes")
    failed = sum(each.status is not Status.OK for each in outcomes)
    return f"{len(outcomes)} rules, {failed} of them failed"


def figures(subject: Subject) -> str:
    """Reports sensible figures: finite, scores in [0, 1], learning rates of the sweep."""
    rates = subject.protocol.learning_rates
    for rule, outcome in zip(subject.rules, subject.outcomes, strict=True):
        scores = (outcome.score, *outcome.curve, *(score for _, score in outcome.sweep))
        wrong = [score for score in scores if not (math.isfinite(score) and 0 <= score <= 1)]
        require(not wrong, f"{rule} has a score of {wrong[:1]}, where [0, 1] was due")
        require(outcome.learning_rate in (None, *rates), f"{rule} chose λ {outcome.learning_rate}, not of the sweep")
        swept = tuple(rate for rate, _ in outcome.sweep)
        left = tuple(rate for rate in rates if rate in swept) if subject.protocol.rungs else rates
        require(swept in ((), left), f"{rule} swept {swept}, where {left or rates} was due")
        require(
            type(outcome.examples) is int and outcome.examples >= 0, f"{rule} consumed {outcome.examples!r} examples"
        )
        require(math.isfinite(outcome.seconds) and outcome.seconds >= 0, f"{rule} took {outcome.seconds!r} seconds")
    return f"{len(subject.outcomes)} outcomes"


def statuses(subject: Subject) -> str:
    """Scores a failure at chance and says what failed; gradient descent does not fail."""
    chance = subject.protocol.chance
    for rule, outcome in zip(subject.rules, subject.outcomes, strict=True):
        if outcome.status is Status.OK:
            require(outcome.learning_rate is not None, f"{rule} is ok without a learning rate")
        else:
            require(outcome.score == chance, f"{rule} is {outcome.status} with score {outcome.score}, not {chance}")
        told = bool(outcome.message)
        require(
            told == (outcome.status is Status.ERROR), f"{rule} is {outcome.status} with message {outcome.message!r}"
        )
    first = subject.outcomes[0]
    require(first.status is Status.OK, f"gradient descent is {first.status} {first.message}".rstrip())
    return f"chance is {chance}, gradient descent {first.score:.3f}"


def repetition(subject: Subject) -> str:
    """Gives the same outcome again, bit for bit."""
    same(lasting(subject.outcomes), lasting(subject.fresh().evaluate(subject.rules, seed=subject.seed)), what="outcome")
    return f"{len(subject.outcomes)} outcomes"


def grouping(subject: Subject) -> str:
    """Gives the same outcome in any order, whatever rules are beside it."""
    task, lone = subject.fresh(), list[Outcome]()
    for rule in reversed(subject.rules):
        lone += task.evaluate([rule], seed=subject.seed)
    same(lasting(subject.outcomes), lasting(lone[::-1]), what="outcome")
    doubled = task.evaluate([subject.rules[-1], subject.rules[0], subject.rules[-1]], seed=subject.seed)
    last, first = lasting([subject.outcomes[-1]])[0], lasting([subject.outcomes[0]])[0]
    same([last, first, last], lasting(doubled), what="outcome of a repeated rule,")
    return f"{len(lone)} rules one by one, backwards"


def stacks(subject: Subject) -> str:
    """Gives each rule in a full stack, in any order, the outcome that it has alone."""
    task = subject.fresh()
    likes = getattr(task, "width", 1)
    require(type(likes) is int and likes >= 1, f"likes {likes!r} rules at once, where a whole number from 1 was due")
    if likes == 1:
        return "it likes one rule at a time"
    places = [place % len(subject.rules) for place in range(likes)]
    np.random.default_rng(derive_seed(subject.seed, "conformance", "stack")).shuffle(places)
    together = task.evaluate([subject.rules[place] for place in places], seed=subject.seed)
    same(lasting([subject.outcomes[place] for place in places]), lasting(together), what="outcome in a full stack,")
    return f"{likes} rules at once"


def twins(subject: Subject) -> str:
    """Gives rules with the same key the same outcome."""
    pairs = [(_rule(one), _rule(other)) for one, other in TWINS]
    for one, other in pairs:
        require(one.key == other.key, f"{one} and {other} should have one key: the language is at fault, not the task")
        outcomes = lasting(subject.fresh().evaluate([one, other], seed=subject.seed))
        require(outcomes[0] == outcomes[1], f"{one} gave {outcomes[0]}, {other} gave {outcomes[1]}")
    return f"{len(pairs)} pairs"


def seeds(subject: Subject) -> str:
    """Gives a different outcome for a different seed."""
    other = derive_seed(subject.seed, "conformance", "other")
    changed = lasting(subject.fresh().evaluate(subject.rules[:1], seed=other))
    if changed != lasting(subject.outcomes[:1]):
        return "gradient descent differs"
    drawing = [Rule.parse(DRAWING)]  # all that a seed decides where examples and start are fixed
    first, second = (lasting(subject.fresh().evaluate(drawing, seed=seed)) for seed in (subject.seed, other))
    require(first != second, "two seeds gave one outcome, even of gradient descent with noise, so no seed is used")
    return "gradient descent with noise differs"


def elsewhere(subject: Subject) -> str:
    """Gives the same outcome in another process."""
    target = importable(subject.factory)
    there = in_fresh_process(
        evaluated,
        target,
        subject.protocol,
        subject.data,
        subject.rules,
        subject.seed,
        timeout_seconds=subject.timeout_seconds,
    )
    same(lasting(subject.outcomes), there, what="outcome")
    return f"{len(there)} outcomes"


def surroundings(subject: Subject) -> str:
    """Leaves global state alone: generators, environment, working directory."""
    subject.fresh().evaluate(subject.rules[:1], seed=subject.seed)  # so that late imports are done now
    with stirred(3):  # to detect a task that restores a generator to its state after the first run
        before = snapshot()
        subject.fresh().evaluate(subject.rules, seed=subject.seed)
        untouched(before)
    return f"{len(before)} kinds of state"


def independence(subject: Subject) -> str:
    """Does not listen to the global generators."""
    for seed in (1, 2):
        with stirred(seed):
            same(
                lasting(subject.outcomes),
                lasting(subject.fresh().evaluate(subject.rules, seed=subject.seed)),
                what="outcome",
            )
    return f"{len(subject.outcomes)} outcomes"


def resumption(subject: Subject) -> str:
    """Resumes from checkpoints, whole, damaged or of fewer epochs, to the same outcomes, if it saves any."""
    if "checkpoints" not in inspect.signature(subject.factory).parameters:
        return "it saves nothing"
    protocol, data = subject.protocol, subject.data.fingerprint

    def score(folder: Path, scoring: TaskProtocol) -> list[str]:
        task = subject.factory(scoring, subject.data, checkpoints=folder)
        return lasting(task.evaluate(subject.rules, seed=subject.seed))

    with tempfile.TemporaryDirectory() as place:
        whole, rungs = Path(place, "whole"), Path(place, "rungs")
        same(lasting(subject.outcomes), score(whole, protocol), what="outcome with checkpoints")
        known = {checkpoint(whole, protocol, rule, data=data, seed=subject.seed) for rule in subject.rules}
        left = set(whole.iterdir()) if whole.exists() else set()
        require(bool(left), "saved nothing in the folder for checkpoints")
        strange = sorted(path.name for path in left - known)
        require(not strange, f"saved {strange[:1]}, a name that harness.checkpoints.checkpoint gives to no child here")
        same(lasting(subject.outcomes), score(whole, protocol), what="outcome from its own checkpoint")
        for path in left:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        same(lasting(subject.outcomes), score(whole, protocol), what="outcome from a damaged checkpoint")
        if hasattr(protocol, "horizon") and protocol.epochs > 1:
            fewer: dict[str, Any] = {"epochs": protocol.epochs - 1, "horizon": protocol.horizon or protocol.epochs}
            score(rungs, replace(protocol, **fewer))
            same(lasting(subject.outcomes), score(rungs, protocol), what="outcome from a checkpoint of fewer epochs")
    return f"{len(left)} checkpoints"


def environment(subject: Subject) -> str:
    """States the environment that its scores depend on, as texts."""
    stated, again = subject.fresh().environment, subject.fresh().environment
    require(isinstance(stated, Mapping), f"environment is a {type(stated).__name__}, where a mapping was due")
    wrong = [item for item in stated.items() if not all(isinstance(part, str) for part in item)]
    require(not wrong, f"environment holds {wrong[:1]}, where texts were due")
    require(dict(stated) == dict(again), f"environment was {dict(stated)}, then {dict(again)}")
    return json.dumps(dict(stated))


def lasting(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the outcomes as texts, exact to the last bit and without their time."""
    return [repr(replace(outcome, seconds=0.0)) for outcome in outcomes]


def evaluated(target: str, protocol: TaskProtocol, data: Dataset, rules: Sequence[Rule], seed: int) -> list[str]:
    """Evaluate rules by a task found by its import path, in a fresh process."""
    task: Task = find(target)(protocol, data)
    return lasting(task.evaluate(rules, seed=seed))


def _rule(text: str) -> Rule:
    tokens = text.split()
    return Rule(tuple(Block(*tokens[start : start + 5]) for start in range(0, len(tokens), 5)))


PROMISES = (
    endurance,
    figures,
    statuses,
    repetition,
    grouping,
    stacks,
    twins,
    seeds,
    elsewhere,
    surroundings,
    independence,
    environment,
    resumption,
)
