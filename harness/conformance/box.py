"""The promises of an optimizer of the unit box: blackbox.contracts.BoxOptimizer, each with a check that can fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.blackbox.contracts import BoxOptimizer, Points, Values
from harness.conformance.checks import Broken, Check, require, run_checks, same, titled
from harness.conformance.elsewhere import find, importable, in_fresh_process
from harness.conformance.surroundings import left_alone, not_listened_to
from harness.errors import HarnessError, SettingError
from harness.registry import Kind, check_call, load
from harness.seeds import derive_seed
from harness.settings import check, complete, declared

STEPS = 24  # more than the random points that ours begin with
OUT = 5  # points that are out at once, in checks of parallel evaluation
SECONDS_A_PROPOSAL = 10.0
CLOSE = 1e-6  # of points side by side, which are equal up to rounding
Judge = Callable[[Points], Values]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call of ``ask`` returned, (count, dimensions)."""

    points: Points


@dataclass(frozen=True, slots=True)
class Told:
    """One call of ``tell``."""

    points: Points
    values: Values


@dataclass(frozen=True)
class Subject:
    """The optimizer under test: its factory, the seed and settings it is built with, and how long it may take."""

    factory: Callable[..., BoxOptimizer]
    settings: Mapping[str, object]
    seed: int
    dimensions: Sequence[int]
    steps: int
    timeout_seconds: float
    ask_seconds: float

    @property
    def most(self) -> int:
        """The dimensions for checks that need no particular number."""
        return max(self.dimensions)

    def fresh(self, dimensions: int = 0, *, seed: int | None = None) -> BoxOptimizer:
        """Build a new optimizer."""
        return self.factory(dimensions or self.most, seed=self.seed if seed is None else seed, **self.settings)

    def run(self, judge: Judge | None = None, *, out: int = OUT) -> list[Asked | Told]:
        """Return all calls of a fresh optimizer that has ``out`` points out at once."""
        return drive(self.fresh(), self.most, steps=self.steps, out=out, judge=judge)


def check_box_optimizer(
    factory: str | Callable[..., BoxOptimizer],
    *,
    settings: Mapping[str, object] | None = None,
    seed: int = 0,
    dimensions: Sequence[int] = (1, 3),
    steps: int = STEPS,
    timeout_seconds: float = 300.0,
    ask_seconds: float = SECONDS_A_PROPOSAL,
    report: Callable[[Check], None] | None = None,
) -> list[Check]:
    """Check every promise of an optimizer of the unit box.

    Args:
        factory: registry name, ``module:attribute``, or the factory itself.
        settings: settings to build it with, besides dimensions and seed.
        seed: seed of the optimizers built.
        dimensions: of the boxes to try it on.
        steps: how many points most checks ask for.
        timeout_seconds: after which a run in another process counts as hanging.
        ask_seconds: the most that one proposal may take, on average.
        report: called with each check as it ends.

    Raises:
        RegistryError: the name is unknown, or what it names cannot be loaded or called as such a factory.
    """
    loaded: Callable[..., BoxOptimizer] = load(Kind.BOX_OPTIMIZER, factory) if isinstance(factory, str) else factory
    check_call(Kind.BOX_OPTIMIZER, str(factory), loaded, 1, seed=seed, **(settings or {}))
    subject = Subject(loaded, settings or {}, seed, tuple(dimensions), steps, timeout_seconds, ask_seconds)
    return run_checks(titled(PROMISES, subject), report)


def declaration(subject: Subject) -> str:
    """Declares its settings, and rejects an unknown one."""
    known = declared(subject.factory)
    for each in known.values():
        if each.default is not None:
            try:
                each.check(each.default)
            except SettingError as cause:
                raise Broken(f"the default of a setting is not allowed: {cause}") from cause
    version = getattr(subject.factory, "version", None)
    require(type(version) is int and version >= 1, f"version is {version!r}, where a whole number from 1 was due")
    complete(subject.factory, check(subject.factory, subject.settings))
    subject.fresh()
    try:
        subject.factory(1, seed=subject.seed, **subject.settings, no_such_setting=1)
    except (TypeError, HarnessError):
        return f"{len(known)} settings, version {version}"
    raise Broken("took no_such_setting=1 without complaint")


def inside(subject: Subject) -> str:
    """Asks for points of the box, as many as it is asked for."""
    seen = 0
    for dimensions in subject.dimensions:
        optimizer = subject.fresh(dimensions)
        for count in (1, 2, 7, subject.steps):
            points = asked(optimizer, count, dimensions)
            optimizer.tell(points.copy(), bowl(points))
            seen += count
    return f"{seen} points in {len(subject.dimensions)} boxes"


def elsewhere(subject: Subject) -> str:
    """Asks for the same points in another process."""
    there = in_fresh_process(
        raced,
        importable(subject.factory),
        subject.most,
        subject.seed,
        dict(subject.settings),
        subject.steps,
        timeout_seconds=subject.timeout_seconds,
    )
    here = rows(subject.run())
    same(here, there, what="point")
    return f"{len(here)} points"


def replay(subject: Subject) -> str:
    """Resumes by replay: the same history, the same next points."""
    first, second = subject.fresh(), subject.fresh()
    events = drive(first, subject.most, steps=subject.steps, out=OUT)
    again = replayed(second, events, subject.most)
    same(rows(events), rows(again), what="replayed point")
    after = [rows([Asked(asked(each, OUT, subject.most))]) for each in (first, second)]
    same(*after, what="point after the replay,")
    return f"{len(rows(events))} points replayed, {OUT} more agree"


def order(subject: Subject) -> str:
    """May be asked again before it is told, and told in any order and in parts."""
    optimizer = subject.fresh()
    points = asked(optimizer, subject.steps, subject.most).copy()
    for place in reversed(range(subject.steps)):
        optimizer.tell(points[place : place + 1].copy(), bowl(points[place : place + 1]))
        if place % OUT == 0:
            asked(optimizer, 1, subject.most)
    optimizer.tell(points[:0].copy(), np.zeros(0))
    return f"{subject.steps} points out at once, told from the last to the first"


def equal_values(subject: Subject) -> str:
    """Survives values that are all equal."""
    return f"{len(rows(subject.run(lambda points: np.zeros(len(points)), out=1)))} points"


def extremes(subject: Subject) -> str:
    """Survives very large, very small and negative values."""
    seen = 0
    for scale in (-1e12, 1e12, 1e-12):
        seen += len(rows(subject.run(lambda points, scale=scale: scale * bowl(points), out=1)))  # type: ignore[misc]
    return f"{seen} points"


def isolation(subject: Subject) -> str:
    """Keeps two instances apart."""
    alone, together = subject.run(), subject.fresh()
    other = subject.fresh(seed=derive_seed(subject.seed, "conformance", "other"))
    found: list[Asked | Told] = []
    for event in alone:
        found += replayed(together, [event], subject.most)
        points = asked(other, 1, subject.most)
        other.tell(points, -bowl(points))
    same(rows(alone), rows(found), what="point")
    return f"{len(rows(alone))} points beside another's"


def arguments(subject: Subject) -> str:
    """Does not change what it is told, nor keep the arrays that it is given or returns."""
    expected, optimizer, found = subject.run(), subject.fresh(), list[Asked | Told]()
    for event in expected:
        if isinstance(event, Told):
            points, values = event.points.copy(), event.values.copy()
            optimizer.tell(points, values)
            require(
                np.array_equal(points, event.points) and np.array_equal(values, event.values),
                "tell changed the points or values that it was given",
            )
            points[:], values[:] = 0.5, 0.0
        else:
            points = asked(optimizer, len(event.points), subject.most)
            found.append(Asked(points.copy()))
            points[:] = 0.5
    same(rows(expected), rows(found), what="point")
    return f"in {len(expected)} asks and tells"


def surroundings(subject: Subject) -> str:
    """Leaves global state alone: generators, environment, working directory."""
    return left_alone(subject.run)


def independence(subject: Subject) -> str:
    """Does not listen to the global generators."""
    return not_listened_to(lambda: rows(subject.run()), what="point")


def side_by_side(subject: Subject) -> str:
    """Proposes side by side what it does alone, where it offers that."""
    offered = getattr(subject.factory, "side_by_side", None)
    if offered is None:
        return "not offered"
    seeds = [derive_seed(subject.seed, "conformance", "side by side", index) for index in range(3)]
    together = offered(subject.most, seeds=seeds, **subject.settings)
    alone = [subject.fresh(seed=seed) for seed in seeds]
    for step in range(subject.steps):
        points = np.array(together.ask())
        expected = np.concatenate([asked(each, 1, subject.most) for each in alone])
        require(points.shape == expected.shape, f"asked for {points.shape} points, where {expected.shape} were due")
        apart = float(np.abs(points - expected).max())
        require(apart <= CLOSE, f"at step {step}, points side by side were {apart:.1g} from those alone")
        values = bowl(expected) + np.arange(len(seeds))
        together.tell(values)
        for each, point, value in zip(alone, expected, values, strict=True):
            each.tell(point[None], np.array([value]))
    return f"{subject.steps} points of {len(seeds)} functions"


def cost(subject: Subject) -> str:
    """Asks within the time that a proposal may take."""
    optimizer = subject.fresh()
    began = time.perf_counter()
    made = len(rows(drive(optimizer, subject.most, steps=subject.steps, out=1)))
    each = (time.perf_counter() - began) / made
    told = f"{1000 * each:.2f} ms a proposal"
    require(each <= subject.ask_seconds, f"{told}, above {1000 * subject.ask_seconds:g} ms")
    return told


def bowl(points: Points) -> Values:
    """Return the values of a smooth function: a tilted bowl with its minimum inside the box."""
    values: Values = ((points - 0.3) ** 2).sum(1) + 0.1 * points[:, 0]
    return values


def asked(optimizer: BoxOptimizer, count: int, dimensions: int) -> Points:
    """Ask, and check the answer.

    Raises:
        Broken: the answer is not ``count`` points of the box.
    """
    points = optimizer.ask(count)
    got = f"{type(points).__name__} of {getattr(points, 'dtype', 'no type')} and shape {getattr(points, 'shape', '?')}"
    right = isinstance(points, np.ndarray) and points.dtype == np.float64 and points.shape == (count, dimensions)
    require(right, f"ask({count}) returned {got}, where an array of float64 and shape ({count}, {dimensions}) was due")
    require(bool(((points >= 0) & (points <= 1)).all()), f"ask({count}) returned a point outside the box: {points}")
    return points


def drive(
    optimizer: BoxOptimizer, dimensions: int, *, steps: int, out: int, judge: Judge | None = None
) -> list[Asked | Told]:
    """Ask for ``steps`` points, so that ``out`` of them are out at once, and tell the newest and the oldest in turn."""
    events: list[Asked | Told] = []
    waiting: list[Points] = []
    for step in range(steps):
        points = asked(optimizer, 1, dimensions).copy()
        events.append(Asked(points))
        waiting.append(points)
        if len(waiting) >= out:
            told = waiting.pop(-(step % 2))
            values = (judge or bowl)(told)
            events.append(Told(told, values))
            optimizer.tell(told.copy(), values.copy())
    return events


def replayed(optimizer: BoxOptimizer, events: Iterable[Asked | Told], dimensions: int) -> list[Asked | Told]:
    """Ask and tell as in an earlier history, and return what was asked for."""
    found: list[Asked | Told] = []
    for event in events:
        if isinstance(event, Told):
            optimizer.tell(event.points.copy(), event.values.copy())
        else:
            found.append(Asked(asked(optimizer, len(event.points), dimensions).copy()))
    return found


def rows(events: Iterable[Asked | Told]) -> list[tuple[float, ...]]:
    """Return every point that was asked for, in order."""
    return [tuple(point) for event in events if isinstance(event, Asked) for point in event.points.tolist()]


def raced(
    target: str, dimensions: int, seed: int, settings: Mapping[str, object], steps: int
) -> list[tuple[float, ...]]:
    """Return the points of an optimizer found by its import path, in a fresh process."""
    return rows(drive(find(target)(dimensions, seed=seed, **settings), dimensions, steps=steps, out=OUT))


PROMISES = (
    declaration,
    inside,
    elsewhere,
    replay,
    order,
    equal_values,
    extremes,
    isolation,
    arguments,
    surroundings,
    independence,
    side_by_side,
    cost,
)
