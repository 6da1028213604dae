"""Searches without training: every score is looked up in the store of real evaluations, or refused.

A replayed run is pinned by the same header as one that trains, and by law 2 its scores are the ones that training would
give; so it is ranked with its equals, and what it could not look up the same command can train. The data set and the
task's packages need not be there: what their runs were pinned by is read from the store.
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

    The loop looks them up itself before it asks an engine; so what comes here is either not in the store, or was
    trained by another run since this one was refused.

    Args:
        ledger: where to look.
        headers: of the runs to come; all with the same protocol and grounds.
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
        """Whether the store held one of those asked for."""
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
        """Deliver what the store holds, and only then refuse what it does not.

        Raises:
            EngineError: only children are left that the store does not hold.
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
    got = "none" if not others else f"none, nor of {others} more that were asked for with it"
    return EngineError(
        message(
            f"replay of rule {rule.infix} ({rule})",
            expected=(
                f"its evaluation in the ledger by protocol {header.protocol.name} v{header.protocol.version}, "
                f"data {header.data_label}, seed {header.seed}, in this run's environment"
            ),
            got=got,
            hint="Nothing is lost: the same command with --evaluator train goes on and trains it",
        )
    )
