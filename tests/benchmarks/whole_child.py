"""What benchmarks of workloads share: a whole child in a process of its own, and the time that some calls take."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

from figures import FIGURES, record
from pytest_benchmark.fixture import BenchmarkFixture

from harness.contracts import TaskProtocol

MOST_SECONDS, MOST_MEBIBYTES = 180, 2048  # of the processor's time, and of memory, for a child of a mini size

SCRIPT = """
import json, resource, sys, time
from harness.contracts import Rule
from harness.race.conditions import build_task, dataset
from harness.race.protocols import named
from harness.registry import STAND_INS, Kind, load
protocol = named(sys.argv[1])
data = dataset(STAND_INS.get(protocol.inputs, "auto"), None, protocol)
task = build_task(load(Kind.TASK, protocol.task), protocol, data, test=True)
began, used = time.perf_counter(), time.process_time()
(outcome,) = task.evaluate([Rule.parse("adam")], seed=0)
seconds, processor = time.perf_counter() - began, time.process_time() - used
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
figure = protocol.measured.figure(outcome.score)
print(json.dumps({"seconds": seconds, "processor": processor, "peak": peak, "figure": figure}))
"""


def record_whole_child(benchmark: BenchmarkFixture, protocol: TaskProtocol) -> None:
    """Train a child of adam on generated data in a process of its own, and record its time, memory and figure."""

    def child() -> dict[str, float]:
        command = [sys.executable, "-c", SCRIPT, protocol.name]
        return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))

    found = benchmark.pedantic(child)  # type: ignore[no-untyped-call]
    processor, memory = f"processor seconds a child, {protocol.name}", f"MiB at most, {protocol.name}"
    values = {
        f"seconds a child, {protocol.name}": found["seconds"],
        processor: found["processor"],
        memory: found["peak"],
        f"{protocol.measured.name} of adam, {protocol.name}": found["figure"],
    }
    record(benchmark, FIGURES, values, bounds={processor: (None, MOST_SECONDS), memory: (None, MOST_MEBIBYTES)})


class Clock:
    """Adds up the time that calls take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, call: Callable[..., object]) -> Callable[..., object]:
        """Return a call whose time counts."""

        def timed(*arguments: object, **named: object) -> object:
            began = time.thread_time()
            try:
                return call(*arguments, **named)
            finally:
                self.seconds += time.thread_time() - began

        return timed
