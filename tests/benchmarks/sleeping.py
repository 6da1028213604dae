"""A task that only sleeps, and a scheduler with worker threads to sleep on, in processes of their own.

As a program, ``python sleeping.py THREADS`` prints the address of a scheduler whose two workers have so many threads
together, and serves until its input ends.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from harness.contracts import ChildProtocol, Dataset, Outcome, Rule, Status
from harness.race.engines.engine import TaskSpec


class SleepingTask:
    """Takes ``train_examples`` milliseconds for a rule, and no processor."""

    environment: Mapping[str, str] = {"sleep": "1"}

    def __init__(self, protocol: ChildProtocol, _data: Dataset | None) -> None:
        self._protocol = protocol

    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        time.sleep(len(rules) * self._protocol.train_examples / 1000)
        return [
            Outcome(
                status=Status.OK,
                score=(seed + len(rule.key)) % 100 / 100,
                learning_rate=0.1,
                examples=self._protocol.train_examples,
                seconds=self._protocol.train_examples / 1000,
                sweep=((0.1, 0.5),),
                curve=(0.5,),
            )
            for rule in rules
        ]


def spec(milliseconds: int) -> TaskSpec:
    """A task that sleeps so long for a rule."""
    protocol = ChildProtocol(
        name="sleep",
        version=1,
        task="sleeping:SleepingTask",
        inputs="none",
        train_examples=milliseconds,
        validation_examples=1,
        batch_size=1,
        epochs=1,
        learning_rates=(0.1,),
        chance=0.0,
    )
    return TaskSpec(task=protocol.task, protocol=protocol)


@contextmanager
def threads(count: int) -> Iterator[str]:
    """The address of a scheduler with so many worker threads, for a while."""
    command = [sys.executable, __file__, str(count)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()
        server.wait(timeout=60)
        server.stdout.close()


def serve(count: int) -> None:
    """Run the scheduler, and its workers in two more processes without Dask's profiler, until the input ends."""
    import dask
    from distributed import LocalCluster

    dask.config.set({"distributed.worker.profile.enabled": False})
    with LocalCluster(n_workers=2, threads_per_worker=count // 2, host="127.0.0.1", dashboard_address=None) as cluster:
        cluster.wait_for_workers(2)
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
