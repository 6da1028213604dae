"""How long a learned optimizer is trained, and on how much at once, where it differs from what its family states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from harness import plain
from harness.errors import ProtocolError, check_choice, message

NO_DECAY = "none"
DECAYS = (NO_DECAY, "cosine")  # as harness.tasks.learned.problem has them
MOST_BATCHES, MOST_PROBLEMS, MOST_COORDINATES, MOST_RATES = 10**9, 4_096, 10**9, 1_000
LEAST_RATE, MOST_RATE = 1e-9, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is asked for in place of the family's own numbers; None for those.

    Attributes:
        batches: batches that the best λ is trained on; each λ is tried on no more.
        problems_at_once: problems of a batch.
        coordinates: coordinates of each kind that an unroll differentiates; 0 for all.
        held_out: problems of the validation.
        every: batches between two validations.
        patience: validations without improvement after which training stops.
        rates: how many λ are tried.
        rate: the λ to train with, in place of a search.
        decay: ``none`` or ``cosine``.
    """

    batches: int | None = None
    problems_at_once: int | None = None
    coordinates: int | None = None
    held_out: int | None = None
    every: int | None = None
    patience: int | None = None
    rates: int | None = None
    rate: float | None = None
    decay: str = NO_DECAY

    def __post_init__(self) -> None:
        """Check all.

        Raises:
            HarnessError: one is not what it should be.
        """
        for name, least, most in (
            ("batches", 1, MOST_BATCHES),
            ("problems_at_once", 1, MOST_PROBLEMS),
            ("coordinates", 0, MOST_COORDINATES),
            ("held_out", 1, MOST_PROBLEMS),
            ("every", 1, MOST_BATCHES),
            ("patience", 1, MOST_BATCHES),
            ("rates", 1, MOST_RATES),
        ):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, plain.whole(name.replace("_", " "), given, least=least, most=most))
        if self.rate is not None:
            object.__setattr__(self, "rate", plain.number("rate", self.rate, least=LEAST_RATE, most=MOST_RATE))
            if self.rates is not None:
                hint = "Leave out one of them"
                raise ProtocolError(message("rates", expected="none where a rate is given", got=self.rates, hint=hint))
        check_choice("decay", self.decay, DECAYS, error=ProtocolError)

    def of(self, schedule: Any, shortened: Callable[[Any, int], Any]) -> Any:
        """Return a family's schedule, changed.

        Args:
            schedule: a ``harness.tasks.learned.problem.Schedule``.
            shortened: what changes the number of batches in it.
        """
        if self.batches is not None:
            schedule = shortened(schedule, self.batches)
        if self.rate is not None:
            schedule = replace(schedule, rates=1, rate=self.rate)
        asked = {
            "batch": self.problems_at_once,
            "coordinates": self.coordinates,
            "held_out": self.held_out,
            "every": self.every,
            "patience": self.patience,
            "rates": self.rates,
        }
        return replace(
            schedule, decay=self.decay, **{name: value for name, value in asked.items() if value is not None}
        )
