"""What a score measures: a metric, and how a score in [0, 1] follows from its figure. Higher scores are better.

::

    perplexity = Metric("perplexity", score="1 / x")
    perplexity.scored(80.0)  # 0.0125, the score that a task reports
    perplexity.figure(0.0125)  # 80.0, which a board prints beside it
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from harness.limits import Choice, Line


def _reciprocal(number: float) -> float:
    return 1.0 / number if number else math.inf


def _falling(number: float) -> float:
    """Return 1/x as a score, of which less is better: below the pole nothing is better, and so it is 1."""
    return 1.0 if number <= 0.0 else 1.0 / number


FORMULAS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "x": (lambda figure: figure, lambda score: score),
    "x / 100": (lambda figure: figure / 100.0, lambda score: score * 100.0),
    "1 - x": (lambda figure: 1.0 - figure, lambda score: 1.0 - score),
    "1 / x": (_falling, _reciprocal),
    "1 / (1 + x)": (lambda figure: _falling(1.0 + figure), lambda score: _reciprocal(score) - 1.0),
    "exp(-x)": (
        lambda figure: 1.0 if figure < 0.0 else math.exp(-figure),
        lambda score: -math.log(score) if score else math.inf,
    ),
}
"""For each formula, the functions from a figure x to its score and back."""

RISING = ("x", "x / 100")  # higher figures are better


@dataclass(frozen=True, slots=True)
class Metric:
    """What a protocol measures.

    Attributes:
        name: its name on boards, such as ``perplexity``.
        unit: the unit of its figures, such as ``nats``; empty if they have none.
        score: the formula by which the score follows from a figure x, one of ``FORMULAS``; empty if only the task
            knows.
    """

    name: Annotated[str, Line(40, without="|")]  # the head of a column
    unit: Annotated[str, Line(40, least=0, without="|")] = ""
    score: Annotated[str, Choice("", *FORMULAS)] = "x"

    @property
    def titled(self) -> str:
        """Its name with the unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def scale(self) -> str:
        """The name for scores: the metric's name if a score equals its figure, else ``score``."""
        return self.name if self.score == "x" else "score"

    @property
    def described(self) -> str:
        """A few words on how scores follow from it."""
        if self.score not in FORMULAS:
            return self.titled
        better = "more" if self.score in RISING else "less"
        return f"{self.titled}; score {self.score}, {better} of it is better"

    def scored(self, figure: float) -> float:
        """Return the score of a figure, clipped to [0, 1]; NaN for NaN."""
        score = FORMULAS[self.score][0](figure)
        return score if math.isnan(score) else min(1.0, max(0.0, score))

    def figure(self, score: float) -> float | None:
        """Return the figure of a score; infinite for the score 0 of a reciprocal, None if there is no formula."""
        return FORMULAS[self.score][1](score) if self.score in FORMULAS else None


SCORE = Metric("score")
ACCURACY = Metric("accuracy")
