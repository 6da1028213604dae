"""A race: several searchers under the same conditions, with one run for each searcher and seed.

``harness.race(…)`` is in ``harness.library.racing`` and calls ``compete``; so does the command. ``docs/child.md`` lists
the calls from there to the board.

Nothing is printed here. Callers receive messages for users through ``announce``, and follow the runs through
``follow``: a display and a way to stop, as on the command line, or nothing at all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.contracts import CPU, Dataset, Searcher, TaskProtocol
from harness.errors import HarnessError, SearcherError, SpaceError, message, outside
from harness.race.active_run import Proposing, Stopped, StopRequest
from harness.race.conditions import (
    Announce,
    Conditions,
    Replaying,
    Training,
    conditions_held,
    prepared,
)
from harness.race.engines.engine import Engine
from harness.race.entry import Entry
from harness.race.header import RunHeader, SearchHeader
from harness.race.loop import search
from harness.race.progress import Progress
from harness.race.protocols import REFERENCE, Budget
from harness.race.runs import RunState
from harness.race.startup import RECORD, count, fitted, stated
from harness.race.store.ledger import Ledger
from harness.registry import Kind, check_call, entries, load
from harness.settings import Value, check, parse
from harness.space.grammar import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What all entrants of a race have in common.

    Attributes:
        space: what is searched.
        protocol: how a rule is scored.
        budget: the budget of each run.
        seeds: one run each, for every entrant.
        results: the folder of the ledger.
        data: registry name of the data set, or the data set itself.
        data_root: the folder that holds the data set, or None.
        workers: children trained at once, at most.
        cluster: address of a Dask scheduler, or None.
        device: where a child trains, as torch names it.
        asynchronous: whether results are told as they finish.
        replay: whether scores are looked up in the store instead of training children.
        reference: the text of ``--protocol`` if that is not the protocol's own name; a run's record keeps it.

    Raises:
        SpaceError: the protocol's outcomes are those of a table, whose space is another.
    """

    space: Space
    protocol: TaskProtocol
    budget: Budget
    seeds: tuple[int, ...]
    results: Path
    data: str | Dataset = "auto"
    data_root: Path | None = None
    workers: int = 1
    cluster: str | None = None
    device: str = CPU
    asynchronous: bool = False
    replay: bool = False
    reference: str = ""

    def __post_init__(self) -> None:
        own = self.protocol.tabled
        if own is not None and own != self.space:
            what, hint = f"space of protocol {self.protocol.name}", "Name no space: the table's is taken then"
            raise SpaceError(message(what, expected=own.describe(), got=self.space.describe(), hint=hint))


@dataclass(frozen=True, slots=True)
class Racer:
    """A searcher in a race.

    Attributes:
        name: registry name, or ``module:attribute``.
        factory: the factory that builds it.
        settings: all of its settings, defaults filled in.
    """

    name: str
    factory: Callable[..., Searcher]
    settings: Mapping[str, Value]

    @classmethod
    def of(cls, name: str, settings: Sequence[str] | Mapping[str, Value] = (), *, children: int) -> Racer:
        """Load a searcher and check its settings, so that a mistake is found before anything trains.

        Args:
            name: registry name, or ``module:attribute``.
            settings: values by name, or texts of the form ``name=value``.
            children: the budget's children; a small budget lowers the start-up unless the user sets it.

        Raises:
            RegistryError: no searcher has that name, or what has it is not a searcher factory.
            SettingError: a setting is unknown or its value is invalid.
        """
        factory = load(Kind.SEARCHER, name)
        given = check(factory, settings) if isinstance(settings, Mapping) else parse(factory, settings)
        whole = fitted(factory, given, children=children)
        check_call(Kind.SEARCHER, name, factory, None, seed=0, **whole)
        return cls(name, factory, whole)

    @staticmethod
    def every(space: Space) -> list[str]:
        """The names of all registered searchers that take a space of that size."""
        size = space.size()
        return [
            name for name in entries(Kind.SEARCHER) if size <= getattr(load(Kind.SEARCHER, name), "most_strings", size)
        ]

    def startup(self, children: int) -> int | None:
        """Return how many children of a budget its start-up takes; None if it does not say."""
        return count(self.factory, self.settings, children=children)

    def build(self, space: Space, seed: int) -> Searcher:
        """Build and return a fresh searcher.

        Raises:
            HarnessError: its settings do not fit together, or do not fit the space.
            SearcherError: it cannot be built, or lacks what a searcher needs.
        """
        what, expected = f"searcher {self.name}", "one with batch, ask(count) and tell(trials)"
        hint = f"Fix the searcher; `harness conformance {self.name}` tests it"
        with outside(self.factory, what, expected=expected, hint=hint, error=SearcherError, passing=(HarnessError,)):
            built = self.factory(space, seed=seed, **self.settings)
        lacking = [name for name in ("batch", "ask", "tell") if not hasattr(built, name)]
        if lacking:
            got = f"{type(built).__name__} without {' and '.join(lacking)}"
            raise SearcherError(message(what, expected=expected, got=got, hint=hint))
        return built

    def header(self, seed: int, setup: Setup, conditions: Conditions) -> SearchHeader:
        """Return the header of its run with a seed."""
        startup = self.startup(setup.budget.children)
        return SearchHeader(
            searcher=self.name,
            searcher_version=getattr(self.factory, "version", 1),
            settings=self.settings,
            space=setup.space,
            protocol=setup.protocol,
            data=conditions.data,
            data_fingerprint=conditions.fingerprint,
            budget=setup.budget,
            seed=seed,
            asynchronous=setup.asynchronous,
            environment=dict(conditions.environment),
            provenance=conditions.provenance
            | {"evaluator": "replay" if setup.replay else "train"}
            | ({REFERENCE: setup.reference} if setup.reference else {})
            | ({} if startup is None else {RECORD: str(startup)}),
        )


@dataclass(frozen=True, slots=True)
class Following:
    """How a caller follows runs.

    Attributes:
        watch: called with a run's progress after every completed proposal.
        stop: once set, the run ends between two results.
    """

    watch: Callable[[Progress], None] = lambda _: None
    stop: StopRequest | None = None


Follow = Callable[[Sequence[RunHeader]], AbstractContextManager[Following]]
"""Follows some runs, as a context manager that ends when they are over."""


@contextmanager
def unfollowed(headers: Sequence[RunHeader]) -> Iterator[Following]:  # noqa: ARG001 - nothing is shown
    """Follow runs without showing or stopping them."""
    yield Following()


def compete(
    racers: Sequence[Racer],
    setup: Setup,
    *,
    announce: Announce = lambda _: None,
    follow: Follow = unfollowed,
) -> list[RunHeader]:
    """Run every racer with every seed, resuming what the ledger holds.

    One seed is completed before the next, so that a race that is stopped early has complete pairs to compare.

    Args:
        racers: the racers, at least one and all different.
        setup: what they have in common.
        announce: called with each line that a user should read.
        follow: called to follow the runs that are not finished already.

    Returns:
        The headers of the runs, all finished.

    Raises:
        HarnessError: the data, the store, a searcher or the engine is faulty; completed children are kept.
        Stopped: the follower asked to stop; completed children are kept.
    """
    for racer in racers:
        racer.build(setup.space, setup.seeds[0])  # a fault in any searcher is found before anything trains
    if setup.replay:
        Ledger.read(setup.results).close()  # raises if there is no store, so that none is created
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger.open(setup.results))
        scoring = _replaying(racers, setup, ledger, announce) if setup.replay else _training(setup, announce)
        runs = _runs(racers, setup, scoring.conditions)
        headers = [header for header, _ in runs]
        due = due_of(headers, ledger)
        _announce_plan(headers, due, announce)
        _warn_of_no_search(racers, setup.budget.children, announce)
        if due:
            left = [run for run in runs if run[0].identity in due]
            engine = scoring.open([header for header, _ in left])
            stack.callback(engine.close)
            planned = [(header, functools.partial(each.build, header.space, header.seed)) for header, each in left]
            carry_out(planned, engine, ledger, follow=follow)
    return headers


def carry_out(
    runs: Sequence[tuple[RunHeader, Callable[[], Proposing]]],
    engine: Engine,
    ledger: Ledger,
    *,
    follow: Follow = unfollowed,
    finished: Callable[[RunHeader], None] = lambda _: None,
    recorded: Callable[[RunHeader, Sequence[Entry]], None] | None = None,
) -> None:
    """Carry out run after run, until all are finished or the follower stops them.

    Args:
        runs: the headers, each with a function that builds the run's searcher.
        engine: where children train.
        ledger: open for writing.
        follow: called to follow the runs.
        finished: called with the header of each run that has finished.
        recorded: called with a run's header and the proposals whose children have trained, once they are on the
            disk.

    Raises:
        HarnessError: a searcher or the engine is faulty; completed children are kept.
        Stopped: the follower asked to stop; completed children are kept.
    """
    with follow([header for header, _ in runs]) as following:
        for header, build in runs:
            told = recorded and functools.partial(recorded, header)
            summary = search(header, build(), engine, ledger, watch=following.watch, stop=following.stop, recorded=told)
            if summary.state is not RunState.FINISHED:
                raise Stopped
            finished(header)


def due_of(headers: Sequence[RunHeader], ledger: Ledger) -> set[str]:
    """Return the identities of the runs that are not finished in the ledger."""
    finished = {row.identity for row in ledger.rows() if row.state is RunState.FINISHED}
    return {header.identity for header in headers} - finished


def announce_finished(count: int, total: int, announce: Announce) -> None:
    """Say how many runs are already finished, if any are."""
    if count:
        announce(f"{count} of {total} runs are already finished")


def _training(setup: Setup, announce: Announce) -> Training:
    """Prepare a race whose children train, here or on workers."""
    return prepared(
        setup.protocol,
        setup.data,
        setup.data_root,
        device=setup.device,
        workers=setup.workers,
        cluster=setup.cluster,
        announce=announce,
    )


def _replaying(racers: Sequence[Racer], setup: Setup, ledger: Ledger, announce: Announce) -> Replaying:
    """Prepare a race by replay, in the environment of a run to resume, or else in the one with most evaluations."""
    records = ledger.results()
    data = setup.data if isinstance(setup.data, str) else setup.data.fingerprint
    held = conditions_held(records, setup.protocol, seeds=setup.seeds, data=data)
    wanted = {header.identity for header, _ in _runs(racers, setup, held[0])}
    begun = [record.header.environment for record in records if record.header.identity in wanted]
    chosen = next((each for each in held if each.environment in begun), held[0])
    if len(held) > 1:
        names = ", ".join(f"{name} {value}" for name, value in sorted(chosen.environment.items()))
        announce(f"The ledger has evaluations from {len(held)} environments; those from {names} are replayed")
    return Replaying(chosen, ledger)


def _runs(racers: Sequence[Racer], setup: Setup, conditions: Conditions) -> list[tuple[RunHeader, Racer]]:
    return [(each.header(seed, setup, conditions), each) for seed in setup.seeds for each in racers]


def _announce_plan(headers: Sequence[RunHeader], due: set[str], announce: Announce) -> None:
    first = headers[0]
    searchers = list(dict.fromkeys(header.searcher for header in headers))
    seeds = len({header.seed for header in headers})
    announce(
        f"{', '.join(searchers)} on {first.space.describe()}; "
        f"protocol {first.protocol.name} v{first.protocol.version}; "
        f"data {first.data_label}; {first.budget.children} children for each of "
        f"{seeds} seed{'s' if seeds > 1 else ''}"
    )
    announce_finished(len(headers) - len(due), len(headers), announce)


def _warn_of_no_search(racers: Sequence[Racer], children: int, announce: Announce) -> None:
    """Say which racers' runs will end before they have learnt anything."""
    for racer in racers:
        if racer.startup(children) == children:
            names = [*(stated(racer.factory, racer.settings) or {}), *({"batch"} & racer.settings.keys())]
            announce(
                f"{racer.name} will not search: its start-up takes all {children} children of a run. "
                f"Raise --children, or lower {' and '.join(names)} with --set"
            )
