"""The convention of ``extra_info``, and that its bounds are held: read in this process, held in one of pytest's own."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from figures import Figure, Turns, recorded, unmeasured

BROKEN = """
def test_counter(benchmark):
    benchmark(len, "")
    benchmark.extra_info |= {"counters": {"commits": 2}, "bounds": {"commits": [None, 1]}}

def test_ratio(benchmark):
    benchmark(len, "")
    benchmark.extra_info |= {"ratios": {"to theirs": 2}, "bounds": {"to theirs": [None, 1]}}

def test_forgotten(benchmark):
    benchmark(len, "")
    benchmark.extra_info["bounds"] = {"to theirs": [None, 1]}

def test_within(benchmark):
    benchmark(len, "")
    benchmark.extra_info |= {"ratios": {"to theirs": 1}, "bounds": {"to theirs": [1, 1]}, "remark": "passed over"}
"""


@pytest.mark.parametrize(
    ("value", "least", "most", "holds"),
    [
        (1.0, 1.0, 1.0, True),
        (0.9, 1.0, None, False),
        (1.1, None, 1.0, False),
        (1.1, 1.0, None, True),
        (math.nan, None, 1.0, False),
        (math.nan, 1.0, None, False),
        (math.nan, None, None, True),
    ],
)
def test_bounds_include_their_ends_and_no_nan(
    value: float, least: float | None, most: float | None, holds: bool
) -> None:
    assert Figure("ratios", "x", value, least, most).holds is holds


def test_figures_are_read_with_their_bounds() -> None:
    found = recorded({"ratios": {"a": 2}, "figures": {"b": 0.5}, "bounds": {"a": [None, 3]}, "remark": [1]})
    assert found == [Figure("ratios", "a", 2.0, None, 3.0), Figure("figures", "b", 0.5)]
    assert [figure.bound for figure in found] == ["≤ 3", ""]


def test_a_bound_without_a_value_is_noticed() -> None:
    assert unmeasured({"ratios": {"a": 1}, "bounds": {"a": [None, 1], "b": [1, None]}}) == ["b"]


@pytest.mark.parametrize(
    ("extra_info", "said"),
    [
        ({"ratios": {"a": "fast"}}, "'fast'"),
        ({"ratios": 2.0}, "expected a dictionary"),
        ({"ratios": {"a": 1}, "counters": {"a": 1}}, "another name"),
        ({"ratios": {"a": 1}, "bounds": {"a": 2}}, r"\[least, most\]"),
        ({"ratios": {"a": 1}, "bounds": {"a": [1, 2, 3]}}, r"\[least, most\]"),
        ({"ratios": {"a": 1}, "bounds": {"a": [None, "2"]}}, r"\[least, most\]"),
    ],
)
def test_what_does_not_follow_the_convention_is_refused(extra_info: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        recorded(extra_info)


def test_things_take_turns() -> None:
    order: list[str] = []
    ticks = iter(range(100))
    turns = Turns({name: lambda name=name: order.append(name) for name in "ab"}, clock=lambda: float(next(ticks)))
    turns()
    turns()
    assert order == ["a", "b", "a", "b"]
    assert turns.seconds("b") == [1.0, 1.0]


def test_the_first_round_does_not_count_if_there_are_others() -> None:
    ticks = iter([0, 1, 10, 15, 20, 24])
    turns = Turns({"a": lambda: None}, clock=lambda: float(next(ticks)))
    turns()
    assert turns.best("a") == 1
    turns()
    turns()
    assert turns.best("a") == 4


@pytest.mark.parametrize(
    ("option", "failed"),
    [("--benchmark-disable", {"counter"}), ("--benchmark-enable", {"counter", "ratio", "forgotten"})],
)
def test_counters_are_held_always_and_ratios_where_something_is_measured(
    scratch: Path, option: str, failed: set[str]
) -> None:
    (scratch / "tests" / "benchmarks" / "test_broken.py").write_text(BROKEN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-max-time=0.01", option]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    for name in ("counter", "ratio", "forgotten", "within"):
        assert (f"FAILED tests/benchmarks/test_broken.py::test_{name}" in done.stdout) == (name in failed), done.stdout
