"""The nouns of the harness, and the two seams that outside code plugs into. Read this file first.

Searchers propose rules, tasks score them, the harness charges a budget, writes everything down and judges::

    searcher = RandomSearch(space, seed=0)              # a Searcher: factory(space, *, seed, **settings)
    task = ChildTask(protocol, data)                    # a Task: factory(protocol, data)
    rules = searcher.ask(5)                             # up to five proposals
    outcomes = task.evaluate(rules, seed=7)             # one Outcome per rule, never an exception
    searcher.tell([Trial(i, r, o) for i, (r, o) in enumerate(zip(rules, outcomes))])

In a race, only the loop (``harness.race.loop``) makes these calls. It owns the budget, the deduplication and the
ledger; a searcher never sees a clock, a ledger or a worker.

Laws, each with a test:

1. ``Rule`` is the only currency of searches. Every searcher can propose every rule of its space, and nothing outside
   it. A confirmation compares trained optimizers: its currency is a ``Candidate``, a rule or another optimizer.
2. ``Task.evaluate`` never raises for a bad rule: failure is an ``Outcome``. The same rule, protocol, data and seed give
   the same outcome, bit for bit, on one machine.
3. The loop owns the budget, the deduplication and the ledger.
4. ``(space, seed, settings, history of asks and tells)`` determines the next ask, so a run resumes by replay.
5. A run's header pins all that its scores depend on; only equals are ranked together.
6. A trial is on disk before the searcher hears of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Generic, Protocol, runtime_checkable

if TYPE_CHECKING:  # for type checkers only: for them, `Trial` and `Searcher` default to rules
    from typing_extensions import TypeVar

    from harness.space.grammar import Space

    Tried = TypeVar("Tried", bound="Candidate", covariant=True, default="Rule")
    Proposed = TypeVar("Proposed", bound="Candidate", default="Rule")
else:
    from typing import TypeVar  # it supports defaults from Python 3.13 on

    Tried, Proposed = TypeVar("Tried", covariant=True), TypeVar("Proposed")

from harness.limits import Count, Label, Length, Positive, Score
from harness.metrics import ACCURACY as ACCURACY
from harness.metrics import SCORE as SCORE
from harness.metrics import Metric as Metric

CPU = "cpu"  # where children train by default
ARITHMETIC = "arithmetic"  # the key in an environment of a digest that differs between machines that round differently


@dataclass(frozen=True, slots=True)
class Block:
    """One step of a rule, ``binary(u1(op1), u2(op2))``, in written names (protocol §1)."""

    op1: str
    op2: str
    u1: str
    u2: str
    binary: str

    @property
    def tokens(self) -> tuple[str, str, str, str, str]:
        """The five names in the order of the token string."""
        return (self.op1, self.op2, self.u1, self.u2, self.binary)


@dataclass(frozen=True, slots=True)
class Rule:
    """An update rule: the last block's value is Δ, and a step is ``w ← w − λΔ`` ([NOS] §3.1).

    ``str(rule)`` is the token string, which ``Rule.parse`` reads back exactly. ``rule.infix`` is the formula, which
    ``Rule.parse`` reads back as the same function.

    Example:
        >>> from harness import Rule
        >>> rule = Rule.parse("g * exp(sign(g) * sign(m))")
        >>> rule.infix, len(rule.blocks)
        ('g * exp(sign(g) * sign(m))', 2)
        >>> rule.key == Rule.parse("exp(sign(m) * sign(g)) * g").key
        True
    """

    blocks: tuple[Block, ...]

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read a token string or an infix formula.

        Raises:
            RuleSyntaxError: ``text`` is neither; the message says where the mistake is.
        """
        # The only imports that point upward: Rule is the language's front door.
        from harness.space.notation import rules as notation

        return notation.parse(text)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The 5n names, where n is the number of blocks."""
        return tuple(token for block in self.blocks for token in block.tokens)

    @property
    def infix(self) -> str:
        """The rule as a formula."""
        from harness.space.notation import rules as notation

        return notation.infix(self)

    @property
    def key(self) -> str:
        """The canonical form: equal for rules that algebra shows to be the same function, different otherwise."""
        from harness.space import equivalence

        return equivalence.key(self)

    def __str__(self) -> str:
        return " ".join(self.tokens)


class Candidate(Protocol):
    """Something that trains a child and can be confirmed: a ``Rule``, or a ``harness.candidates.NamedOptimizer``.

    ``str(candidate)`` is its record, from which it can be built again.
    """

    @property
    def key(self) -> str:
        """Equal for candidates that are the same function; outcomes are stored under it."""

    @property
    def infix(self) -> str:
        """The readable form: a rule's formula, or another optimizer's name with its options."""


class Status(StrEnum):
    """How a child ended."""

    OK = "ok"
    DIVERGED = "diverged"  # its loss became infinite or NaN at the learning rate that counts
    ERROR = "error"  # it could not be trained at all; Outcome.message says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one child earned.

    Attributes:
        status: how it ended.
        score: the reward in [0, 1], such as validation accuracy; the protocol's chance unless status is OK.
        learning_rate: the λ that the sweep chose; None if every λ diverged.
        examples: training examples consumed, the sweep included.
        seconds: wall time; reported, never ranked, never compared.
        sweep: (λ, score after the sweep's epoch) in the protocol's order, chance if λ diverged; rates that rungs
            dropped are left out.
        curve: validation score after each epoch at the chosen λ.
        message: empty unless status is ERROR.
        test: the score on examples that no search ever sees (protocol §3); None unless the task was built to test
            and has such examples.
        test_at_best: their score at the epoch with the best validation score, the first of several; None unless the
            task measures it.
        figures: other figures by name, such as BLEU, each name once; finite, and not limited to [0, 1].
    """

    status: Status
    score: Score
    learning_rate: float | None
    examples: Count
    seconds: float
    sweep: tuple[tuple[float, Score], ...] = ()
    curve: tuple[Score, ...] = ()
    message: str = ""
    test: Score | None = None
    test_at_best: Score | None = None
    figures: tuple[tuple[Label, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Trial(Generic[Tried]):
    """One proposal with its outcome; a search proposes rules, a confirmation any candidates.

    Attributes:
        index: its place among the run's proposals, from 0.
        rule: what was proposed.
        outcome: what it earned; a duplicate has the outcome of its first appearance.
        charged: whether it used up one child of the budget; False for a duplicate within the run.
    """

    index: int
    rule: Tried
    outcome: Outcome
    charged: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How a searcher came to propose a rule, in its own words: for readers, never for a score.

    Attributes:
        how: a few words, such as ``drawn at random`` or ``bred: crossover``.
        parents: the rules it was made from, the main one first.
        log_probability: log probability of the rule, in nats, under the distribution that the searcher proposed it
            from; None if there is none.
    """

    how: str
    parents: tuple[Rule, ...] = ()
    log_probability: float | None = None


@dataclass(frozen=True, kw_only=True)  # no slots: they would prevent caching the hash
class TaskProtocol:
    """How a rule is scored, with every number that its reward depends on: the fields that all protocols share.

    A task that has more numbers declares its own dataclass, with a field for each::

        @dataclass(frozen=True, kw_only=True)
        class WalkProtocol(TaskProtocol):
            steps: int

    Frozen under ``name`` and ``version``; a change to any field changes ``hash``, and results with different hashes are
    never ranked together. Named instances lie beside their tasks.

    Attributes:
        name: what ``--protocol`` takes.
        version: rises whenever any number, or the code behind them, moves a score.
        task: registry name or ``module:attribute`` of the task that reads this protocol.
        inputs: the kind of data the task wants, such as ``images``; ``none`` for no data.
        metric: what the scores measure; None for the default, which ``measured`` returns.
        learning_rates: the sweep, one epoch each.
        epochs: epochs trained at the chosen λ, the sweep's epoch included.
        chance: the score of a child that failed.
        rungs: an inexact saving: ascending shares of the sweep's epoch, after each of which the worse half of the λs is
            dropped; empty to train every λ to its end.
        stops_below: an inexact saving: a child whose best λ scores less than this after the sweep is not trained
            further.
    """

    name: Label
    version: int
    task: Label
    inputs: Label = "none"
    metric: Metric | None = None
    learning_rates: Annotated[tuple[float, ...], Length(1)]
    epochs: Positive = 1
    chance: Score
    rungs: tuple[float, ...] = ()
    stops_below: Score = 0.0

    @property
    def measured(self) -> Metric:
        """What the scores measure."""
        return self.metric or (ACCURACY if self.inputs == "images" else SCORE)

    @property
    def tabled(self) -> Space | None:
        """The only space that can be searched, where outcomes are looked up in a table; None where children train."""
        return None

    def spec(self) -> dict[str, object]:
        """Return the fields for JSON; fields added after hashes were stored appear only if they are used."""
        fields = dataclasses.asdict(self)
        return {name: value for name, value in fields.items() if value or name not in YOUNGER}

    @cached_property
    def hash(self) -> str:
        """First 16 hexadecimal digits of SHA-256 over ``spec`` as canonical JSON."""
        text = json.dumps(self.spec(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def count(self, name: str) -> int | None:
        """Return the task's own count of that name, such as ``train_examples``; None if it has none."""
        found = self.spec().get(name)
        return found if type(found) is int else None


YOUNGER = ("metric", "rungs", "stops_below")  # than stored hashes: written down only where used


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildProtocol(TaskProtocol):
    """How the child on images is scored (protocol §2), and other tasks with the same numbers.

    Attributes:
        train_examples: training examples per epoch.
        validation_examples: size of the fixed held-out set that scores are measured on.
        batch_size: examples per step; divides ``train_examples``.
        noise_sigma: standard deviation of the ``noise`` operand (**D**).
        dtype: name of the torch dtype that the network computes in; ``bfloat16`` applies only to products (**D**).
    """

    inputs: Label = "images"
    epochs: Positive
    train_examples: Count
    validation_examples: Count
    batch_size: Positive
    noise_sigma: float = 0.01
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class NamedProtocol:
    """A registered protocol, with what no score depends on (entry points in the group ``harness.protocols``).

    Attributes:
        protocol: the protocol, registered under its own name.
        summary: one line for listings; if empty, one is made from the protocol's fields.
        targets: ascending scores; boards report when each is first reached. If empty, quarters of the way from chance
            to 1.
    """

    protocol: TaskProtocol
    summary: str = ""
    targets: tuple[float, ...] = ()


@runtime_checkable
class Dataset(Protocol):
    """The source of a task's examples; the harness knows only its name and a hash of its content."""

    @property
    def name(self) -> str:
        """The registry name it was loaded by, such as ``cifar10``."""

    @property
    def fingerprint(self) -> str:
        """A hash of the decoded arrays: equal fingerprints, equal examples."""


@runtime_checkable
class Searcher(Protocol[Proposed]):
    """A method that discovers rules. Built as ``factory(space, *, seed, **settings)``; a fresh one for each run.

    A factory may have ``version: int`` (1 if absent), which rises when its proposals change; ``startup``, as in
    ``Beginning``; and ``most_strings: int``, the size of the largest space that it accepts, unless it accepts every
    space.
    """

    @property
    def batch(self) -> int:
        """How many proposals it wants scored before it learns: they are asked for and told together."""

    def ask(self, count: int) -> Sequence[Proposed]:
        """Propose 1 to ``count`` rules of the space; an empty answer means that it has nothing left to propose."""

    def tell(self, trials: Sequence[Trial[Proposed]]) -> None:
        """Learn what earlier proposals earned, in the order asked (with ``--async``, in the order finished)."""


@runtime_checkable
class Explaining(Protocol):
    """An optional ability of a searcher: to say where its proposals came from. Reports use it, by replay (law 4)."""

    def origin(self, rule: Rule) -> Origin | None:
        """Return where the latest proposal of exactly this rule came from; None if it was never proposed."""


class Beginning(Protocol):
    """An optional ability of a searcher's factory: to say how many proposals no result can decide, by its settings."""

    def startup(self, settings: Mapping[str, str | int | float | bool]) -> Mapping[str, int]:
        """Return the settings that say how many proposals it makes before it learns, by name, each with its number.

        The largest number counts. A search that learns nothing, and so has no start-up, returns none. Unless the user
        sets one of them, a small budget lowers them (``harness.race.startup``); boards say how many children the
        start-up took.

        Args:
            settings: all settings that have a value, by name.
        """


@runtime_checkable
class Task(Protocol):
    """What scores rules. Built as ``factory(protocol, data)``; a pure function except for the time it reports.

    A factory may have ``version: int`` (1 if absent), which rises when any score moves. A task that has test examples
    also takes ``test: bool = False``. With ``test=True``, which searches never use, it fills ``Outcome.test``, says
    so in its environment, and changes no other figure. A task that can train on other devices than the processor takes
    ``device: str = "cpu"``, and names the device in its environment. Its factory may have ``check_device(name)``, which
    raises if that device is missing, and is called before any data is loaded. A task that trains many rules faster
    together than one after another has ``width: int`` (1 if absent), the number it prefers to get at once. A rule's
    outcome does not depend on which rules are beside it.

    A task that trains other candidates than rules takes ``candidates: bool = False``, too, which only a confirmation or
    a transfer with such candidates sets. The task then says in its environment what else their scores depend on. A task
    without this parameter gets only rules.

    A task whose children train for long takes ``checkpoints: Path | None = None``: a folder in which it saves a child
    after every epoch, in the file that ``harness.checkpoints.checkpoint`` names, and from which it resumes to the same
    bits. Whoever records the child's outcome deletes the file.
    """

    @property
    def environment(self) -> Mapping[str, str]:
        """What else a score depends on: library versions, device, threads.

        Names alone do not reveal all differences in rounding, so a task that trains adds ``ARITHMETIC``, a digest of a
        small fixed computation by the code that it trains with. The run's header pins the environment; the harness adds
        the version of the language.
        """

    def evaluate(self, rules: Sequence[Candidate], *, seed: int) -> Sequence[Outcome]:
        """Score each rule from the same starting point, which ``seed`` decides; never raises for a bad rule.

        Raises:
            HarnessError: the machine failed, for example because it ran out of memory. This is not an outcome: the run
                stops, and the same command trains the child again (protocol §3).
        """
