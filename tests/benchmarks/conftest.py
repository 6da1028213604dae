"""Hold every benchmark to its bounds, and say in the file that pytest-benchmark writes what the figures came from."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Generator
from importlib import metadata
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parent))

from figures import COUNTERS, recorded, unmeasured, yardstick

YARDSTICKS = pytest.StashKey[list[float]]()
TRIES = 5


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out of ordinary runs what only measures."""
    if config.getoption("benchmark_enable"):
        return
    idle = [item for item in items if item.get_closest_marker("measured") or item.get_closest_marker("long")]
    if idle:
        config.hook.pytest_deselected(items=idle)
        items[:] = [item for item in items if item not in idle]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """After a benchmark, compare what it recorded with its bounds."""
    passed = yield
    benchmark = pyfuncitem.funcargs.get("benchmark")
    if benchmark is None:
        return passed
    enabled = not benchmark.disabled
    broken = [
        f"{figure.name}: expected {figure.bound}, got {figure.value:.6g}"
        for figure in recorded(benchmark.extra_info)
        if (enabled or figure.kind == COUNTERS) and not figure.holds
    ]
    if enabled:
        broken += [f"{name}: a bound, but no value" for name in unmeasured(benchmark.extra_info)]
        pyfuncitem.config.stash.setdefault(YARDSTICKS, []).append(_yardstick_seconds())
    if broken:
        pytest.fail("\n".join(broken), pytrace=False)
    return passed


def _yardstick_seconds() -> float:
    """How long the fixed piece of work takes now: over a run, how steady the machine was."""
    began = time.perf_counter()
    for _ in range(TRIES):
        yardstick()
    return (time.perf_counter() - began) / TRIES


def pytest_benchmark_update_machine_info(machine_info: dict[str, object]) -> None:
    """Add what the figures depend on beside the processor, and whose code was measured."""
    try:
        machine_info["torch"] = metadata.version("torch")
    except metadata.PackageNotFoundError:
        machine_info["torch"] = "none"
    machine_info["cores"] = os.cpu_count()
    found = importlib.util.find_spec("harness")
    machine_info["measured"] = "" if found is None or found.origin is None else str(Path(found.origin).parent.parent)


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, object]) -> None:
    """Add the time of the yardstick after each benchmark, in seconds and in order."""
    output_json["yardsticks"] = config.stash.get(YARDSTICKS, [])


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pytest that a test starts is no worker of this one: it would not measure."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A checkout in small: an empty package of our name, and a folder of benchmarks with this one's conventions."""
    root = tmp_path / "scratch"
    benchmarks = root / "tests" / "benchmarks"
    benchmarks.mkdir(parents=True)
    for name in ("conftest.py", "figures.py"):
        shutil.copy(Path(__file__).with_name(name), benchmarks)
    (root / "harness").mkdir()
    (root / "harness" / "__init__.py").touch()
    marks = "\n".join(f'    "{mark}: as in the real one",' for mark in ("measured", "thorough", "long"))
    options = f'[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\nmarkers = [\n{marks}\n]\n'
    (root / "pyproject.toml").write_text(options)
    return root
