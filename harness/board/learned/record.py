"""The record of a comparison on fresh problems: one JSON file that holds all that its figures depend on.

::

    comparison = read(path)
    comparison.conditions.name            # "mnist/relu"
    comparison.candidates[0].curve.mean   # by step

A value that is not finite is null. The file holds no times, so an equal comparison by the same revision on the same
processor gives an equal file. Paths are in it only where a candidate was named by one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator

from harness.contracts import Candidate
from harness.errors import HarnessError
from harness.files import matching
from harness.limits import Count, Label, Length, Line, Positive
from harness.race.store.rows import candidate_from
from harness.race.validation import Part, read_record

FOLDER = "learned"  # in a results folder
MOST_BYTES = 1 << 28  # of a file
LOW, HIGH = 0.1, 0.9  # the quantiles of a curve's band
LARGEST = float(np.finfo(np.float32).max)
Values = tuple[float | None, ...]
Text = Annotated[str, Line(200, least=0)]


class _Frozen(Part):
    model_config = ConfigDict(frozen=True)


class Conditions(_Frozen):
    """What all candidates of a comparison share.

    Attributes:
        problems: the family of problems.
        variant: its variant; empty for the family itself.
        version: the family's version.
        data: name of the data set; empty if the family reads none.
        fingerprint: its fingerprint.
        seed: root seed of the problems.
        count: how many fresh problems are compared on.
        steps: how many steps are taken on each.
        held_out: how many validation problems chose λ.
        batch: how many problems were drawn at once.
        rates: the λ that were tried.
        environment: versions, and a digest of how the machine rounds.
    """

    problems: Label
    variant: Text = ""
    version: Positive
    data: Text = ""
    fingerprint: Text = ""
    seed: Count
    count: Positive
    steps: Positive
    held_out: Positive
    batch: Positive
    rates: Annotated[tuple[float, ...], Length(1)]
    environment: dict[str, str]

    @property
    def name(self) -> str:
        """The family with its variant, as ``--problems`` takes it."""
        return f"{self.problems}/{self.variant}" if self.variant else self.problems

    @property
    def identity(self) -> str:
        """8 hexadecimal digits that are equal for equal conditions."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:8]

    @property
    def file(self) -> str:
        """The name of the comparison's file."""
        return f"{re.sub(r'[^A-Za-z0-9.]+', '-', self.name)[:80]}-{self.identity}.json"


class Curve(_Frozen):
    """The values f(θ_t) for t = 0 … T over all problems: mean, median, and the quantiles of 10% and 90%."""

    mean: Values
    median: Values
    low: Values
    high: Values

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Self:
        """Summarize values, (steps + 1, problems); one that is not finite counts as infinite."""
        ordered = np.where(np.isfinite(values), values, 1e300)
        low, median, high = np.quantile(ordered, [LOW, 0.5, HIGH], axis=1)
        return cls(mean=_listed(values.mean(1)), median=_listed(median), low=_listed(low), high=_listed(high))


class Entrant(_Frozen):
    """One candidate of a comparison.

    Attributes:
        name: the name that it was given.
        candidate: its record: a rule's tokens, or another optimizer with all options and the hash of its weights.
        rate: the chosen λ; null for a learned optimizer, for which nothing is tuned.
        validation: each λ, with the mean final f of the validation problems; null where it diverged.
        commit: revision of the harness that computed it.
        hardware: the processor.
        curve: values by step.
        finals: the final value of each problem.
    """

    name: Label
    candidate: Annotated[str, Field(min_length=1, max_length=10_000)]
    rate: float | None
    validation: tuple[tuple[float, float | None], ...]
    commit: Text
    hardware: Text
    curve: Curve
    finals: Values

    @property
    def read(self) -> Candidate:
        """The candidate.

        Raises:
            LedgerError: the record is none.
        """
        return candidate_from(self.candidate)


class Comparison(_Frozen):
    """Candidates under one set of conditions, in the order in which they were computed."""

    format: Literal["harness learned comparison"] = "harness learned comparison"
    schema_: Literal[1] = Field(default=1, alias="schema")
    conditions: Conditions
    candidates: tuple[Entrant, ...] = ()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Check that every candidate has the values that the conditions promise."""
        conditions = self.conditions
        for each in self.candidates:
            if len(each.finals) != conditions.count:
                raise ValueError(f"{conditions.count} final values of {each.name}")
            curve = each.curve
            if {len(part) for part in (curve.mean, curve.median, curve.low, curve.high)} != {conditions.steps + 1}:
                raise ValueError(f"{conditions.steps + 1} values of each curve of {each.name}")
            tried = tuple(rate for rate, _ in each.validation)
            if (tried and each.rate not in tried) or tried != (conditions.rates if each.rate is not None else ()):
                raise ValueError(f"the λ of {each.name} among those that were tried")
            try:
                _ = each.read
            except HarnessError as cause:
                raise ValueError(f"a candidate's record of {each.name}") from cause
        repeated = [
            record for record, times in Counter(each.candidate for each in self.candidates).items() if times > 1
        ]
        if repeated:
            raise ValueError("every candidate once")
        return self

    def done(self, candidate: Candidate) -> bool:
        """Whether it holds a candidate: the same function, or the same optimizer with the same weights."""
        return candidate.key in {each.read.key for each in self.candidates}

    def with_entrant(self, entrant: Entrant) -> Comparison:
        """Return the comparison with one more candidate."""
        return Comparison(conditions=self.conditions, candidates=(*self.candidates, entrant))

    def __bytes__(self) -> bytes:
        """The content of its file: a line for each candidate."""
        fields = self.model_dump(by_alias=True)
        candidates = ",\n".join(map(_dumped, fields.pop("candidates")))
        head = _dumped(fields).removesuffix("}")
        return f'{head}, "candidates": [\n{candidates}\n]}}\n'.encode()


def _dumped(fields: Any) -> str:
    return json.dumps(fields, allow_nan=False, ensure_ascii=False)


def finals(values: NDArray[np.float64]) -> Values:
    """Return the last values of the problems."""
    return _listed(values[-1])


def finite(value: float) -> float | None:
    """Return a value that float32 holds; None for another."""
    return float(value) if np.isfinite(value) and value <= LARGEST else None


def _listed(values: NDArray[np.float64]) -> Values:
    return tuple(map(finite, values))


def read(path: Path) -> Comparison:
    """Read a comparison's file.

    Raises:
        LedgerError: it cannot be read, is damaged, or a newer version wrote it.
    """
    what, hint = f"comparison in {path}", "Restore a copy, or delete it and compare again"
    return read_record(path, Comparison, what=what, command="harness learn compare", hint=hint, most_bytes=MOST_BYTES)


def stored(results: Path) -> Sequence[Comparison]:
    """Return all comparisons of a results folder that hold a candidate, by problems, then by seed and count.

    Raises:
        LedgerError: one of them cannot be read.
    """
    found = [read(path) for path in matching(results / FOLDER, "*.json")]
    return sorted((each for each in found if each.candidates), key=_order)


def _order(each: Comparison) -> tuple[Any, ...]:
    conditions = each.conditions
    return conditions.problems, conditions.variant, conditions.seed, conditions.count, conditions.identity
