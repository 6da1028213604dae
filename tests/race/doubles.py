"""A searcher that proposes what it is told to, and engines that misbehave."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from racing import SPACE, FakeTask, Learner, fake_outcome, header, spec

from harness.contracts import Outcome, Rule, Status, Trial
from harness.race.engines.inline import InlineEngine


class Scripted:
    """Proposes given rules in turn, and remembers what it was asked and told."""

    def __init__(self, rules: Sequence[Rule], *, batch: int = 1) -> None:
        self.batch = batch
        self.rules = deque(rules)
        self.asked: list[int] = []
        self.told: list[list[Trial]] = []

    def ask(self, count: int) -> Sequence[Rule]:
        self.asked.append(count)
        return [self.rules.popleft() for _ in range(min(count, len(self.rules)))]

    def tell(self, trials: Sequence[Trial]) -> None:
        self.told.append(list(trials))


class CountingEngine(InlineEngine):
    """Counts the children it trains, and can be told to stop the run after so many."""

    def __init__(self, *, slots: int = 1, stop_after: int | None = None) -> None:
        super().__init__(FakeTask(spec().protocol, None))
        self.trained = 0
        self.stop = threading.Event()
        self._slots = slots
        self._stop_after = stop_after

    @property
    def slots(self) -> int:
        return self._slots

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        delivery = super().next(timeout_seconds=timeout_seconds)
        self.trained += delivery is not None
        if self.trained == self._stop_after:
            self.stop.set()
        return delivery


class LastFirstEngine(CountingEngine):
    """Finishes the child that was submitted last."""

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        self._queue.reverse()
        delivery = super().next(timeout_seconds=timeout_seconds)
        self._queue.reverse()
        return delivery


class StutteringEngine(CountingEngine):
    """Delivers every child twice, once more much later with another outcome, and tickets that it never gave."""

    def __init__(self) -> None:
        super().__init__()
        self._deliveries: deque[tuple[int, Outcome]] = deque()
        self._late: deque[tuple[int, Outcome]] = deque()

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        if not self._deliveries:
            delivery = super().next(timeout_seconds=timeout_seconds)
            if delivery is None:
                return None
            ticket, outcome = delivery
            self._late.append((ticket, fake_outcome("late", ticket)))
            self._deliveries.extend([delivery, delivery, (ticket + 1_000_000, outcome)])
            if len(self._late) > 3:
                self._deliveries.append(self._late.popleft())
        return self._deliveries.popleft()


def rules(count: int, *, seed: int = 0) -> list[Rule]:
    """Distinct functions that are OK, and whose operands can be swapped."""
    found: dict[str, Rule] = {}
    learner = Learner(SPACE, seed=seed)
    while len(found) < count:
        (rule,) = learner.ask(1)
        made = header(seed=seed)
        if rule.blocks[0].binary == "mul" and fake_outcome(rule.key, made.child_seed).status is Status.OK:
            found.setdefault(rule.key, rule)
    return list(found.values())
