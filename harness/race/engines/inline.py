"""The engine that needs no other process: children train here, as many at a time as the task prefers."""

from __future__ import annotations

from collections import deque

from harness.contracts import Candidate, Outcome, Task
from harness.race.engines.engine import train, width


class InlineEngine:
    """Trains children in this process when ``next`` is called, as many at a time as the task prefers."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._tickets = 0
        self._queue: deque[tuple[int, Candidate, int]] = deque()
        self._finished: deque[tuple[int, Outcome]] = deque()

    @property
    def slots(self) -> int:
        """How many children the task prefers to train at once."""
        return width(self._task)

    @property
    def ready(self) -> bool:
        """Whether a child has finished together with one that was delivered."""
        return bool(self._finished)

    def submit(self, rule: Candidate, *, seed: int) -> int:
        """Queue a child."""
        self._tickets += 1
        self._queue.append((self._tickets, rule, seed))
        return self._tickets

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:  # noqa: ARG002 - a child is not interrupted
        """Train the child that has waited longest and queued children of its seed, however long it takes."""
        if not self._finished and self._queue:
            seed, together = self._queue[0][2], list[tuple[int, Candidate]]()
            while self._queue and self._queue[0][2] == seed and len(together) < width(self._task):
                ticket, rule, _ = self._queue.popleft()
                together.append((ticket, rule))
            outcomes = train(self._task, [rule for _, rule in together], seed=seed)
            self._finished.extend((ticket, outcome) for (ticket, _), outcome in zip(together, outcomes, strict=True))
        return self._finished.popleft() if self._finished else None

    def drop(self) -> None:
        """Forget all children that have not been delivered."""
        self._queue.clear()
        self._finished.clear()

    def close(self) -> None:
        """Empty the queue; there is nothing else to close."""
        self.drop()
