"""What a board of learned optimizers holds, judged from records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.board.comparison import Comparison as Pair
from harness.board.comparison import seeds_needed, to_compare
from harness.board.learned.record import Conditions, Entrant
from harness.board.statistics import Estimate
from harness.contracts import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a candidate reached on some problems.

    Attributes:
        label: its name on the board.
        candidate: what it is.
        entrant: its record.
        mean: mean of the final f over problems, with its bootstrap interval; infinite if a problem diverged.
        median: the median; infinite if half of the problems diverged.
        log: mean of log10 of the final f, on which the candidates are compared.
        diverged: on how many problems the final f is not finite.
        places: the best and the worst place that the tests leave open.
        compared: whether there are enough problems for so many candidates to differ significantly.
    """

    label: str
    candidate: Candidate
    entrant: Entrant
    mean: Estimate
    median: float
    log: Estimate
    diverged: int
    places: tuple[int, int]
    compared: bool

    @property
    def tuned(self) -> bool:
        """Whether its λ was chosen on validation problems."""
        return self.entrant.rate is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """Candidates on the problems of one family and variant.

    Attributes:
        label: the name, with what sets it apart from others of that name.
        conditions: what all candidates share.
        results: by the mean of log10 of the final f, the best first.
        pairs: comparisons of every two candidates, in −log10 of the final f, so that more is better; without corrected
            p where there are too few problems for any to be significant.
        divisor: what values are divided by besides, as a paper may have them; 1 for nothing.
    """

    label: str
    conditions: Conditions
    results: tuple[Result, ...]
    pairs: tuple[Pair, ...]
    divisor: int

    @property
    def underpowered(self) -> bool:
        """Whether there are several candidates, and so few problems that no two can differ significantly."""
        return len(self.results) > 1 and self.conditions.count < seeds_needed(len(self.results))

    @property
    def to_compare(self) -> str:
        """How many problems it takes, as the board's note and its report both say it."""
        return to_compare(len(self.results), "candidates", "problems")

    def of(self, label: str) -> Result | None:
        """Return a candidate's result."""
        return next((each for each in self.results if each.label == label), None)


@dataclass(frozen=True, kw_only=True)
class LearnedBoard:
    """Learned optimizers beside others, on one family of problems after another.

    Attributes:
        problems: what they were compared on.
        commits: the revisions that computed it.
        hardware: the processors.
    """

    problems: tuple[Problems, ...]
    commits: tuple[str, ...]
    hardware: tuple[str, ...]

    @property
    def labels(self) -> Sequence[str]:
        """The names of all candidates, each once."""
        return tuple(dict.fromkeys(each.label for problems in self.problems for each in problems.results))
