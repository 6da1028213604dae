"""What may stand in a run's record, field by field: checked before a run is begun, and when its file is read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from harness.metrics import FORMULAS

Count = Annotated[int, Field(ge=0, lt=2**63)]
Positive = Annotated[int, Field(ge=1, lt=2**63)]
Score = Annotated[float, Field(ge=0, le=1)]
Label = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}$")]  # one line, fit to be shown
Short = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029|]{1,40}$")]  # the head of a column


class Part(BaseModel):
    """A part of a record: no more and no less than its fields, of exactly their kinds."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class MetricSpec(Part):
    """``Metric``."""

    name: Short
    unit: Short | Literal[""]
    score: Literal["", *FORMULAS]  # type: ignore[valid-type]


class ProtocolSpec(Part):
    """``TaskProtocol.spec()``: the head, and whatever numbers the task has.

    The counts that a task need not have mean the same wherever it has them: boards read the first two.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

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
    """What was expected, and what was there instead, of the first thing that is wrong."""
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
    return f"{first['msg'].removeprefix('Input should be ')} in {where}", repr(first["input"])
