"""Checks of what tasks return and records hold, before it counts: outcomes, and the numbers of protocols."""

from __future__ import annotations

import json
import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from harness.contracts import Outcome, Status, TaskProtocol
from harness.files import unicode_text
from harness.metrics import FORMULAS

MOST_EXAMPLES = 2**63 - 1  # what SQLite holds

Count = Annotated[int, Field(ge=0, lt=2**63)]
Positive = Annotated[int, Field(ge=1, lt=2**63)]
Score = Annotated[float, Field(ge=0, le=1)]
Label = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}$")]  # one printable line
Short = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029|]{1,40}$")]  # the head of a column


def _finite(value: JsonValue) -> JsonValue:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError as cause:
        raise ValueError("finite numbers") from cause
    return value


class Part(BaseModel):
    """A part of a record: exactly its fields, with exactly their types."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class MetricSpec(Part):
    """``Metric``."""

    name: Short
    unit: Short | Literal[""]
    score: Literal["", *FORMULAS]  # type: ignore[valid-type]


class ProtocolSpec(Part):
    """``TaskProtocol.spec()``: the common fields, and any numbers of the task.

    The optional counts have the same meaning for every task that has them; boards read the first two.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[JsonValue, AfterValidator(_finite)]]

    name: Label
    version: int
    task: Label
    inputs: Label
    metric: MetricSpec | None = None
    learning_rates: Annotated[list[float], Field(min_length=1)]
    epochs: Positive
    chance: Score
    rungs: list[float] = []
    stops_below: Score = 0.0
    train_examples: Count = 0
    validation_examples: Count = 0
    batch_size: Positive = 1


def told(error: ValidationError) -> tuple[str, str]:
    """Return what was expected and what was there instead, for the first error."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    match first["type"]:
        case "json_invalid":
            got = first["msg"].removeprefix("Invalid JSON: ").replace(" at line 1 column", " in column")
            return "a line of JSON", got
        case "missing":
            return f"a field {where}", "none"
        case "extra_forbidden":
            return f"no field {where}", "one"
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{expected} in {where}", repr(first["input"])


def checked(outcome: Outcome, protocol: TaskProtocol) -> Outcome:
    """Return the outcome in plain finite numbers, as the ledger accepts it.

    A failure scores chance, whatever score it reports. An outcome is a failure if it is malformed, if a score is NaN or
    outside [0, 1], if the ledger cannot hold its count of examples, or if it is OK without a λ of the protocol.
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
