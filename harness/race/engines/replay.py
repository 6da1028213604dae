"""Searches without training: every score is looked up in the store of real evaluations.

A replayed run has the same header as one that trains, and by law 2 its scores are those that training would give. So it
is ranked with the others, and training can complete it if the store lacks a score. The data set and the task's packages
are not needed: the store holds what the runs depend on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from harness.contracts import Candidate, Outcome
from harness.errors import EngineError, message
from harness.race.header import RunHeader
from harness.race.store.ledger import Ledger


class ReplayEngine:
    """Looks children up instead of training them.

    The loop looks rules up itself before it asks an engine. So a rule that comes here is not in the store, or was
    trained by another run since the loop looked.

    Args:
        ledger: where to look.
        headers: headers of the runs to come, all with the same conditions.
    """

    def __init__(self, ledger: Ledger, headers: Iterable[RunHeader]) -> None:
        self._ledger = ledger
        self._headers = {header.child_seed: header for header in headers}
        self._tickets = 0
        self._held: deque[tuple[int, Outcome]] = deque()
        self._missing: list[tuple[Candidate, RunHeader]] = []

    @property
    def slots(self) -> int:
        """One child at a time."""
        return 1

    @property
    def ready(self) -> bool:
        """Whether the store held one of the children asked for."""
        return bool(self._held)

    def submit(self, rule: Candidate, *, seed: int) -> int:
        """Look a child up."""
        self._tickets += 1
        header = self._headers[seed]
        outcome = self._ledger.evaluation(header, rule.key)
        if outcome is None:
            self._missing.append((rule, header))
        else:
            self._held.append((self._tickets, outcome))
        return self._tickets

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:  # noqa: ARG002 - nothing to wait for
        """Deliver what the store holds, and only then raise for what it does not hold.

        Raises:
            EngineError: the store holds none of the children that are left.
        """
        if self._held:
            return self._held.popleft()
        if self._missing:
            raise _refusal(*self._missing[0], others=len(self._missing) - 1)
        return None

    def drop(self) -> None:
        """Forget all children."""
        self._held.clear()
        self._missing.clear()

    def close(self) -> None:
        """Forget all children; there is nothing to close."""
        self.drop()


def _refusal(rule: Candidate, header: RunHeader, *, others: int) -> EngineError:
    got = "none" if not others else f"none, nor for {others} more asked for with it"
    return EngineError(
        message(
            f"replay of rule {rule.infix} ({rule})",
            expected=(
                f"its evaluation in the ledger by protocol {header.protocol.name} v{header.protocol.version}, "
                f"data {header.data_label}, seed {header.seed}, in this run's environment"
            ),
            got=got,
            hint="Nothing is lost: run the same command with --evaluator train to train it and go on",
        )
    )
