"""The content of a board of confirmed rules: plain frozen data, which every format prints (protocol §3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.board.comparison import pairs_needed
from harness.board.statistics import LEAST_PAIRS, Estimate
from harness.board.wording import plain
from harness.contracts import Candidate, Status, TaskProtocol
from harness.race.protocols import Budget
from harness.space.grammar import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """A searcher that found a rule.

    Attributes:
        label: its name on the searchers' board.
        seeds: seeds of its runs that proposed the rule, ascending.
        score: the best search score that the rule earned there.
    """

    label: str
    seeds: tuple[int, ...]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """What one rule earned with one fresh seed; all rules with one seed share initial weights and batches.

    Attributes:
        seed: the fresh seed.
        status: how the child ended.
        validation: its validation score; chance unless ``status`` is OK.
        test: its test score; chance unless ``status`` is OK, None if the task has no test examples.
        learning_rate: the λ that the sweep chose; None if every λ diverged.
        target_examples: training examples at that λ until the first epoch that reached the target; None if none did, or
            if the protocol does not say how many examples an epoch has.
        examples: training examples consumed, the sweep included.
        seconds: wall time; never compared.
        sweep: (λ, validation score after the sweep's epoch).
        curve: validation score after each epoch at the chosen λ.
    """

    seed: int
    status: Status
    validation: float
    test: float | None
    learning_rate: float | None
    target_examples: int | None
    examples: int
    seconds: float
    sweep: tuple[tuple[float, float], ...]
    curve: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The differences between a rule and the best known optimizer, seed by seed.

    Attributes:
        difference: mean difference in the board's figure, over the seeds that both have.
        differences: the differences by seed.
        seeds: the seeds.
        p: p of the two-sided sign-flip test.
        adjusted: p after Holm's correction for all rules of the board.
        least: the smallest p that so many seeds can give, 2/2ⁿ.
    """

    difference: Estimate
    differences: tuple[float, ...]
    seeds: tuple[int, ...]
    p: float
    adjusted: float
    least: float

    @property
    def underpowered(self) -> bool:
        """Whether there are so few seeds that no difference, however large, could reach 5%."""
        return len(self.seeds) < LEAST_PAIRS


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedRule:
    """A rule, or another candidate, retrained on fresh seeds.

    Attributes:
        rule: the string that was retrained; others with its key are the same function.
        infix: its formula, or the name of another optimizer.
        key: its canonical form, or the key of another candidate.
        known: its name among the known optimizers; empty for another rule.
        finders: the searchers that found it, the highest search score first; empty if no search found it.
        search_score: its best score in the searches, biased upward; None if no search found it.
        retrainings: one per seed, ascending.
        validation: mean validation score.
        test: mean test score; None if the task has no test examples.
        paired: its comparison with the best known optimizer; None for that one itself, and if they share no seed.
        diverged: retrainings that diverged.
        errors: retrainings that could not be trained.
        reached: retrainings that reached the target.
        target_examples: median over seeds of the examples needed, counting seeds that never reached the target as
            needing infinitely many; None if that median is infinite, or if examples are not counted.
        means: the running means it needs, of ``m``, ``v``, ``gamma``: each a vector as long as the weights; None for a
            candidate that is not a rule.
        complexity: nodes of its canonical expression, repeats included; None for a candidate that is not a rule.
        drop: search score minus mean validation score; None if no search found it, or if the two scores were not
            measured by one protocol on the same data.
    """

    rule: Candidate
    infix: str
    key: str
    known: str
    finders: tuple[Finder, ...]
    search_score: float | None
    retrainings: tuple[Retraining, ...]
    validation: Estimate
    test: Estimate | None
    paired: Paired | None
    diverged: int
    errors: int
    reached: int
    target_examples: float | None
    means: tuple[str, ...] | None
    complexity: int | None
    drop: float | None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds it was retrained on, ascending."""
        return tuple(each.seed for each in self.retrainings)

    @property
    def figure(self) -> Estimate:
        """What the rule is ranked by: the test score if there is one, else the validation score."""
        return self.validation if self.test is None else self.test


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """The searches that nominated the rules.

    Attributes:
        comparable: the hash that they share.
        space: the space that they searched.
        protocol: how they scored rules.
        data: the data set's name.
        fingerprint: hash of its decoded arrays.
        budget: the budget of each search.
    """

    comparable: str
    space: Space
    protocol: TaskProtocol
    data: str
    fingerprint: str
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedSeed:
    """A seed on which not all rules are retrained yet: shown, never counted.

    Attributes:
        run: the run's name.
        seed: the fresh seed.
        state: ``running``, ``stopped``, or ``interrupted`` when its process died.
        done: rules retrained so far.
        rules: rules in all.
    """

    run: str
    seed: int
    state: str
    done: int
    rules: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesBoard:
    """Rules retrained under equal conditions: nominated in one way by the same searches, with equal protocol and data.

    Attributes:
        group: the hash that its runs share, ``rules.judging.group_of`` their headers.
        searched: the searches that nominated; None if rules were named by hand or the store holds no such searches.
        nominated: how the rules were chosen, fixed before they were retrained; empty if that was not recorded.
        protocol: how the rules were retrained.
        data: the data set's name.
        fingerprint: hash of its decoded arrays.
        environment: what else the scores depend on.
        seeds: fresh seeds that are finished, ascending.
        commits: commits of the code that retrained, each once.
        hardware: processors or GPUs that children trained on, each once.
        tested: whether the figure is the test score; else it is the validation score.
        best_known: key of the known optimizer with the highest mean validation score; empty if there is none.
        target: the validation score whose examples are counted; None without a best known optimizer.
        rules: the rules by their figure, the best first.
        unfinished: seeds on which not all rules are retrained yet.
        notes: notes on how to read the rules.
    """

    group: str
    searched: Searched | None
    nominated: str
    protocol: TaskProtocol
    data: str
    fingerprint: str
    environment: Mapping[str, str]
    seeds: tuple[int, ...]
    commits: tuple[str, ...]
    hardware: tuple[str, ...]
    tested: bool
    best_known: str
    target: float | None
    rules: tuple[ConfirmedRule, ...]
    unfinished: tuple[UnfinishedSeed, ...]
    notes: tuple[str, ...]

    @property
    def figure(self) -> str:
        """What rules are ranked by, in words."""
        return f"test {plain(self.protocol.measured.scale)}" if self.tested else "validation score"

    @property
    def compared(self) -> int:
        """How many rules are compared with the best known optimizer."""
        return sum(rule.paired is not None for rule in self.rules)

    @property
    def seeds_needed(self) -> int:
        """The fewest fresh seeds at which any difference could be shown, after Holm's correction for all rules."""
        return pairs_needed(self.compared)

    @property
    def to_compare(self) -> str:
        """``seeds_needed`` in words, as the board's note and its report both say it."""
        several = "1 rule" if self.compared == 1 else f"{self.compared} rules"
        return f"with {several} to compare it takes {self.seeds_needed} seeds before any difference can be shown"
