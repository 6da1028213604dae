"""What a benchmark finds out, and the bounds it is held to: the convention of ``benchmark.extra_info``.

Plain numbers stand under three names, and bounds for any of them, ``[least, most]`` with None for an open end, under a
fourth; a name stands under one kind only::

    benchmark.extra_info["ratios"] = {"rule adam to torch's": 0.9}      # of times taken in turn in one process
    benchmark.extra_info["counters"] = {"commits a trial": 1.4}         # the same on every machine
    benchmark.extra_info["figures"] = {"milliseconds a rule": 3.1}      # this machine's
    benchmark.extra_info["bounds"] = {"rule adam to torch's": [None, 1.0], "commits a trial": [None, 1.4]}

``conftest`` holds counters to their bounds in every run, ratios and figures where benchmarks are enabled. A benchmark
only has to record.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

from pytest_benchmark.fixture import BenchmarkFixture

RATIOS, COUNTERS, FIGURES, BOUNDS = "ratios", "counters", "figures", "bounds"
KINDS = (RATIOS, COUNTERS, FIGURES)
Bound = Sequence[float | None]  # least, most


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a benchmark found out.

    Attributes:
        kind: one of ``KINDS``.
        name: what was measured, with its unit.
        value: the number.
        least: it must not be below; None if anything will do.
        most: it must not be above; None if anything will do.
    """

    kind: str
    name: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def bounded(self) -> bool:
        """Whether there is a bound at all."""
        return self.least is not None or self.most is not None

    @property
    def holds(self) -> bool:
        """Whether the value is within its bounds; NaN is within none."""
        above = self.least is None or self.value >= self.least
        below = self.most is None or self.value <= self.most
        return above and below

    @property
    def bound(self) -> str:
        """The bounds as a person writes them; empty without any."""
        if self.least is not None and self.least == self.most:
            return f"= {number(self.least)}"
        if self.least is not None and self.most is not None:
            return f"{number(self.least)} to {number(self.most)}"
        if self.least is not None:
            return f"≥ {number(self.least)}"
        return f"≤ {number(self.most)}" if self.most is not None else ""


def number(value: float) -> str:
    """Three significant digits, and no fewer than a whole number has."""
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def record(
    benchmark: BenchmarkFixture, kind: str, values: Mapping[str, float], *, bounds: Mapping[str, Bound] | None = None
) -> None:
    """Write figures of one kind down, with the bounds of those that have some."""
    benchmark.extra_info.setdefault(kind, {}).update(values)
    benchmark.extra_info.setdefault(BOUNDS, {}).update({name: list(bound) for name, bound in (bounds or {}).items()})


def recorded(extra_info: Mapping[str, object]) -> list[Figure]:
    """Read the figures of one benchmark; whatever else its ``extra_info`` holds is passed over.

    Raises:
        ValueError: something under the four names is not what the convention says.
    """
    bounds = _mapping(extra_info, BOUNDS)
    found: dict[str, Figure] = {}
    for kind in KINDS:
        for name, value in _mapping(extra_info, kind).items():
            if name in found:
                raise ValueError(f"{name!r} stands under {found[name].kind} and {kind}: give one of them another name")
            if not isinstance(value, Real):
                raise ValueError(f"{kind} {name!r}: expected a plain number, got {value!r}")
            least, most = _bound(name, bounds.get(name, (None, None)))
            found[name] = Figure(kind, name, float(value), least, most)
    return list(found.values())


def unmeasured(extra_info: Mapping[str, object]) -> list[str]:
    """The names that have bounds and no value: such a bound holds nothing."""
    known = {figure.name for figure in recorded(extra_info)}
    return [name for name in _mapping(extra_info, BOUNDS) if name not in known]


def _mapping(extra_info: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = extra_info.get(name, {})
    if not isinstance(found, Mapping):
        raise ValueError(f"extra_info[{name!r}]: expected a dictionary, got {found!r}")
    return found


def _bound(name: str, bound: object) -> tuple[float | None, float | None]:
    ends = list(bound) if isinstance(bound, Sequence) and not isinstance(bound, str) else []
    if len(ends) != 2 or not all(end is None or isinstance(end, Real) for end in ends):
        raise ValueError(f"bounds of {name!r}: expected [least, most] with None for an open end, got {bound!r}")
    return (None if ends[0] is None else float(ends[0]), None if ends[1] is None else float(ends[1]))


class Turns:
    """Several things to time, one after the other in each round, so that what disturbs one disturbs all.

    ::

        turns = Turns({"ours": ours, "torch's": theirs})
        benchmark.pedantic(turns, rounds=20)
        ratio = turns.best("ours") / turns.best("torch's")

    Args:
        calls: by name.
        clock: seconds; ``time.thread_time`` does not count what a busy machine takes away, nor what other threads do.
    """

    def __init__(
        self, calls: Mapping[str, Callable[[], object]], *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._seconds: dict[str, list[float]] = {name: [] for name in calls}

    def __call__(self) -> None:
        for name, call in self._calls.items():
            began = self._clock()
            call()
            self._seconds[name].append(self._clock() - began)

    def seconds(self, name: str) -> list[float]:
        """Its times, round by round."""
        return list(self._seconds[name])

    def best(self, name: str) -> float:
        """The least of its times, in seconds; the first round, which warms caches up, does not count if others do."""
        seconds = self._seconds[name]
        return min(seconds[1:] or seconds, default=math.nan)


def yardstick() -> int:
    """A fixed piece of interpreter work, 2 to 3 milliseconds of most processors: what other times are divided by.

    A time in yardsticks travels between machines better than one in milliseconds: both grow on a slow or busy one.
    """
    table: dict[str, int] = {}
    for place in range(4000):
        word = f"{place * 7919 % 4001} of many"
        table[word] = len(word) + place % 97
    return sum(table[word] for word in sorted(table, key=table.__getitem__))
