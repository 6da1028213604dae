"""The task that trains nothing: it looks up what a rule earned when its table was filled (protocol §5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

from harness.contracts import Candidate, Dataset, Outcome, Rule, Status, TaskProtocol
from harness.errors import DataError, ProtocolError, message
from harness.seeds import derive_seed
from harness.space.expression import LANGUAGE_VERSION
from harness.tasks.table.outcome_table import OutcomeTable
from harness.tasks.table.protocols import TableProtocol


def replicate_of(key: str, *, seed: int, replicates: int) -> int:
    """Which of a rule's outcomes a search meets: the child seed and the key decide it, without any state.

    Args:
        key: of the rule.
        seed: of the run's children.
        replicates: how many outcomes each rule has.
    """
    return derive_seed(seed, "replicate", key) % replicates


class TableTask:
    """Scores a rule by looking up one of its outcomes in a table that ships with the harness.

    A table's test scores are kept from searches, and its seconds were another machine's: neither is in an outcome.

    Args:
        protocol: which table.
        data: not used; the table's children were trained beforehand.

    Raises:
        ProtocolError: the protocol names no table.
        DataError: the table is damaged, or has another content than the protocol says.
    """

    name: ClassVar[str] = "table"
    version: ClassVar[int] = 1
    width: ClassVar[int] = 64  # rules that are looked up at once

    def __init__(self, protocol: TaskProtocol, data: Dataset | None = None) -> None:
        if not isinstance(protocol, TableProtocol):
            what, hint = f"protocol {protocol.name!r} of task table", "Choose one such as table-signs"
            raise ProtocolError(message(what, expected="a TableProtocol", got=type(protocol).__name__, hint=hint))
        self.protocol = protocol
        self.data = data
        self._table = OutcomeTable.shipped(protocol.table)
        if self._table.fingerprint != protocol.fingerprint:
            what, hint = f"table {protocol.table}", "Install the harness again: its files do not belong together"
            expected = f"fingerprint {protocol.fingerprint}"
            raise DataError(message(what, expected=expected, got=self._table.fingerprint, hint=hint))

    @property
    def environment(self) -> Mapping[str, str]:
        """What a score depends on besides protocol and seed: the language alone, for nothing is computed here."""
        return {"task": f"{self.name} {self.version}", "language": str(LANGUAGE_VERSION)}

    def evaluate(self, rules: Sequence[Candidate], *, seed: int) -> Sequence[Outcome]:
        """Look up each rule; one that the table does not hold is an ERROR outcome."""
        return [self._outcome(rule, seed) for rule in rules]

    def _outcome(self, rule: Candidate, seed: int) -> Outcome:
        key = rule.key
        if not isinstance(rule, Rule) or key not in self._table:
            return Outcome(
                status=Status.ERROR,
                score=self.protocol.chance,
                learning_rate=None,
                examples=0,
                seconds=0.0,
                message=f"table {self.protocol.table} does not hold {rule.infix}",
            )
        replicate = replicate_of(key, seed=seed, replicates=self._table.replicates)
        return dataclasses.replace(self._table.outcome(key, replicate), test=None)
