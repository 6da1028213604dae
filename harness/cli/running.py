"""``harness run``: one searcher, a budget, some seeds; ends with the leaderboard."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.boards import BoardFormat, print_boards
from harness.cli.output import announce

if TYPE_CHECKING:
    from harness.race.records import RunHeader

CHILDREN, SEEDS = 8, "0-1"  # a search that ends in about two minutes on two cores


def run(
    searcher: Annotated[
        str, typer.Option(help="Who searches: a name from `harness ls searchers`, or module:attribute.")
    ] = "random",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the searcher, as name=value.")
    ] = None,
    space: options.SpaceName = "icml2017",
    blocks: options.Blocks = 2,
    operands: options.Operands = "",
    unary: options.Unary = "",
    binary: options.Binary = "",
    constraints: options.Constraints = "all",
    protocol: options.ProtocolName = "quick",
    children: Annotated[int, typer.Option(help="Budget: children trained, for each seed.")] = CHILDREN,
    proposals: Annotated[int | None, typer.Option(help="Cap on proposals.", show_default="20 × children")] = None,
    seeds: Annotated[str, typer.Option(help="One run each: 0-4, or 0,2,5.")] = SEEDS,
    workers: Annotated[str, typer.Option(help="Children trained at once: auto (one a core) or a number.")] = "auto",
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler to train on.", metavar="ADDRESS")
    ] = None,
    asynchronous: Annotated[
        bool, typer.Option("--async", help="Tell results as they finish: more throughput, not repeatable.")
    ] = False,
    data: options.DataName = "auto",
    data_root: options.DataRoot = None,
    results: options.Results = options.DEFAULT_RESULTS,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress display.")] = False,
) -> None:
    """Search for update rules under a budget, and end with the leaderboard.

    Killed or stopped, the same command goes on where it was. Every completed child is kept.
    """
    from harness.cli.live import Live
    from harness.race.engine import TaskSpec, open_engine
    from harness.race.ledger import Ledger
    from harness.race.loop import search
    from harness.race.protocol import Budget, named
    from harness.race.provenance import provenance
    from harness.race.records import RunHeader, RunState
    from harness.registry import Kind, load
    from harness.settings import complete, parse

    chosen, searched = named(protocol), options.space(space, blocks, operands, unary, binary, constraints)
    factory = load(Kind.SEARCHER, searcher)
    chosen_settings = complete(factory, parse(factory, settings or []))
    budget = Budget.of(children) if proposals is None else Budget(children, proposals)
    run_seeds, worker_count = options.seeds(seeds), options.worker_count(workers)
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger.open(results))
        build, examples = options.task_and_data(chosen, data, data_root)
        task = build(chosen, examples)
        headers = [
            RunHeader(
                searcher=searcher,
                searcher_version=getattr(factory, "version", 1),
                settings=chosen_settings,
                space=searched,
                protocol=chosen,
                data=examples.name,
                data_fingerprint=examples.fingerprint,
                budget=budget,
                seed=seed,
                asynchronous=asynchronous,
                environment=dict(task.environment),
                provenance=provenance(),
            )
            for seed in run_seeds
        ]
        spec = TaskSpec(
            task=chosen.task,
            protocol=chosen,
            data=None if chosen.inputs == "none" else examples.name,
            root=data_root,
            fingerprint=examples.fingerprint,
            environment=tuple(sorted(task.environment.items())),
        )
        finished = {record.header.identity for record in ledger.runs() if record.state is RunState.FINISHED}
        due = [header for header in headers if header.identity not in finished]
        _tell_plan(headers, due)
        if due:
            engine = open_engine(spec, workers=worker_count, cluster=cluster, task=task)
            stack.callback(engine.close)
            stop = stack.enter_context(_stop_on_interrupt())
            live = stack.enter_context(Live(quiet=quiet))
            for header in due:
                summary = search(
                    header,
                    factory(searched, seed=header.seed, **chosen_settings),
                    engine,
                    ledger,
                    watch=live.watch,
                    stop=stop,
                )
                if summary.state is not RunState.FINISHED:
                    live.__exit__()
                    announce(f"Stopped; nothing is lost. To go on: {_same_command()}")
                    raise typer.Exit(130)
    print_boards(results, BoardFormat.TEXT, only=headers[0].comparable)


def _tell_plan(headers: list[RunHeader], due: list[RunHeader]) -> None:
    first = headers[0]
    announce(
        f"{first.searcher} on {first.space.describe()}; protocol {first.protocol.name} v{first.protocol.version}; "
        f"data {first.data} ({first.data_fingerprint[:8]}); {first.budget.children} children for each of "
        f"{len(headers)} seed{'s' if len(headers) > 1 else ''}"
    )
    if len(due) < len(headers):
        announce(f"{len(headers) - len(due)} of {len(headers)} runs are finished already")


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
