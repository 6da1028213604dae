"""Outcomes of rules on seeds as arrays, and back without loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from harness.contracts import ChildProtocol, Outcome, Rule, Status
from harness.errors import DataError, message

Array = NDArray[Any]
Rows = Sequence[tuple[Rule, Sequence[Outcome]]]
"""Rules, each with its outcomes."""
STATUSES = tuple(Status)  # numbered in this order; a new one comes last
NO_COUNT = 2**16 - 1  # marks a missing score among counts
NAMES = (
    "key",
    "rule",
    "environment",
    "status",
    "score",
    "learning_rate",
    "examples",
    "sweep",
    "curve",
    "test",
    "message",
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How scores are stored: as counts of correct answers if they are shares of examples, else unchanged.

    Attributes:
        learning_rates: the learning rates of the protocol's sweep.
        epochs: the most epochs that a curve has.
        validation: how many examples a score is a share of; None if it is not a share.
        test: the same for test scores.
    """

    learning_rates: tuple[float, ...]
    epochs: int
    validation: int | None
    test: int | None

    @classmethod
    def of(cls, protocol: ChildProtocol, test: int | None) -> Scale:
        """Return the scale of a protocol, whose scores are shares if it reads examples.

        Args:
            protocol: the protocol of the scores.
            test: how many test examples there are; None if there are none.

        Raises:
            DataError: there are too many examples for 16 bits.
        """
        counted = protocol.inputs != "none"
        for count in (protocol.validation_examples, test) if counted else ():
            if count is not None and count >= NO_COUNT:
                what, hint = f"protocol {protocol.name}", "This format cannot hold larger counts"
                raise DataError(message(what, expected=f"fewer than {NO_COUNT:,} examples", got=count, hint=hint))
        validation = protocol.validation_examples if counted else None
        return cls(protocol.learning_rates, protocol.epochs, validation, test if counted else None)


@dataclass(frozen=True)
class Grid:
    """Outcomes of n rules, each on the same r seeds.

    Attributes:
        scale: how scores are stored.
        messages: error messages of failed children, with the empty one first.
        arrays: ``key`` and ``rule`` (token strings), as UTF-8, of shape (n,); the others of shape (n, r):
            ``environment`` (which, by number), ``status`` (``STATUSES``), ``score`` and ``test``, ``learning_rate``
            (its place in the sweep, −1 for none), ``examples``, ``message`` (by number); but ``sweep`` (n, r, rates)
            and ``curve`` (n, r, epochs).
    """

    scale: Scale
    messages: tuple[str, ...]
    arrays: Mapping[str, Array]

    @classmethod
    def of(cls, rows: Rows, environments: Array, scale: Scale, messages: tuple[str, ...]) -> Grid:
        """Return a grid that holds outcomes exactly.

        Args:
            rows: each rule with its outcome on every seed.
            environments: the number of each outcome's environment.
            scale: how to store scores.
            messages: all messages that occur, and possibly more.

        Raises:
            DataError: an outcome cannot be stored exactly, such as a score that is not a share of the examples.
        """
        flat = [(rule, outcome) for rule, own in rows for outcome in own]
        shape = (len(rows), -1)
        kind = np.dtype("<u2") if scale.validation else np.dtype("<f8")

        def filled(values: Iterator[object], dtype: str | np.dtype[Any], *more: int) -> Array:
            return np.array(list(values), dtype=dtype).reshape(*shape, *more)

        held = [_Held(rule, outcome, scale) for rule, outcome in flat]
        arrays = {
            "key": np.array([rule.key.encode() for rule, _ in rows]),
            "rule": np.array([str(rule).encode() for rule, _ in rows]),
            "environment": environments.astype("<u2"),
            "status": filled((STATUSES.index(outcome.status) for _, outcome in flat), "|u1"),
            "score": filled((each.score for each in held), kind),
            "learning_rate": filled((each.rate for each in held), "|i1"),
            "examples": filled((outcome.examples for _, outcome in flat), "<u4"),
            "sweep": filled((each.sweep for each in held), kind, len(scale.learning_rates)),
            "curve": filled((each.curve for each in held), kind, scale.epochs),
            "test": filled((each.test for each in held), kind),
            "message": filled((messages.index(outcome.message) for _, outcome in flat), "<u2"),
        }
        return cls(scale, messages, arrays)

    def check(self, what: str) -> None:
        """Raise unless the arrays form one grid.

        Raises:
            DataError: an array is missing or has another shape.
        """
        rules, seeds = self.arrays["score"].shape
        right = dict.fromkeys(NAMES, (rules, seeds)) | {
            "key": (rules,),
            "rule": (rules,),
            "sweep": (rules, seeds, len(self.scale.learning_rates)),
            "curve": (rules, seeds, self.scale.epochs),
        }
        for name, shape in right.items():
            if self.arrays[name].shape != shape:
                got, hint = self.arrays[name].shape, "Pack it again with `harness table pack`"
                raise DataError(message(f"{what}, {name}", expected=f"the shape {shape}", got=got, hint=hint))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The rules' keys, in order."""
        return tuple(key.decode() for key in self.arrays["key"].tolist())

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in order."""
        return tuple(Rule.parse(text.decode()) for text in self.arrays["rule"].tolist())

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each key."""
        return {key: place for place, key in enumerate(self.keys)}

    @property
    def seeds(self) -> int:
        """How many outcomes each rule has."""
        return int(self.arrays["score"].shape[1])

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """Scores, shape (n, r)."""
        return _shares(self.arrays["score"], self.scale.validation)

    @cached_property
    def tests(self) -> NDArray[np.float64]:
        """Test scores, shape (n, r); NaN where there is none."""
        return _shares(self.arrays["test"], self.scale.test)

    def outcome(self, place: int, seed: int) -> Outcome:
        """Return what a rule earned on a seed, both given by their places; seconds are not stored and are 0."""
        arrays, scale = self.arrays, self.scale
        rate = int(arrays["learning_rate"][place, seed])
        (score,) = _read(arrays["score"][place, seed].reshape(1), scale.validation)
        (test,) = _read(arrays["test"][place, seed].reshape(1), scale.test)
        sweep = zip(scale.learning_rates, _read(arrays["sweep"][place, seed], scale.validation), strict=True)
        curve = _read(arrays["curve"][place, seed], scale.validation)
        assert score is not None, "every outcome has a score"
        return Outcome(
            status=STATUSES[arrays["status"][place, seed]],
            score=score,
            learning_rate=None if rate < 0 else scale.learning_rates[rate],
            examples=int(arrays["examples"][place, seed]),
            seconds=0.0,
            sweep=tuple((tried, share) for tried, share in sweep if share is not None),
            curve=tuple(share for share in curve if share is not None),
            message=self.messages[arrays["message"][place, seed]],
            test=test,
        )


def _shares(held: Array, examples: int | None) -> NDArray[np.float64]:
    if examples is None:
        return held.astype(np.float64)
    return np.where(held == NO_COUNT, np.nan, held.astype(np.float64) / examples)


def _read(held: Array, examples: int | None) -> list[float | None]:
    if examples is None:
        return [None if value != value else value for value in held.tolist()]
    return [None if count == NO_COUNT else count / examples for count in held.tolist()]


class _Held:
    """One outcome in the numbers that the arrays hold."""

    def __init__(self, rule: Rule, outcome: Outcome, scale: Scale) -> None:
        self._rule, self._scale = rule, scale
        rates = scale.learning_rates
        tried = dict(outcome.sweep)
        if [rate for rate in rates if rate in tried] != [rate for rate, _ in outcome.sweep]:
            self._wrong("the protocol's learning rates in its sweep, in their order", outcome.sweep)
        if outcome.learning_rate is not None and outcome.learning_rate not in rates:
            self._wrong("a learning rate of the sweep", outcome.learning_rate)
        if len(outcome.curve) > scale.epochs:
            self._wrong(f"a curve of at most {scale.epochs} epochs", len(outcome.curve))
        if outcome.examples >= 2**32:
            self._wrong("fewer than 2^32 examples", outcome.examples)
        curve = [*outcome.curve, *[None] * (scale.epochs - len(outcome.curve))]
        self.rate = -1 if outcome.learning_rate is None else rates.index(outcome.learning_rate)
        self.score = self._count(outcome.score, scale.validation)
        self.sweep = [self._count(tried.get(rate), scale.validation) for rate in rates]
        self.curve = [self._count(each, scale.validation) for each in curve]
        self.test = self._count(outcome.test, scale.test)

    def _count(self, share: float | None, examples: int | None) -> float:
        if share is None:
            return NO_COUNT if self._scale.validation else float("nan")
        if self._scale.validation is None:
            return share
        if examples is None:
            self._wrong("no test score, as no number of test examples is known", share)
        count = round(share * examples)
        if count / examples != share:
            self._wrong(f"a share of {examples:,} examples", share)
        return count

    def _wrong(self, expected: str, got: object) -> NoReturn:
        hint = "This format cannot hold it"
        raise DataError(message(f"outcome of {self._rule.infix}", expected=expected, got=got, hint=hint))
