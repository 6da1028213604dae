"""Searches without training: every score is looked up in the store of real evaluations, or refused.

A replayed run is pinned by the same header as one that trains, and by law 2 its scores are the ones that training would
give; so it is ranked with its equals, and what it could not look up the same command can train. The data set and the
task's packages need not be there: what their runs were pinned by is read from the store.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.contracts import ChildProtocol, Outcome, Rule
from harness.errors import EngineError, LedgerError, message
from harness.race.records import Judged, RunHeader
from harness.race.store.ledger import Ledger

SHOWN_DIGITS = 8  # of a fingerprint


@dataclass(frozen=True, slots=True)
class Grounds:
    """What scores depend on besides the protocol and the seed.

    Attributes:
        data: the data set's registry name.
        fingerprint: hash of its decoded arrays.
        environment: the task's version, library versions, device.
    """

    data: str
    fingerprint: str
    environment: Mapping[str, str]


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
        self._missing: list[tuple[Rule, RunHeader]] = []

    @property
    def slots(self) -> int:
        """One child at a time."""
        return 1

    @property
    def ready(self) -> bool:
        """Whether the store held one of those asked for."""
        return bool(self._held)

    def submit(self, rule: Rule, *, seed: int) -> int:
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


def grounds_held(
    records: Sequence[Judged], protocol: ChildProtocol, *, seeds: Sequence[int], data: str = "auto"
) -> list[Grounds]:
    """What the store's evaluations by a protocol were made on: one data set, in one or more environments.

    Args:
        records: all runs of the store.
        protocol: how children are scored.
        seeds: of the runs to replay; the child's seed follows from the run's, so no other run's evaluations will do.
        data: name of the data set, or the first digits of its fingerprint; ``auto`` takes the only one there is.

    Returns:
        At least one, that with the most evaluations first; they differ in environment alone.

    Raises:
        LedgerError: nothing is held for this protocol, these seeds and this data, or several data sets are.
    """
    what = f"replay by protocol {protocol.name} v{protocol.version}"
    alike = [
        record
        for record in records
        if record.header.protocol.hash == protocol.hash and len(record.results) and record.header.searches
    ]
    of_data = [record for record in alike if data == "auto" or protocol.inputs == "none" or _named(record, data)]
    useful = [record for record in of_data if record.header.seed in set(seeds)]
    if not useful:
        expected = f"evaluations in the store of seed {_listed(seeds)}"
        if not alike:
            got = "none by this protocol"
        elif not of_data:
            got = f"only those on data {_listed(sorted({_told(record.header) for record in alike}))}"
        else:
            got = f"only those of seed {_listed(sorted({record.header.seed for record in of_data}))}"
        hint = "Train some with --evaluator train, or name another --results, --seeds or --data"
        raise LedgerError(message(what, expected=expected, got=got, hint=hint))
    if len({record.header.data_fingerprint for record in useful}) > 1:
        got = _listed(sorted({_told(record.header) for record in useful}))
        hint = "Choose one with --data, by its name or the first digits of its fingerprint"
        raise LedgerError(message(what, expected="evaluations on one data set", got=got, hint=hint))
    counts: Counter[str] = Counter()
    headers: dict[str, RunHeader] = {}
    for record in useful:
        counts[record.header.environment_hash] += sum(record.results.charged)
        headers.setdefault(record.header.environment_hash, record.header)
    return [
        Grounds(headers[name].data, headers[name].data_fingerprint, dict(headers[name].environment))
        for name, _ in counts.most_common()
    ]


def _refusal(rule: Rule, header: RunHeader, *, others: int) -> EngineError:
    got = "none" if not others else f"none, nor of {others} more that were asked for with it"
    return EngineError(
        message(
            f"replay of rule {rule.infix} ({rule})",
            expected=(
                f"its evaluation in the store by protocol {header.protocol.name} v{header.protocol.version}, "
                f"data {_told(header)}, seed {header.seed}, in this run's environment"
            ),
            got=got,
            hint="Nothing is lost: the same command with --evaluator train goes on and trains it",
        )
    )


def _named(record: Judged, data: str) -> bool:
    return record.header.data == data or (len(data) >= 4 and record.header.data_fingerprint.startswith(data))


def _told(header: RunHeader) -> str:
    return f"{header.data} ({header.data_fingerprint[:SHOWN_DIGITS]})"


def _listed(parts: Iterable[object]) -> str:
    return ", ".join(map(str, parts))
