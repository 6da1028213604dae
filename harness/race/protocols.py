"""Protocols by name, what follows from one, and the budget a search is charged against (protocol §2, §3)."""

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
MOST_CHILDREN = 10_000_000  # boards hold a score for each; the paper's search took 45,000
REFERENCE = "protocol"  # the name in a run's provenance of the module:attribute that its protocol was named by


def named(name: str) -> TaskProtocol:
    """Return the protocol that a registered name, or a ``module:attribute``, stands for.

    Raises:
        RegistryError: no protocol has that name, or what has it is none.
        ProtocolError: a run's record cannot hold it.
    """
    return registered(name).protocol


def registered(name: str) -> NamedProtocol:
    """Return a protocol as it is registered, with what no score depends on; without a summary, with a plain one.

    Raises:
        RegistryError: no protocol has that name, or what has it is none.
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
    """Raise unless a run's record can hold a protocol, and gives it back whole.

    Raises:
        ProtocolError: its head does not make sense, or its own numbers are none that JSON holds.
    """
    from pydantic import ValidationError  # late: boards of our own protocols do without

    from harness.race.validation import ProtocolSpec, told

    kind, what = type(protocol), f"protocol {protocol.name!r}"
    if "__dataclass_fields__" not in vars(kind):
        hint = "Put @dataclass(frozen=True, kw_only=True) above it, or its own numbers are left out of the hash"
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
        hint = "Give the protocol plain numbers, texts, and tuples of them"
        raise ProtocolError(message(what, expected="fields that JSON holds", got=cause, hint=hint)) from cause
    if not whole:
        hint = "Leave spec() as it is inherited, and use texts as keys"
        raise ProtocolError(message(what, expected="fields that JSON gives back", got="others", hint=hint))


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredProtocol(TaskProtocol):
    """A protocol as a run's record holds it: the head, and the task's own numbers by name.

    So runs are shown and ranked where the package that their protocol is from is not installed. It equals every
    protocol with the same hash.
    """

    numbers: Mapping[str, object]

    def spec(self) -> dict[str, object]:
        """What was recorded, number for number."""
        return {name: value for name, value in super().spec().items() if name != "numbers"} | dict(self.numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskProtocol) and other.hash == self.hash

    def __hash__(self) -> int:
        return hash(self.hash)


_HEAD = {field.name for field in dataclasses.fields(TaskProtocol)}
_CHILD = {field.name for field in dataclasses.fields(ChildProtocol)} - _HEAD


def stored(spec: Mapping[str, Any]) -> TaskProtocol:
    """Read what ``spec`` of a protocol gave, without the class that the task may have declared for it.

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
    """The scores whose first reaching a board reports; where none are registered, quarters of the way to 1 (**D**).

    A board is drawn wherever its runs are, whether or not the package of their protocol is there: so one that is not,
    or does not load, is no error.
    """
    known: tuple[float, ...] = ()
    if protocol.name in entries(Kind.PROTOCOL):
        with suppress(HarnessError):
            known = registered(protocol.name).targets
    return known or tuple(protocol.chance + part * (1 - protocol.chance) for part in (0.25, 0.5, 0.75))


def guessing(protocol: TaskProtocol) -> float:
    """The highest score that guessing explains: of a share of examples, three standard errors above chance (**D**).

    No score depends on it: boards list no rule as a find that does not lie above it. It stays below the first of
    ``targets``. Of what is no share of examples, guessing explains chance alone.
    """
    share, examples = min(max(protocol.chance, 0.0), 1.0), protocol.count("validation_examples")
    if examples is None or protocol.measured not in (ACCURACY, SCORE):
        return protocol.chance
    error = math.sqrt(share * (1 - share) / max(1, examples))  # toys need none
    return max(protocol.chance, min(protocol.chance + 3 * error, targets(protocol)[0]))


def child_seed(run_seed: int, protocol: TaskProtocol, *, fresh: bool = False, table: str | None = None) -> int:
    """The seed of every child of a run: the run's seed and the protocol decide it, the searcher does not (protocol §3).

    So every searcher with one seed trains the same initial weights on the same batches, and one evaluation serves all.

    Args:
        run_seed: the run's.
        protocol: by which children are scored.
        fresh: of a confirmation, whose seeds come from a stream of their own, so that no search has seen them.
        table: of the table of outcomes that the run fills, whose replicates have a stream of their own, too (§5).
    """
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
        """The budget of so many children with the default cap on proposals."""
        return cls(children, PROPOSALS_PER_CHILD * children)


@dataclass(frozen=True, slots=True)
class NoData:
    """The data set of a protocol that reads none."""

    name: str = "none"
    fingerprint: str = "none"


NO_DATA = NoData()
