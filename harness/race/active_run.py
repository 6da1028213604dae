"""An active run: what has been proposed and charged, and a proposal's way through ledger and engine and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

from harness.candidates import NamedOptimizer
from harness.contracts import Candidate, Outcome, Rule, Searcher
from harness.errors import ReplayError, SearcherError, SpaceError, message, outside
from harness.race.engines.engine import Engine
from harness.race.entry import Entry, Source
from harness.race.progress import Meter, Progress
from harness.race.store.writer import RunWriter
from harness.race.validation import checked

PATIENCE_SECONDS = 0.2  # how long a request to stop may go unnoticed while children train elsewhere


Proposing = Searcher[Rule] | Searcher[Candidate]
"""Proposes rules in a search, or reads the candidates of a confirmation from a list."""


Recorded = Callable[[Sequence[Entry]], None]
"""Called with completed proposals once they are in the ledger."""


class StopRequest(Protocol):
    """Says whether the user wants the run to stop; a ``threading.Event``, for example."""

    def is_set(self) -> bool:
        """Return True once the user has asked the run to stop."""


class Stopped(Exception):
    """The user asked the run to stop."""


class ActiveRun:
    """The state of one active run, and its calls to searcher, ledger and engine.

    Attributes:
        run: the writer of its record.
        header: the run's header.
        searcher: the searcher that proposes.
        engine: where children train.
        meter: what the display shows.
        entries: every proposal so far, pending ones included.
    """

    def __init__(
        self,
        run: RunWriter,
        searcher: Proposing,
        engine: Engine,
        *,
        watch: Callable[[Progress], None],
        stop: StopRequest | None,
        recorded: Recorded | None = None,
    ) -> None:
        self.run = run
        self.header = run.header
        self.searcher = searcher
        self.engine = engine
        self.meter = Meter(run.header)
        self.entries: list[Entry] = []
        self._written = 0  # how many of these the ledger and the engine know
        self._watch = watch
        self._stop = stop
        self._recorded = recorded
        self._clock = 0
        self._unflushed = False  # whether the ledger holds anything that a power loss could undo
        self._first: dict[str, int] = {}  # key → its first proposal, the one that is charged
        self._tickets: dict[int, int] = {}  # ticket → the proposal in flight
        self._waiting: dict[int, list[int]] = {}  # proposal in flight → its duplicates
        watch(self.meter.progress())

    @property
    def children_left(self) -> int:
        """How many children may still be charged; those in flight are charged already."""
        return self.header.budget.children - len(self._first)

    @property
    def proposals_left(self) -> int:
        """How many proposals may still be made."""
        return self.header.budget.proposals - len(self.entries)

    @property
    def spent(self) -> bool:
        """Whether the budget allows no further proposal."""
        return self.children_left <= 0 or self.proposals_left <= 0

    @property
    def untold(self) -> int:
        """How many proposals are pending: children in flight or queued, and duplicates that wait for them."""
        entered = sum(entry.outcome is None for entry in self.entries[self._written :])
        return entered + len(self._tickets) + sum(map(len, self._waiting.values()))

    def tick(self) -> int:
        """Return the number of the next logical step."""
        self._clock += 1
        return self._clock - 1

    def check_stop(self) -> None:
        """Raise ``Stopped`` if the user asked the run to stop."""
        if self._stop is not None and self._stop.is_set():
            raise Stopped

    def ask(self, count: int) -> list[Candidate]:
        """Ask the searcher for up to ``count`` proposals, and check its answer against the contract.

        Raises:
            SearcherError: it returned too many, or something that is not a rule.
            SpaceError: a rule lies outside its space.
        """
        what = f"searcher {self.header.searcher}"
        hint = f"Fix the searcher; `harness conformance {self.header.searcher}` tests it"
        expected = f"ask({count}) to return a list of rules"
        with outside(self.searcher, what, expected=expected, hint=hint, error=SearcherError):
            rules: list[Candidate] = list(self.searcher.ask(count))
        strangers = [rule for rule in rules if not isinstance(rule, Rule | NamedOptimizer)]
        if strangers:
            got = f"{strangers[0]!r} of type {type(strangers[0]).__name__}"
            hint = "Return Rule objects, such as Rule.parse(text)"
            raise SearcherError(message(what, expected=expected, got=got, hint=hint))
        if len(rules) > count:
            raise SearcherError(message(what, expected=f"at most {count} rules", got=f"{len(rules)} rules", hint=hint))
        for offset, rule in enumerate(rules):
            try:
                self.header.check(rule)
            except SpaceError as cause:
                told = f"{what}, proposal {len(self.entries) + offset} ({rule}): {cause}"
                raise SpaceError(f"{told} A searcher proposes only what space.contains(rule) accepts.") from cause
        return rules

    def place(self, rules: Sequence[Candidate], *, asked: int) -> range:
        """Record the answer to one ask, and dispatch it.

        Args:
            rules: the answer.
            asked: its step.

        Returns:
            The indexes of the proposals.

        Raises:
            ReplayError: the ledger has others in their place.
        """
        placed = self.enter(rules, asked=asked)
        known = max(0, len(self.run.recorded) - placed.start)
        if 0 < known < len(placed):
            raise self.differs(f"{known} proposals at step {asked}", f"{len(placed)}", index=placed.start)
        self.dispatch()
        return placed

    def enter(self, rules: Sequence[Candidate], *, asked: int) -> range:
        """Add the answer to one ask to the run's state.

        Outcomes that are known at once, of duplicates and shared evaluations, are told at the next step.

        Args:
            rules: the answer.
            asked: its step.

        Returns:
            The indexes of the proposals.

        Raises:
            ReplayError: the ledger has others in their place.
        """
        start = len(self.entries)
        for rule in rules:
            self.entries.append(self._entry(rule, asked))
        return range(start, len(self.entries))

    def dispatch(self) -> None:
        """Write new proposals to the ledger, unless it has them already; then submit new children to the engine."""
        entered, self._written = self.entries[self._written :], len(self.entries)
        recorded = len(self.run.recorded)
        if fresh := [entry for entry in entered if entry.index >= recorded]:
            self.run.propose(fresh)
            self._unflushed = True
        for entry in entered:
            if entry.outcome is not None:
                self._count(entry, replayed=entry.index < recorded)
            elif entry.charged:
                ticket = self.engine.submit(entry.rule, seed=self.header.child_seed)
                self._tickets[ticket] = entry.index
            else:
                self._waiting.setdefault(self._first[entry.key], []).append(entry.index)

    def receive(self, told: Callable[[], int], *, timeout_seconds: float = PATIENCE_SECONDS) -> list[int]:
        """Wait a moment for a child, and write the outcomes of all children that have finished by then.

        An outcome goes to the child's proposal and to the duplicates that wait for it. A second or late delivery has no
        effect, because its ticket is used.

        Args:
            told: returns the step at which the next outcome will be told; called once for each, in order.
            timeout_seconds: how long to wait for the first child.

        Returns:
            The indexes of the proposals that are now complete, in order.
        """
        finished: dict[int, Outcome] = {}  # by the function's first proposal
        try:
            self._deliver(finished, timeout_seconds=timeout_seconds)
            while self.engine.ready:
                self._deliver(finished, timeout_seconds=0.0)
        finally:  # finished children are written even if the next one fails
            complete = [
                dataclasses.replace(self.entries[index], outcome=outcome, told=told())
                for first, outcome in finished.items()
                for index in (first, *self._waiting.pop(first, ()))
            ]
            if complete:
                self.run.complete(complete)
                self._unflushed = True
                if self._recorded is not None:  # it deletes what a child could go on from
                    self._flush()
                    self._recorded(complete)
            for entry in complete:
                self.entries[entry.index] = entry
                self._count(entry, replayed=False)
        return [entry.index for entry in complete]

    def tell(self, indexes: Sequence[int]) -> None:
        """Tell the searcher of completed proposals once they are on disk (law 6)."""
        self._flush()
        self.hear([self.entries[index] for index in indexes])

    def _flush(self) -> None:
        if self._unflushed:
            self.run.flush()
            self._unflushed = False

    def hear(self, entries: Sequence[Entry]) -> None:
        """Tell the searcher of entries that are on disk."""
        # A searcher of rules has only rules in its entries: the header ensures that.
        what, expected = f"searcher {self.header.searcher}", "tell(trials) to accept a list of trials"
        hint = f"Fix the searcher; `harness conformance {self.header.searcher}` tests it"
        with outside(self.searcher, what, expected=expected, hint=hint, error=SearcherError):
            self.searcher.tell([entry.trial for entry in entries])  # type: ignore[misc]

    def check_replayed(self) -> None:
        """Raise if the searcher ended before its recorded proposals did.

        Raises:
            ReplayError: it ended early.
        """
        if len(self.entries) < len(self.run.recorded):
            raise self.differs("a proposal", "none left")

    def differs(self, expected: str, got: object, *, index: int | None = None) -> ReplayError:
        """Return the error for a replay that differs from the record, by default at the next proposal."""
        where = len(self.entries) if index is None else index
        hint = (
            "The searcher changed or is not deterministic: restore it, "
            "or start the run again in another folder with --results"
        )
        what = f"replay of run {self.header.name}, proposal {where}"
        return ReplayError(message(what, expected=f"{expected}, as recorded", got=got, hint=hint))

    def _deliver(self, finished: dict[int, Outcome], *, timeout_seconds: float) -> None:
        """Take one finished child from the engine, if there is one in time, and check its outcome."""
        delivery = self.engine.next(timeout_seconds=timeout_seconds)
        if delivery is None:
            return
        ticket, outcome = delivery
        first = self._tickets.pop(ticket, None)
        if first is not None:
            finished[first] = checked(outcome, self.header.protocol)

    def _entry(self, rule: Candidate, asked: int) -> Entry:
        """Find out whether a proposal is a duplicate in this run, shared from the ledger, or to be trained."""
        index, key = len(self.entries), rule.key
        first = self._first.setdefault(key, index)
        if index < len(self.run.recorded):
            return self._replayed(self.run.recorded[index], rule, asked=asked, charged=first == index)
        if first != index:
            source, outcome = Source.DUPLICATE, self.entries[first].outcome
        else:
            outcome = self.run.evaluation(key)
            source = Source.TRAINED if outcome is None else Source.SHARED
        told = None if outcome is None else asked + 1
        return Entry(index=index, rule=rule, key=key, source=source, asked=asked, told=told, outcome=outcome)

    def _replayed(self, entry: Entry, rule: Candidate, *, asked: int, charged: bool) -> Entry:
        if str(entry.rule) != str(rule):
            raise self.differs(str(entry.rule), rule)
        if entry.asked != asked:
            raise self.differs(f"{rule} at step {entry.asked}", f"step {asked}")
        if entry.charged != charged:
            kinds = {True: "a new function", False: "a duplicate"}
            raise self.differs(f"{rule} to be {kinds[entry.charged]}", kinds[charged])
        return dataclasses.replace(entry, rule=rule)  # a record does not hold what builds an optimizer

    def _count(self, entry: Entry, *, replayed: bool) -> None:
        self.meter.count(entry, replayed=replayed)
        self._watch(self.meter.progress())
