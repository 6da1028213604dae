"""Protocols by name, what follows from one, and the budget a search is charged against (protocol §2, §3)."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

from harness.contracts import ChildProtocol, NamedProtocol
from harness.errors import ProtocolError, RegistryError, check_range
from harness.registry import Kind, as_protocol, entries, load
from harness.seeds import derive_seed

PROPOSALS_PER_CHILD = 20  # the default cap on proposals, so that a searcher that repeats itself ends
MOST_CHILDREN = 10_000_000  # boards hold a score for each; the paper's search took 45,000


def named(name: str) -> ChildProtocol:
    """Return the protocol that a registered name, or a ``module:attribute``, stands for.

    Raises:
        RegistryError: no protocol has that name, or what has it is none.
    """
    return registered(name).protocol


def registered(name: str) -> NamedProtocol:
    """Return a protocol as it is registered, with what no score depends on.

    Raises:
        RegistryError: no protocol has that name, or what has it is none.
    """
    return as_protocol(name, load(Kind.PROTOCOL, name))


def targets(protocol: ChildProtocol) -> tuple[float, ...]:
    """The scores whose first reaching a board reports; where none are registered, quarters of the way to 1 (**D**).

    A board is drawn wherever its runs are, whether or not the package of their protocol is there: so one that is not,
    or does not load, is no error.
    """
    known: tuple[float, ...] = ()
    if protocol.name in entries(Kind.PROTOCOL):
        with suppress(RegistryError):
            known = registered(protocol.name).targets
    return known or tuple(protocol.chance + part * (1 - protocol.chance) for part in (0.25, 0.5, 0.75))


def guessing(protocol: ChildProtocol) -> float:
    """The highest score that guessing explains: three standard errors of chance on the held-out examples (**D**).

    No score depends on it: boards list no rule as a find that does not lie above it. It stays below the first of
    ``targets``, for a protocol from outside may measure something else than a share of examples.
    """
    share = min(max(protocol.chance, 0.0), 1.0)
    error = math.sqrt(share * (1 - share) / max(1, protocol.validation_examples))  # toys need none
    return max(protocol.chance, min(protocol.chance + 3 * error, targets(protocol)[0]))


def child_seed(run_seed: int, protocol: ChildProtocol, *, fresh: bool = False, table: str | None = None) -> int:
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

    children: int
    proposals: int

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
