"""The content of a board: plain frozen data, which every format prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.board.comparison import Comparison
from harness.board.statistics import Estimate, Reached
from harness.contracts import Rule, TaskProtocol
from harness.race.protocols import Budget
from harness.settings import Value
from harness.space.grammar import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Nomination:
    """A rule nominated by a search, with its search score, which is the best of many and so biased upward.

    Attributes:
        rule: the first string that earned ``score``; others with its key are the same function.
        key: its canonical form.
        score: its best score.
        mean: mean score over the children trained with it, one per seed; a failed child counts with its score, chance.
        seed: seed of the run that earned ``score``.
        learning_rate: the λ chosen there.
        children: how many children ``mean`` is over.
        found: how often it was proposed, including duplicates.
        searchers: labels of the entrants that proposed it.
    """

    rule: Rule
    key: str
    score: float
    mean: float
    seed: int
    learning_rate: float | None
    children: int
    found: int
    searchers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What a table knows of every rule that a search on it can find (protocol §5).

    Attributes:
        table: its name.
        fingerprint: of its content.
        worth: what each rule is worth, by key: its truth.
        optimum: the retrained rule with the highest truth.
        optimum_key: its canonical form.
        ties: keys of the rules that are not shown worse than it, its own among them.
        retrained: how many rules have a truth from fresh seeds.
        fresh_seeds: how many these are; the truth of the other rules is the mean of their replicates.
        strings: how many strings of the space each rule is, in the order of ``worth``, shape (rules,).
        scores: what each rule earned in each replicate, likewise, shape (rules, replicates).
        sound: whether that child was OK, likewise.
    """

    table: str
    fingerprint: str
    worth: Mapping[str, float]
    optimum: Rule
    optimum_key: str
    ties: frozenset[str]
    retrained: int
    fresh_seeds: int
    strings: NDArray[np.int64]
    scores: NDArray[np.float64]
    sound: NDArray[np.bool_]

    @property
    def highest(self) -> float:
        """The truth of the optimum."""
        return self.worth[self.optimum_key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regret:
    """How far one entrant's incumbents are from the best rule of the table.

    The incumbent after c children is the OK child with the highest search score so far, the earliest of equals. Regret
    is the optimum's truth less the incumbent's; a run without an incumbent has chance in its place.

    Attributes:
        finals: regret at the end of the budget, by seed.
        final: mean of ``finals``.
        curve: median over seeds of regret, after each child of the budget.
        band: lower and upper quartile over seeds, likewise.
        share: what share of seeds has an incumbent in the tie set, likewise.
        held: how many seeds have one at the end.
        reached: by which child each seed first had one; a seed may lose it again to a luckier rule.
        against_random: its final regret less random search's, so less is better; None for that itself, and where it has
            not raced.
    """

    finals: tuple[float, ...]
    final: Estimate
    curve: tuple[float, ...]
    band: tuple[tuple[float, ...], tuple[float, ...]]
    share: tuple[float, ...]
    held: int
    reached: Reached
    against_random: Comparison | None

    @property
    def ever(self) -> float:
        """What share of seeds ever had an incumbent in the tie set."""
        return self.reached.count / len(self.finals)

    @property
    def median(self) -> float | None:
        """The median over all seeds of the children to the first such incumbent; None where it is later than that."""
        return self.reached.median


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomRegret:
    """Regret of uniform random search on a table, from simulated searches; intervals are of the simulation alone.

    Attributes:
        searches: how many were simulated.
        final: mean regret at the end of the budget.
        curve: median regret, after each child of the budget.
        band: its lower and upper quartile, likewise.
        mean: mean regret, likewise.
        share: what share of searches has an incumbent in the tie set, likewise.
        ever: what share of them ever had one within the budget.
        median: of the children it took over all searches; None where half of them or more did not get there.
    """

    searches: int
    final: Estimate
    curve: tuple[float, ...]
    band: tuple[tuple[float, ...], tuple[float, ...]]
    mean: tuple[float, ...]
    share: tuple[float, ...]
    ever: float
    median: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entrant: a searcher with its settings, over the seeds that it has finished.

    Attributes:
        label: its name on this board, with what distinguishes it from other entrants of the same searcher.
        searcher: its registry name, or ``module:attribute``.
        version: the factory's version.
        settings: its settings by name.
        asynchronous: whether results were told as they finished.
        environment: what else its scores depend on.
        places: the best and the worst place that the comparisons allow; ``(1, 1)`` leads. For an entrant that never
            searched: among all entrants, while the others are placed without it.
        seeds: seeds of its finished runs, ascending.
        areas: normalised area under best-so-far, by seed.
        finals: final best, by seed.
        area: mean of ``areas``.
        final: mean of ``finals``.
        curve: median over seeds of best-so-far, after each child of the budget.
        band: lower and upper quartile over seeds, likewise.
        reached: how soon its runs reached the protocol's targets, by target.
        against_random: its area minus random search's; None for random search itself, and if that did not race.
        best: its best rule; None if it proposed nothing.
        children: charged children over all seeds: ``proposals`` minus ``duplicates``.
        startup: how many of a run's children came before any result could decide a proposal; 0 for a search that learns
            nothing, None if unknown.
        searched: whether a run went beyond its start-up; one that did not says nothing about how its searcher searches.
        proposals: proposals made over all seeds.
        duplicates: proposals equal, as functions, to an earlier one of their run.
        diverged: charged children that diverged.
        errors: charged children that could not be trained.
        seconds: wall time of its runs together; never ranked.
        regret: how far its incumbents are from the best rule of the table; None on boards over no table.
    """

    label: str
    searcher: str
    version: int
    settings: Mapping[str, Value]
    asynchronous: bool
    environment: Mapping[str, str]
    places: tuple[int, int]
    seeds: tuple[int, ...]
    areas: tuple[float, ...]
    finals: tuple[float, ...]
    area: Estimate
    final: Estimate
    curve: tuple[float, ...]
    band: tuple[tuple[float, ...], tuple[float, ...]]
    reached: tuple[Reached, ...]
    against_random: Comparison | None
    best: Nomination | None
    children: int
    startup: int | None
    searched: bool
    proposals: int
    duplicates: int
    diverged: int
    errors: int
    seconds: float
    regret: Regret | None = None

    @property
    def begun(self) -> str:
        """How many children of a run were start-up, in a few words: ``5 of 12``."""
        if not self.startup:
            return "not told" if self.startup is None else "none"
        children = len(self.curve)
        return f"{self.startup:,} of {children:,}" if self.searched else f"all {self.startup:,}: no search"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What uniform random search earns on average, from many draws or a whole table: a reference without a place.

    Attributes:
        label: its name on this board.
        environment: what else its scores depend on; empty if the table is known.
        evaluations: how many draws it is based on, over all seeds, or how many outcomes of the table.
        seeds: seeds of the runs that they are from, ascending; a table has none, nor areas and finals by seed.
        areas: normalised area under the expected best-so-far, by seed.
        finals: expected final best, by seed.
        area: mean of ``areas``.
        final: mean of ``finals``.
        curve: mean over seeds of the expected best-so-far, after each child of the budget.
        regret: how far its incumbents are from the best rule of the table; None on boards over no table.
    """

    label: str
    environment: Mapping[str, str]
    evaluations: int
    seeds: tuple[int, ...]
    areas: tuple[float, ...]
    finals: tuple[float, ...]
    area: Estimate
    final: Estimate
    curve: tuple[float, ...]
    regret: RandomRegret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainedRow:
    """What one entrant's final bests earn on fresh seeds.

    Attributes:
        label: its name on this board.
        places: the best and the worst place that this figure allows.
        seeds: seeds of its runs, ascending.
        scores: for each run, the mean validation score of its final best over the fresh seeds.
        mean: mean of ``scores``.
    """

    label: str
    places: tuple[int, int]
    seeds: tuple[int, ...]
    scores: tuple[float, ...]
    mean: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """The final best of each run, retrained on fresh seeds.

    Attributes:
        seeds: the fresh seeds, ascending, the same for all.
        environment: what else the scores depend on.
        rows: the entrants whose final bests were all retrained, the highest mean first.
        comparisons: comparisons of every two rows, by shared seed of their runs.
        missing: labels of the other entrants that have finished.
    """

    seeds: tuple[int, ...]
    environment: Mapping[str, str]
    rows: tuple[RetrainedRow, ...]
    comparisons: tuple[Comparison, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run that has not used up its budget: shown, never ranked.

    Attributes:
        run: the run's name.
        label: its entrant's label.
        seed: the run's seed.
        state: ``running``, ``stopped``, or ``interrupted`` when its process died.
        children: children charged so far.
        best: best score so far; None before the first child that is OK.
    """

    run: str
    label: str
    seed: int
    state: str
    children: int
    best: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Runs that may be ranked together: equal space, protocol, data and budget.

    Attributes:
        comparable: the hash that these runs share.
        space: what was searched.
        protocol: how children were scored.
        data: the data set's name.
        fingerprint: hash of its decoded arrays.
        budget: the budget of every run.
        commits: commits of the code that searched, each once.
        hardware: processors or GPUs that children trained on, each once.
        rows: finished entrants, by mean area, the best first.
        comparisons: comparisons of the areas of every two rows, the upper one first.
        retrained: what the runs' final bests earn on fresh seeds; None if no searcher's were all retrained.
        references: random search by many draws, one for each environment with enough draws in the store; over a table
            the one that the table itself gives.
        unfinished: runs without a place.
        rules: the best distinct rules of all these runs, including unfinished ones.
        apart: why this board is not merged with each of the boards before it.
        notes: notes on how to read the rows.
        truth: truth of the table that was searched; None if children were trained, or the table cannot be read.
        regrets: comparisons of the final regret of every two rows, the upper one first; none without a table.
    """

    comparable: str
    space: Space
    protocol: TaskProtocol
    data: str
    fingerprint: str
    budget: Budget
    commits: tuple[str, ...]
    hardware: tuple[str, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    retrained: Retrained | None
    references: tuple[Reference, ...]
    unfinished: tuple[Unfinished, ...]
    rules: tuple[Nomination, ...]
    apart: tuple[str, ...]
    notes: tuple[str, ...]
    truth: Truth | None = None
    regrets: tuple[Comparison, ...] = ()
