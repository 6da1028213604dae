"""The engine that needs no other process: one child at a time, here."""

from __future__ import annotations

from collections import deque

from harness.contracts import Outcome, Rule, Task
from harness.race.engines.engine import train


class InlineEngine:
    """Trains one child at a time in this process, when its outcome is waited for."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._tickets = 0
        self._queue: deque[tuple[int, Rule, int]] = deque()

    @property
    def slots(self) -> int:
        """One child at a time."""
        return 1

    @property
    def ready(self) -> bool:
        """Never: a child trains when it is waited for."""
        return False

    def submit(self, rule: Rule, *, seed: int) -> int:
        """Queue a child."""
        self._tickets += 1
        self._queue.append((self._tickets, rule, seed))
        return self._tickets

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:  # noqa: ARG002 - a child is not interrupted
        """Train the child that has waited longest, however long it takes."""
        if not self._queue:
            return None
        ticket, rule, seed = self._queue.popleft()
        return ticket, train(self._task, rule, seed=seed)

    def drop(self) -> None:
        """Empty the queue."""
        self._queue.clear()

    def close(self) -> None:
        """Empty the queue; there is nothing else to close."""
        self.drop()
