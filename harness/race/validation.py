"""What a task hands in, checked before it counts."""

from __future__ import annotations

import math

from harness.contracts import Outcome, Status, TaskProtocol
from harness.files import unicode_text

MOST_EXAMPLES = 2**63 - 1  # what SQLite holds


def checked(outcome: Outcome, protocol: TaskProtocol) -> Outcome:
    """Return the outcome in plain finite numbers, as the ledger takes it.

    A failure scores chance, whatever it says. An outcome is a failure if it is malformed, if a score is NaN or outside
    [0, 1], if its count of examples is none that the ledger takes, or if it is OK without a λ of the protocol.
    """
    try:
        plain = Outcome(
            status=Status(outcome.status),
            score=float(outcome.score) if outcome.status == Status.OK else protocol.chance,
            learning_rate=None if outcome.learning_rate is None else float(outcome.learning_rate),
            examples=int(outcome.examples),
            seconds=float(outcome.seconds),
            sweep=tuple((float(rate), float(score)) for rate, score in outcome.sweep),
            curve=tuple(float(score) for score in outcome.curve),
            message=unicode_text(str(outcome.message)),
            test=_tested(outcome, protocol),
        )
    except (TypeError, ValueError, OverflowError) as cause:
        return _failure(protocol, unicode_text(f"the task gave a malformed outcome: {cause}"))
    scores = [plain.score, *plain.curve, *(score for _, score in plain.sweep)]
    scores += [] if plain.test is None else [plain.test]
    if not all(0 <= score <= 1 for score in scores):
        strange = next(score for score in scores if not 0 <= score <= 1)
        return _failure(protocol, f"the task gave a score of {strange}, outside [0, 1]")
    numbers = [plain.seconds, plain.learning_rate or 0.0, *(rate for rate, _ in plain.sweep)]
    if not all(map(math.isfinite, numbers)):
        return _failure(protocol, "the task gave a learning rate or time that is not finite")
    if not 0 <= plain.examples <= MOST_EXAMPLES:
        return _failure(protocol, "the task gave a count of examples below 0 or above 2^63 - 1")
    if plain.status is Status.OK and plain.learning_rate not in protocol.learning_rates:
        given = "no learning rate" if plain.learning_rate is None else f"a learning rate of {plain.learning_rate}"
        return _failure(protocol, f"the task gave {given}, where one of the protocol's was due")
    return plain


def _tested(outcome: Outcome, protocol: TaskProtocol) -> float | None:
    if outcome.test is None:
        return None
    return float(outcome.test) if outcome.status == Status.OK else protocol.chance


def _failure(protocol: TaskProtocol, note: str) -> Outcome:
    return Outcome(
        status=Status.ERROR, score=protocol.chance, learning_rate=None, examples=0, seconds=0.0, message=note
    )
