"""What ``harness run`` and ``harness race`` share, and ``harness confirm`` in part: run by run, then the board."""

from __future__ import annotations

import functools
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from harness.cli import options
from harness.cli.boards import BoardFormat, print_boards
from harness.cli.output import announce

if TYPE_CHECKING:
    from harness.cli.conditions import Conditions
    from harness.contracts import Searcher
    from harness.race.engines.engine import Engine
    from harness.race.records import RunHeader
    from harness.race.replay import Grounds
    from harness.race.store.ledger import Ledger
    from harness.settings import Value
    from harness.space.grammar import Space


@dataclass(frozen=True, slots=True)
class Entrant:
    """One searcher as it competes.

    Attributes:
        name: registry name, or ``module:attribute``.
        factory: what builds it.
        settings: all of its settings, defaults filled in.
    """

    name: str
    factory: Callable[..., Searcher]
    settings: Mapping[str, Value]

    @classmethod
    def of(cls, name: str, texts: Sequence[str], *, children: int) -> Entrant:
        """Load a searcher and read its settings, so that a mistake ends the command before anything trains.

        Args:
            name: as ``--searcher`` takes it.
            texts: ``name=value`` each.
            children: of the budget, which lowers the start-up that the user did not set.

        Raises:
            RegistryError: no searcher has that name, or it cannot be called as one.
            SettingError: a setting is unknown or its value bad.
        """
        from harness.race.startup import fitted
        from harness.registry import Kind, check_call, load
        from harness.settings import parse

        factory = load(Kind.SEARCHER, name)
        settings = fitted(factory, parse(factory, texts), children=children)
        options.tell_overridden(texts)
        check_call(Kind.SEARCHER, name, factory, None, seed=0, **settings)
        return cls(name, factory, settings)

    def startup(self, children: int) -> int | None:
        """How many children of a budget its start-up takes; None if it does not say."""
        from harness.race.startup import count

        return count(self.factory, self.settings, children=children)

    def build(self, space: Space, seed: int) -> Searcher:
        """A fresh searcher.

        Raises:
            HarnessError: its settings do not go together, or not with the space.
        """
        return self.factory(space, seed=seed, **self.settings)


def compete(entrants: Sequence[Entrant], conditions: Conditions) -> None:
    """Run every entrant with every seed, going on with what the ledger holds, and print the board.

    Seeds come before entrants, so that a race that is stopped early has whole pairs to compare.

    Raises:
        HarnessError: the data, the store, a searcher or the engine is not as it must be; what was completed is kept.
        typer.Exit: with status 130, when the user stopped it.
    """
    from harness.race.store.ledger import Ledger

    for entrant in entrants:
        entrant.build(conditions.space, conditions.seeds[0])  # what is wrong with one ends all before anything trains
    replay = conditions.evaluator is options.Evaluator.REPLAY
    if replay:
        Ledger.read(conditions.results).close()  # where there is no store, none is to be made
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger.open(conditions.results))
        evaluation = _replaying(entrants, conditions, ledger) if replay else _training(conditions)
        runs = _runs(entrants, conditions, evaluation.grounds)
        due = due_of([header for header, _ in runs], ledger)
        _tell_plan([header for header, _ in runs], due)
        _warn_of_no_search(entrants, conditions.budget.children)
        if due:
            left = [run for run in runs if run[0].identity in due]
            engine = evaluation.open([header for header, _ in left])
            stack.callback(engine.close)
            planned = [(header, functools.partial(each.build, header.space, header.seed)) for header, each in left]
            carry_out(planned, engine, ledger, quiet=conditions.quiet)
    print_boards(conditions.results, BoardFormat.TEXT, only=runs[0][0].comparable)


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """Where scores come from.

    Attributes:
        grounds: what they depend on besides the protocol and the seed.
        open: makes the engine for some runs.
    """

    grounds: Grounds
    open: Callable[[Sequence[RunHeader]], Engine]


def _training(conditions: Conditions) -> _Evaluation:
    """Children train, here or on workers."""
    from harness.cli.grounds import prepared
    from harness.race.engines.opening import open_engine
    from harness.race.replay import Grounds

    ground = prepared(
        conditions.protocol,
        conditions.data,
        conditions.data_root,
        device=conditions.device,
        cluster=conditions.cluster,
    )
    return _Evaluation(
        Grounds(ground.data.name, ground.data.fingerprint, ground.environment),
        lambda _: open_engine(
            ground.spec,
            workers=min(conditions.workers, conditions.budget.children),
            cluster=conditions.cluster,
            task=ground.task,
        ),
    )


def _replaying(entrants: Sequence[Entrant], conditions: Conditions, ledger: Ledger) -> _Evaluation:
    """Nothing trains. Of several environments, the one that a run to go on with has, else the best represented."""
    from harness.race.engines.replay import ReplayEngine
    from harness.race.replay import grounds_held

    records = ledger.results()
    held = grounds_held(records, conditions.protocol, seeds=conditions.seeds, data=conditions.data)
    wanted = {header.identity for header, _ in _runs(entrants, conditions, held[0])}
    begun = [record.header.environment for record in records if record.header.identity in wanted]
    chosen = next((each for each in held if each.environment in begun), held[0])
    if len(held) > 1:
        names = ", ".join(f"{name} {value}" for name, value in sorted(chosen.environment.items()))
        announce(f"The store has evaluations of {len(held)} environments; those of {names} are replayed")
    return _Evaluation(chosen, lambda headers: ReplayEngine(ledger, headers))


def _runs(entrants: Sequence[Entrant], conditions: Conditions, grounds: Grounds) -> list[tuple[RunHeader, Entrant]]:
    return [(_header(each, seed, conditions, grounds), each) for seed in conditions.seeds for each in entrants]


def _header(entrant: Entrant, seed: int, conditions: Conditions, grounds: Grounds) -> RunHeader:
    """What pins the run of an entrant and a seed."""
    from harness.race.provenance import provenance
    from harness.race.records import RunHeader
    from harness.race.startup import RECORD

    startup = entrant.startup(conditions.budget.children)
    return RunHeader(
        searcher=entrant.name,
        searcher_version=getattr(entrant.factory, "version", 1),
        settings=entrant.settings,
        space=conditions.space,
        protocol=conditions.protocol,
        data=grounds.data,
        data_fingerprint=grounds.fingerprint,
        budget=conditions.budget,
        seed=seed,
        asynchronous=conditions.asynchronous,
        environment=dict(grounds.environment),
        provenance=provenance()
        | {"evaluator": conditions.evaluator.value}
        | ({} if startup is None else {RECORD: str(startup)}),
    )


def carry_out(
    runs: Sequence[tuple[RunHeader, Callable[[], Searcher]]],
    engine: Engine,
    ledger: Ledger,
    *,
    quiet: bool,
    finished: Callable[[RunHeader], None] = lambda _: None,
) -> None:
    """Search run after run, until all are finished or the user stops them.

    Args:
        runs: each with what builds its searcher.
        engine: where children train.
        ledger: open for writing.
        quiet: no progress display.
        finished: hears of each run that ended.

    Raises:
        typer.Exit: with status 130, when the user stopped it.
    """
    from harness.cli.live import Live
    from harness.race.loop import search
    from harness.race.records import RunState

    with _stop_on_interrupt() as stop, Live(quiet=quiet, runs=[header for header, _ in runs]) as live:
        for header, build in runs:
            summary = search(header, build(), engine, ledger, watch=live.watch, stop=stop)
            if summary.state is not RunState.FINISHED:
                live.__exit__()
                announce(f"Stopped; nothing is lost. To go on: {_same_command()}")
                raise typer.Exit(130)
            finished(header)


def due_of(headers: Sequence[RunHeader], ledger: Ledger) -> set[str]:
    """The identities of the runs that the ledger does not hold finished."""
    from harness.race.records import RunState

    finished = {row.identity for row in ledger.rows() if row.state is RunState.FINISHED}
    return {header.identity for header in headers} - finished


def _tell_plan(headers: Sequence[RunHeader], due: set[str]) -> None:
    first = headers[0]
    searchers = list(dict.fromkeys(header.searcher for header in headers))
    seeds = len({header.seed for header in headers})
    announce(
        f"{', '.join(searchers)} on {first.space.describe()}; "
        f"protocol {first.protocol.name} v{first.protocol.version}; "
        f"data {first.data} ({first.data_fingerprint[:8]}); {first.budget.children} children for each of "
        f"{seeds} seed{'s' if seeds > 1 else ''}"
    )
    tell_finished(len(headers) - len(due), len(headers))


def _warn_of_no_search(entrants: Sequence[Entrant], children: int) -> None:
    """Say whose runs will end before they have learnt anything."""
    from harness.race.startup import stated

    for entrant in entrants:
        if entrant.startup(children) == children:
            names = [*(stated(entrant.factory, entrant.settings) or {}), *({"batch"} & entrant.settings.keys())]
            announce(
                f"{entrant.name} will not search: its start-up takes all {children} children of a run. "
                f"Raise --children, or lower {' and '.join(names)} by --set"
            )


def tell_finished(count: int, total: int) -> None:
    """Say how many runs are finished already, if any are."""
    if count:
        announce(f"{count} of {total} runs are finished already")


@contextmanager
def _stop_on_interrupt() -> Iterator[threading.Event]:
    """The first Ctrl-C, or a polite kill, asks the loop to stop; the second interrupts."""
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        announce("Stopping after the children in flight here; Ctrl-C again to stop at once.")
        if number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _same_command() -> str:
    return shlex.join(["harness", *sys.argv[1:]])
