"""Children in plain processes, without any engine: what two of them gain is what the machine has to give."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from harness.contracts import Rule, Task
from harness.race.engines.engine import TaskSpec, train

_tasks: list[Task] = []  # this process's


@contextmanager
def pool(spec: TaskSpec, processes: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes, each with the task built, for ``train_here``."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_build, initargs=(spec,)) as made:
        yield made


def train_here(rule: Rule, seed: int) -> float:
    """Train one child in a process of the pool; its score."""
    (outcome,) = train(_tasks[0], [rule], seed=seed)
    return outcome.score


def _build(spec: TaskSpec) -> None:
    _tasks.append(spec.build())
