"""Protocols by name, what follows from a protocol, and the budget of a run (protocol §2, §3)."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from harness.contracts import ACCURACY, SCORE, ChildProtocol, Metric, NamedProtocol, TaskProtocol
from harness.errors import HarnessError, ProtocolError, check_range, message
from harness.limits import Positive
from harness.registry import BUILT_IN, Kind, as_protocol, entries, load
from harness.seeds import derive_seed

PROPOSALS_PER_CHILD = 20  # the default cap on proposals, so that a searcher that repeats itself ends
MOST_CHILDREN = 10_000_000  # boards hold a score for each child; the paper's search took 45,000
REFERENCE = "protocol"  # the key in a run's provenance of the module:attribute that named its protocol


def named(name: str) -> TaskProtocol:
    """Return the protocol that a registered name, or a ``module:attribute``, stands for.

    Raises:
        RegistryError: no protocol has that name, or what has it is not a protocol.
        ProtocolError: a run's record cannot hold it.
    """
    return registered(name).protocol


def registered(name: str) -> NamedProtocol:
    """Return a protocol as registered; if it has no summary, one is made from its fields.

    Raises:
        RegistryError: no protocol has that name, or what has it is not a protocol.
        ProtocolError: a run's record cannot hold it.
    """
    whole = as_protocol(name, load(Kind.PROTOCOL, name))
    if name not in BUILT_IN[Kind.PROTOCOL]:
        check_protocol(whole.protocol)
    return whole if whole.summary else dataclasses.replace(whole, summary=_summary(whole.protocol))


def _summary(protocol: TaskProtocol) -> str:
    rates, epochs = len(protocol.learning_rates), protocol.epochs
    return (
        f"{protocol.measured.name} of {protocol.task}, {rates} λ{'s' if rates > 1 else ''}, "
        f"{epochs} epoch{'s' if epochs > 1 else ''}"
    )


def check_protocol(protocol: TaskProtocol) -> None:
    """Raise unless a run's record can hold a protocol and restore it completely.

    Raises:
        ProtocolError: its common fields are invalid, or JSON cannot hold its own numbers.
    """
    from pydantic import ValidationError  # late: boards of our own protocols do not need it

    from harness.race.validation import ProtocolSpec, told

    kind, what = type(protocol), f"protocol {protocol.name!r}"
    if "__dataclass_fields__" not in vars(kind):
        hint = "Put @dataclass(frozen=True, kw_only=True) above it; otherwise its numbers are not in the hash"
        raise ProtocolError(message(what, expected=f"{kind.__name__} to be a dataclass", got="none", hint=hint))
    try:
        text = json.dumps(protocol.spec(), allow_nan=False)
        ProtocolSpec.model_validate_json(text)
        whole = stored(json.loads(text)).hash == protocol.hash
    except ValidationError as cause:
        expected, got = told(cause)
        raise ProtocolError(
            message(what, expected=expected, got=got, hint="Correct it where the protocol is defined")
        ) from cause
    except (TypeError, ValueError) as cause:
        hint = "Use only plain numbers, texts, and tuples of them in the protocol"
        raise ProtocolError(message(what, expected="fields that JSON can hold", got=cause, hint=hint)) from cause
    if not whole:
        hint = "Do not override spec(), and use texts as keys"
        raise ProtocolError(message(what, expected="fields that JSON restores", got="different ones", hint=hint))


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredProtocol(TaskProtocol):
    """A protocol as a run's record holds it: the common fields, and the task's own numbers by name.

    With it, runs can be shown and ranked even if the package of their protocol is not installed. It equals every
    protocol with the same hash.
    """

    numbers: Mapping[str, object]

    def spec(self) -> dict[str, object]:
        """Return exactly what was recorded."""
        return {name: value for name, value in super().spec().items() if name != "numbers"} | dict(self.numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskProtocol) and other.hash == self.hash

    def __hash__(self) -> int:
        return hash(self.hash)


_HEAD = {field.name for field in dataclasses.fields(TaskProtocol)}
_CHILD = {field.name for field in dataclasses.fields(ChildProtocol)} - _HEAD


def stored(spec: Mapping[str, Any]) -> TaskProtocol:
    """Read what a protocol's ``spec`` returned, without the class that the task may have declared for it.

    Raises:
        TypeError, KeyError: it is not the record of a protocol.
    """
    head = {name: value for name, value in spec.items() if name in _HEAD}
    numbers = {name: value for name, value in spec.items() if name not in _HEAD}
    head |= {"learning_rates": tuple(head["learning_rates"]), "rungs": tuple(head.get("rungs", ()))}
    if "metric" in head:
        head["metric"] = Metric(**head["metric"])
    return ChildProtocol(**head, **numbers) if numbers.keys() == _CHILD else StoredProtocol(**head, numbers=numbers)


def targets(protocol: TaskProtocol) -> tuple[float, ...]:
    """Return the scores that boards count children to; if none are registered, quarters of the way to 1 (**D**).

    A board can be drawn whether or not the package of its protocol is installed, so a package that is missing or does
    not load is not an error.
    """
    known: tuple[float, ...] = ()
    if protocol.name in entries(Kind.PROTOCOL):
        with suppress(HarnessError):
            known = registered(protocol.name).targets
    return known or tuple(round(protocol.chance + part * (1 - protocol.chance), 12) for part in (0.25, 0.5, 0.75))


def guessing(protocol: TaskProtocol) -> float:
    """Return the highest score that guessing explains: for shares of examples, 3 standard errors above chance (**D**).

    No score depends on it, but boards list only rules above it. It stays below the first of ``targets``. For scores
    that are not shares of examples, guessing explains only chance.
    """
    share, examples = min(max(protocol.chance, 0.0), 1.0), protocol.count("validation_examples")
    if examples is None or protocol.measured not in (ACCURACY, SCORE):
        return protocol.chance
    error = math.sqrt(share * (1 - share) / max(1, examples))  # toys need no examples
    return max(protocol.chance, min(protocol.chance + 3 * error, targets(protocol)[0]))


def whole(protocol: TaskProtocol) -> str:
    """Return the hash of a protocol that trains to the end of its horizon, which all rungs of a funnel share.

    A protocol without a horizon has its own hash, as has one that trains to it.
    """
    spec = protocol.spec()
    horizon = spec.get("horizon")
    if not isinstance(horizon, int) or horizon < 1:
        return protocol.hash
    return stored(spec | {"epochs": horizon, "horizon": 0}).hash


def child_seed(
    run_seed: int, protocol: TaskProtocol, *, fresh: bool = False, table: str | None = None, transfer: bool = False
) -> int:
    """Return the seed of a run's children, which depends on the run's seed and protocol alone (protocol §3).

    All searchers with one seed therefore train the same initial weights on the same batches and share evaluations.

    Args:
        run_seed: the run's seed.
        protocol: how children are scored.
        fresh: whether the run is a confirmation, whose child seeds come from a stream that no search uses.
        table: name of the table of outcomes that the run fills, whose replicates have their own stream, too (§5).
        transfer: whether the run is a transfer, whose stream is another one (§7); all rungs of a funnel share a seed.
    """
    if transfer:
        return derive_seed(run_seed, "transfer", whole(protocol))
    if table is not None:
        return derive_seed(run_seed, "table", table, protocol.hash)
    return derive_seed(run_seed, "confirm" if fresh else "child", protocol.hash)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one run may use: children trained, and proposals made.

    Attributes:
        children: trainings charged, 1 to ``MOST_CHILDREN``; a rule equal to one already trained in the run is free.
        proposals: proposals accepted in all, duplicates included; no fewer than children.

    Raises:
        ProtocolError: one of them is out of range.
    """

    children: Positive
    proposals: Positive

    def __post_init__(self) -> None:
        check_range("children", self.children, least=1, most=MOST_CHILDREN, error=ProtocolError)
        most = PROPOSALS_PER_CHILD * MOST_CHILDREN
        check_range("proposals", self.proposals, least=self.children, most=most, error=ProtocolError)

    @classmethod
    def of(cls, children: int) -> Budget:
        """Return the budget of so many children with the default cap on proposals."""
        return cls(children, PROPOSALS_PER_CHILD * children)


@dataclass(frozen=True, slots=True)
class NoData:
    """The data set of a protocol that reads none."""

    name: str = "none"
    fingerprint: str = "none"


NO_DATA = NoData()
