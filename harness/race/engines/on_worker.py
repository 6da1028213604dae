"""What runs in Dask's worker processes. A worker builds the task itself, once, and never sees the store."""

from __future__ import annotations

import contextlib
import pickle
import threading
from collections.abc import Sequence

from distributed import get_worker

from harness.contracts import Candidate, Outcome, Task
from harness.race.engines.engine import TaskSpec, pinned, train, width

OUTCOMES = "harness-outcomes"  # the topic of the events that carry outcomes

MOST_TASKS = 4  # kept at once, with their data: a cluster may outlast many runs

_tasks: dict[TaskSpec, Task] = {}
_building = threading.Lock()


def train_on_worker(rules: Sequence[Candidate], seed: int, *, spec: TaskSpec) -> Sequence[Outcome]:
    """Score rules together in a worker process, which builds the task the first time.

    Raises:
        HarnessError: the task cannot be built here.
    """
    with _building:
        task = _tasks.pop(spec) if spec in _tasks else spec.build()
        _tasks[spec] = task  # last, for it was used last
        while len(_tasks) > MOST_TASKS:
            del _tasks[next(iter(_tasks))]
    outcomes = train(task, rules, seed=seed)
    with contextlib.suppress(Exception):  # the result is delivered anyway
        worker = get_worker()
        worker.log_event(OUTCOMES, (worker.get_current_task(), pickle.dumps(outcomes)))
    return outcomes


def described_on_worker(spec: TaskSpec) -> tuple[dict[str, str], int]:
    """Return the task's environment in a worker process, and how many rules it prefers at once there.

    Raises:
        HarnessError: the task cannot be built here.
    """
    task = spec.build()
    return pinned(task), width(task)
