"""What a score measures: a metric, and how a score in [0, 1], of which more is better, follows from its figure.

::

    perplexity = Metric("perplexity", score="1 / x")
    perplexity.scored(80.0)  # 0.0125, what a task hands in
    perplexity.figure(0.0125)  # 80.0, what a board prints beside it
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from harness.limits import Choice, Line


def _reciprocal(number: float) -> float:
    return 1.0 / number if number else math.inf


FORMULAS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "x": (lambda figure: figure, lambda score: score),
    "x / 100": (lambda figure: figure / 100.0, lambda score: score * 100.0),
    "1 - x": (lambda figure: 1.0 - figure, lambda score: 1.0 - score),
    "1 / x": (_reciprocal, _reciprocal),
    "1 / (1 + x)": (lambda figure: _reciprocal(1.0 + figure), lambda score: _reciprocal(score) - 1.0),
    "exp(-x)": (
        lambda figure: 1.0 if figure < 0.0 else math.exp(-figure),
        lambda score: -math.log(score) if score else math.inf,
    ),
}
"""How a score follows from a figure x, and a figure from a score."""

RISING = ("x", "x / 100")  # more of the figure is better


@dataclass(frozen=True, slots=True)
class Metric:
    """What a protocol measures.

    Attributes:
        name: as boards print it, such as ``perplexity``.
        unit: of its figures, such as ``nats``; empty where they have none.
        score: how the score follows from a figure x, one of ``FORMULAS``; empty where the task alone can say.
    """

    name: Annotated[str, Line(40, without="|")]  # the head of a column
    unit: Annotated[str, Line(40, least=0, without="|")] = ""
    score: Annotated[str, Choice("", *FORMULAS)] = "x"

    @property
    def titled(self) -> str:
        """Its name, with the unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def scale(self) -> str:
        """What scores are called: the metric's name where a score is its figure, else ``score``."""
        return self.name if self.score == "x" else "score"

    @property
    def described(self) -> str:
        """In a few words, how scores follow from it."""
        if self.score not in FORMULAS:
            return self.titled
        better = "more" if self.score in RISING else "less"
        return f"{self.titled}; score {self.score}, {better} of it is better"

    def scored(self, figure: float) -> float:
        """The score of a figure, kept within [0, 1]; NaN of NaN."""
        score = FORMULAS[self.score][0](figure)
        return score if math.isnan(score) else min(1.0, max(0.0, score))

    def figure(self, score: float) -> float | None:
        """The figure of a score, infinite where 0 stands for all that is bad; None where there is no formula."""
        return FORMULAS[self.score][1](score) if self.score in FORMULAS else None


SCORE = Metric("score")
ACCURACY = Metric("accuracy")
