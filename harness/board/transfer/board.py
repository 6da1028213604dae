"""The content of a board of transfers: plain frozen data, which every format prints (protocol §7).

Estimates, targets and curves hold scores in [0, 1], higher is better; ``harness.board.transfer.figures`` writes them as
the workload's metric, such as perplexity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.board.comparison import Comparison
from harness.board.statistics import Estimate
from harness.contracts import Candidate, Status, TaskProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """What one candidate earned with one seed; all candidates of a workload share a seed's weights and batches.

    The child's score is chance in all four figures of Table 1 unless its status is OK.

    Attributes:
        seed: the run's seed.
        status: how the child ended.
        validation: the validation score after the last epoch.
        test: the test score after the last epoch; None if the workload has no test examples.
        best: the highest validation score over epochs.
        best_epoch: the first epoch that reached it, from 1; None for a child that failed.
        test_at_best: the test score at that epoch; None if it was not measured.
        figures: other figures by name, such as BLEU.
        learning_rate: the λ that the sweep chose; None if every λ diverged.
        examples: training examples consumed, the sweep included.
        seconds: wall time; never compared.
        sweep: (λ, validation score after the sweep's epoch).
        curve: validation score after each epoch at the chosen λ.
    """

    seed: int
    status: Status
    validation: float
    test: float | None
    best: float
    best_epoch: int | None
    test_at_best: float | None
    figures: tuple[tuple[str, float], ...]
    learning_rate: float | None
    examples: int
    seconds: float
    sweep: tuple[tuple[float, float], ...]
    curve: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToTarget:
    """How soon a candidate reached what tuned ADAM reached at its end with the same seed.

    Attributes:
        seeds: the seeds that have a target.
        needed: for each, the training examples at the chosen λ (or the epochs, where examples are not counted) until
            validation first reached it; infinite if it never did.
        median: the median over these seeds, infinite if half of them or more never reached it.
        low: lower end of the 95% interval of the median, which order statistics give; None for too few seeds.
        high: its upper end; it can be infinite.
    """

    seeds: tuple[int, ...]
    needed: tuple[float, ...]
    median: float
    low: float | None
    high: float | None

    @property
    def reached(self) -> int:
        """How many seeds reached their target."""
        return sum(map(math.isfinite, self.needed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A cell of the matrix: what a candidate that trained to the end is worth on a workload.

    Attributes:
        label: the candidate's name on the board.
        key: its canonical form, or the key of another candidate.
        children: one a seed, ascending.
        validation: mean validation score after the last epoch.
        test: mean test score after the last epoch; None unless every child of the workload has one.
        best: mean of the highest validation score over epochs.
        test_at_best: mean test score at the epochs of these; None unless every child of the candidate has one.
        figures: means of other figures by name, over the children that have them.
        places: best and worst place among the workload's results that the comparisons allow: its tie group.
        compared: with how many others it shares enough seeds for a test that could find a difference.
        time: how soon it reached the target; None if no seed has one.
        diverged: children that diverged.
        errors: children that could not be trained.
    """

    label: str
    key: str
    children: tuple[Child, ...]
    validation: Estimate
    test: Estimate | None
    best: Estimate
    test_at_best: Estimate | None
    figures: tuple[tuple[str, Estimate], ...]
    places: tuple[int, int]
    compared: int
    time: TimeToTarget | None
    diverged: int
    errors: int

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that it was trained with, ascending."""
        return tuple(each.seed for each in self.children)

    @property
    def figure(self) -> Estimate:
        """What is reported and compared: the test score if there is one, else the validation score."""
        return self.validation if self.test is None else self.test


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A candidate in a workload's funnel.

    Attributes:
        label: its name on the board.
        key: its canonical form, or the key of another candidate.
        scores: mean validation score at each rung; None for rungs that it has not finished.
        stopped: the epoch at which it was stopped; None if it finished, or may still go on.
        finished: whether it trained to the end.
        children: one a seed, as far as it was trained.
    """

    label: str
    key: str
    scores: tuple[Estimate | None, ...]
    stopped: int | None
    finished: bool
    children: tuple[Child, ...]

    @property
    def standing(self) -> str:
        """In words: finished, stopped at an epoch, or not decided."""
        if self.finished:
            return "finished"
        return "not decided yet" if self.stopped is None else f"stopped at {self.stopped}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """Candidates of which each rung kept the better ones, by validation (protocol §7).

    Attributes:
        rungs: the epochs of each rung, ascending; the last is the end.
        rule: how those that go on are chosen, fixed before any was trained.
        entered: the candidates, those that got furthest first.
    """

    rungs: tuple[int, ...]
    rule: str
    entered: tuple[Entered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A column of the matrix: one workload under equal conditions, the only ones whose scores are compared.

    Attributes:
        label: its name on the board: the protocol's, and what distinguishes it from others of that name.
        protocol: how candidates are scored, to the last epoch.
        data: the data set's name.
        fingerprint: hash of its decoded arrays.
        environment: what else the scores depend on.
        seeds: seeds that are finished, ascending.
        tested: whether the figure is the test score; else it is the validation score.
        counted: training examples an epoch; 0 if the protocol does not say, and times are in epochs.
        adam: label of the candidate whose final validation scores are the targets; empty if there is none.
        targets: (seed, that score), for the seeds with which it did not fail.
        results: the candidates that trained to the end, by their figure, the best first.
        comparisons: of every two of them in that figure, with Holm's correction over the workload.
        funnel: the candidates by rung; None where all train to the end.
    """

    label: str
    protocol: TaskProtocol
    data: str
    fingerprint: str
    environment: Mapping[str, str]
    seeds: tuple[int, ...]
    tested: bool
    counted: int
    adam: str
    targets: tuple[tuple[int, float], ...]
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]
    funnel: Funnel | None

    def of(self, label: str) -> Result | None:
        """Return a candidate's result; None if it has not trained to the end."""
        return next((each for each in self.results if each.label == label), None)

    @property
    def underpowered(self) -> bool:
        """Whether there are several results, but too few seeds to tell any two of them apart."""
        return bool(self.comparisons) and not any(each.compared for each in self.results) and not self.deterministic

    @property
    def deterministic(self) -> bool:
        """Whether seeds change nothing for any of several candidates, so that more of them are no evidence."""
        return bool(self.comparisons) and all(each.repeated for each in self.comparisons)

    @property
    def unit(self) -> str:
        """What times are counted in."""
        return "training examples" if self.counted else "epochs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A row of the matrix.

    Attributes:
        label: its name: that of a known rule, or else its formula, or another optimizer's name and options.
        key: its canonical form, or the key of another candidate.
        candidate: what was trained; others with its key are the same function.
    """

    label: str
    key: str
    candidate: Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A performance profile (Dolan and Moré 2002), as AlgoPerf draws it (Dahl et al. 2023).

    Attributes:
        label: the candidate's.
        ratios: its median time to the target as a multiple of the fastest candidate's, by workload; infinite where it
            never reached the target.
        score: the mean of ``share`` over τ from 1 to 4, as AlgoPerf scores.
    """

    label: str
    ratios: tuple[float, ...]
    score: float

    def share(self, most: float) -> float:
        """Return the share of workloads on which it needs at most this multiple of the fastest candidate's time."""
        return sum(ratio <= most for ratio in self.ratios) / len(self.ratios)

    @property
    def steps(self) -> tuple[tuple[float, float], ...]:
        """The finite multiples at which the share rises, ascending, each with the share from there on."""
        return tuple((ratio, self.share(ratio)) for ratio in sorted({*self.ratios} - {math.inf}))


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanRank:
    """A candidate's ranks on the workloads that all compared candidates finished.

    Attributes:
        label: the candidate's.
        mean: the mean of its ranks; 1 is the best.
        ranks: its rank by the mean figure on each of these workloads; equal means share the mean of their ranks.
    """

    label: str
    mean: float
    ranks: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """What is said across workloads: only of candidates that finished all of them.

    Attributes:
        workloads: labels of the workloads.
        ranks: of the candidates that finished them all, by their mean, the best first.
        left_out: labels of candidates that did not.
        timed: labels of those of the workloads that have a target.
        profiles: of the same candidates over these, by their score, the highest first.
    """

    workloads: tuple[str, ...]
    ranks: tuple[MeanRank, ...]
    left_out: tuple[str, ...]
    timed: tuple[str, ...]
    profiles: tuple[Profile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run that is not finished: shown, never counted.

    Attributes:
        run: its name.
        workload: label of its column.
        seed: its seed.
        state: ``running``, ``stopped``, or ``interrupted`` when its process died.
        done: candidates trained so far.
        candidates: candidates in all.
    """

    run: str
    workload: str
    seed: int
    state: str
    done: int
    candidates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferBoard:
    """Candidates on workloads: the matrix, and everything behind its cells.

    Attributes:
        chosen: how the candidates were chosen, fixed before any was trained; empty if they were named by hand.
        entrants: the rows: by mean rank, then by name those that are not ranked across workloads.
        workloads: the columns, in the order in which they began.
        across: mean ranks and performance profiles; None while no workload is finished.
        commits: commits of the code that trained, each once.
        hardware: processors or GPUs that children trained on, each once.
        unfinished: runs that are not finished.
        notes: notes on how to read the board.
    """

    chosen: str
    entrants: tuple[Entrant, ...]
    workloads: tuple[Workload, ...]
    across: Across | None
    commits: tuple[str, ...]
    hardware: tuple[str, ...]
    unfinished: tuple[Unfinished, ...]
    notes: tuple[str, ...]
