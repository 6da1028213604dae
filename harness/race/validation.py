"""Checks of what tasks return and records hold, before it counts: outcomes, and the numbers of protocols."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, ValidationError, create_model

from harness.contracts import YOUNGER, ChildProtocol, Metric, Outcome, Status, TaskProtocol
from harness.errors import HarnessError, LedgerError, message
from harness.files import unicode_text
from harness.limits import LABEL, MOST_COUNTED

Read = TypeVar("Read", bound=BaseModel)


def _finite(value: JsonValue) -> JsonValue:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError as cause:
        raise ValueError("finite numbers") from cause
    return value


class Part(BaseModel):
    """A part of a record: exactly its fields, with exactly their types."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


def record(kind: type, base: type[Part] = Part, *, optional: Collection[str] = (), **given: Any) -> type[Part]:
    """The schema of what a dataclass is written down as: all its fields, of the kinds that it declares.

    Args:
        kind: the dataclass.
        base: what is written down besides.
        optional: fields that a record may lack.
        given: the kinds of those fields that are written down otherwise, None for one that is not.
    """
    kinds = get_type_hints(kind, include_extras=True)
    kinds = {field.name: kinds[field.name] for field in dataclasses.fields(kind)} | given
    fields = {name: (each, None if name in optional else ...) for name, each in kinds.items() if each is not None}
    made: type[Part] = create_model(kind.__name__, __base__=base, **fields)  # type: ignore[call-overload]
    return made


class _Numbers(Part):
    """Whatever numbers a task has."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[JsonValue, AfterValidator(_finite)]]


COUNTS = ("train_examples", "validation_examples", "batch_size")
"""Numbers that a task need not have, but mean the same wherever it has them: boards read the first two."""

ProtocolSpec = record(
    TaskProtocol,
    _Numbers,
    optional=(*YOUNGER, *COUNTS),
    metric=record(Metric) | None,
    **{name: get_type_hints(ChildProtocol, include_extras=True)[name] for name in COUNTS},
)


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
        case "string_pattern_mismatch":
            return f"one short line of text in {where}", repr(first["input"])
        case "too_short":
            least, given = first["ctx"]["min_length"], len(first["input"])
            return f"at least {'one' if least == 1 else least} in {where}", str(given or "none")
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{expected} in {where}", repr(first["input"])


@contextmanager
def stating(what: str, *, hint: str, error: type[HarnessError]) -> Iterator[None]:
    """Report in one line what other people's code states of itself and a record cannot hold.

    Raises:
        HarnessError: of class ``error``.
    """
    try:
        yield
    except ValidationError as cause:
        expected, got = told(cause)
        raise error(message(what, expected=expected, got=got, hint=hint)) from cause


def read_record(path: Path, kind: type[Read], *, what: str, command: str, hint: str, most_bytes: int) -> Read:
    """Read and return a record that is a file of its own; its fields ``format`` and ``schema_`` have defaults.

    Args:
        path: the file.
        kind: of the record.
        what: the file, for messages.
        command: what writes such files.
        hint: what to do if it is damaged.
        most_bytes: the size of the largest file that is read.

    Raises:
        LedgerError: it cannot be read, is damaged, or a newer version wrote it.
    """

    def refused(expected: str, got: str, advice: str = hint) -> LedgerError:
        return LedgerError(message(what, expected=expected, got=got, hint=advice))

    written = f"a file that {command} wrote"
    try:
        if path.stat().st_size > most_bytes:
            raise refused("a smaller file", f"{path.stat().st_size:,} bytes")
        content = path.read_bytes()
        head = json.loads(content)
    except (OSError, ValueError, RecursionError) as cause:
        got = cause.strerror or str(cause) if isinstance(cause, OSError) else "a damaged file"
        raise refused(written, got) from cause
    format, schema = (kind.model_fields[name].default for name in ("format", "schema_"))
    if not isinstance(head, dict) or head.get("format") != format:
        raise refused(written, "another one")
    if isinstance(head.get("schema"), int) and head["schema"] > schema:
        raise refused(f"schema {schema}", f"schema {head['schema']}", "Update the harness to read it")
    try:
        return kind.model_validate_json(content)
    except ValidationError as cause:
        raise refused(*told(cause)) from cause


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
            test=_tested(outcome, outcome.test, protocol),
            test_at_best=_tested(outcome, outcome.test_at_best, protocol),
            figures=tuple((unicode_text(str(name)), float(figure)) for name, figure in outcome.figures),
        )
    except (TypeError, ValueError, OverflowError) as cause:
        return _failure(protocol, unicode_text(f"the task gave a malformed outcome: {cause}"))
    scores = [plain.score, *plain.curve, *(score for _, score in plain.sweep)]
    scores += [score for score in (plain.test, plain.test_at_best) if score is not None]
    if not all(0 <= score <= 1 for score in scores):
        strange = next(score for score in scores if not 0 <= score <= 1)
        return _failure(protocol, f"the task gave a score of {strange}, outside [0, 1]")
    numbers = [plain.seconds, plain.learning_rate or 0.0, *(rate for rate, _ in plain.sweep)]
    if not all(map(math.isfinite, numbers)):
        return _failure(protocol, "the task gave a learning rate or time that is not finite")
    names = [name for name, _ in plain.figures]
    if not all(re.fullmatch(LABEL.pattern, name) for name in names) or len(set(names)) < len(names):
        return _failure(protocol, "the task gave figures whose names are not different short lines of text")
    if not all(math.isfinite(figure) for _, figure in plain.figures):
        unknown = next(name for name, figure in plain.figures if not math.isfinite(figure))
        return _failure(protocol, f"the task gave a figure {unknown} that is not finite")
    if not 0 <= plain.examples <= MOST_COUNTED:
        return _failure(protocol, "the task gave a count of examples below 0 or above 2^63 - 1")
    if plain.status is Status.OK and plain.learning_rate not in protocol.learning_rates:
        given = "no learning rate" if plain.learning_rate is None else f"a learning rate of {plain.learning_rate}"
        return _failure(protocol, f"the task gave {given}, where one of the protocol's was due")
    return plain


def _tested(outcome: Outcome, score: float | None, protocol: TaskProtocol) -> float | None:
    if score is None:
        return None
    return float(score) if outcome.status == Status.OK else protocol.chance


def _failure(protocol: TaskProtocol, note: str) -> Outcome:
    return Outcome(
        status=Status.ERROR, score=protocol.chance, learning_rate=None, examples=0, seconds=0.0, message=note
    )
