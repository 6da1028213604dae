"""What a board of black-box optimizers holds, judged from records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.board.blackbox.record import Conditions, Entrant, Numbers
from harness.board.comparison import Comparison, seeds_needed
from harness.board.statistics import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an optimizer reached on some functions.

    Attributes:
        label: its name on the board.
        entrant: its record.
        final: mean of the last figure over functions, with its interval.
        places: the best and the worst place that the tests leave open.
        compared: whether it has enough functions in common with any other to be compared.
    """

    label: str
    entrant: Entrant
    final: Estimate
    places: tuple[int, int]
    compared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Optimizers on the functions of one family and variant.

    Attributes:
        label: the name, with what sets it apart from others of that name.
        conditions: what all share.
        regret: whether figures are regrets; else they are minima.
        results: by place, then by the mean of the last figure, the least first.
        pairs: comparisons of every two, in minus the last figure, so that more is better.
        shown: values of the functions that are shown, at evenly spaced points.
    """

    label: str
    conditions: Conditions
    regret: bool
    results: tuple[Result, ...]
    pairs: tuple[Comparison, ...]
    shown: tuple[Numbers, ...]

    @property
    def figure(self) -> str:
        """What figures are."""
        return "regret" if self.regret else "minimum so far"

    @property
    def few(self) -> bool:
        """Whether some pair has too few functions to be compared."""
        return any(pair.pairs < seeds_needed(len(self.results)) for pair in self.pairs)

    @property
    def to_compare(self) -> str:
        """How many functions that takes, in words, as the board's note and the report both say it."""
        entrants = len(self.results)
        return f"with {entrants} entrants it takes {seeds_needed(entrants)} functions to compare every pair"

    def of(self, label: str) -> Result | None:
        """Return an optimizer's result."""
        return next((each for each in self.results if each.label == label), None)

    def pair(self, first: str, second: str) -> Comparison | None:
        """Return the comparison of two optimizers, in this order."""
        for each in self.pairs:
            if (each.first, each.second) == (first, second):
                return each
            if (each.second, each.first) == (first, second):
                return each.turned()
        return None


@dataclass(frozen=True, kw_only=True)
class BlackboxBoard:
    """Optimizers of the unit box, on one family of functions after another.

    Attributes:
        problems: what they were run on.
        commits: the revisions that ran them.
        hardware: the processors.
    """

    problems: tuple[Problem, ...]
    commits: tuple[str, ...]
    hardware: tuple[str, ...]

    @property
    def labels(self) -> Sequence[str]:
        """The names of all optimizers, each once, in the order of their best places over the problems."""
        best: dict[str, list[int]] = {}
        for problem in self.problems:
            for rank, each in enumerate(problem.results):
                best.setdefault(each.label, []).append(rank)
        return sorted(best, key=lambda label: (sum(best[label]) / len(best[label]), label))
