"""How long a command takes that trains nothing: whole processes, from the start of Python to their end.

``pytest tests/benchmarks/test_startup.py --benchmark-enable`` measures, and holds the bounds, each to the fastest of
``ROUNDS``: what slows a start down is the rest of the machine. How many modules ``--help`` imports depends on the
machine only by its versions of Python and Typer.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from figures import COUNTERS, FIGURES, record
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 10
HELP_SECONDS, LIST_SECONDS = 0.3, 0.5
HELP_MODULES = 200
LISTS = [["ls", kind] for kind in ("protocols", "searchers", "tasks", "data", "rules", "spaces")]


@pytest.mark.parametrize("words", [["--help"], *LISTS], ids=" ".join)
def test_seconds_to_start(benchmark: BenchmarkFixture, words: list[str]) -> None:
    def start() -> str:
        command = [sys.executable, "-m", "harness", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    printed = benchmark.pedantic(start, rounds=1 if benchmark.disabled else ROUNDS)  # type: ignore[no-untyped-call]
    assert len(printed.splitlines()) > 3
    if benchmark.disabled:
        return
    assert benchmark.stats is not None
    name, most = f"harness {' '.join(words)}, seconds", HELP_SECONDS if words == ["--help"] else LIST_SECONDS
    record(benchmark, FIGURES, {name: benchmark.stats.stats.min}, bounds={name: [None, most]})


def test_modules_that_help_imports(benchmark: BenchmarkFixture) -> None:
    code = "import sys\ntry:\n    from harness.cli.main import main; main()\nfinally:\n    print(len(sys.modules))"

    def count() -> int:
        done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
        return int(done.stdout.splitlines()[-1])

    modules, name = benchmark.pedantic(count), "modules that harness --help imports"  # type: ignore[no-untyped-call]
    record(benchmark, COUNTERS, {name: modules}, bounds={name: [None, HELP_MODULES]})
