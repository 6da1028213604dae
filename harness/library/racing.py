"""``harness.race`` and ``harness.run``: let searchers search under a budget, and return the board."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness import plain
from harness.contracts import CPU, Dataset, TaskProtocol
from harness.library import CHILDREN, SEEDS, arguments
from harness.library.arguments import ProtocolLike, ResultsLike, SearcherLike, SeedsLike, SpaceLike
from harness.library.boards import Board, boards
from harness.library.live import Live
from harness.machine import announce
from harness.race.active_run import Stopped
from harness.race.conditions import Announce
from harness.race.header import RunHeader
from harness.race.progress import Progress
from harness.race.racing import Follow, Following, Setup, compete

STOPPING = (signal.SIGINT,)
ProgressLike = bool | Callable[[Progress], None]
"""Whether to show progress, or a function that is called with the progress after every completed proposal."""


def race(
    searchers: SearcherLike | Iterable[SearcherLike],
    *,
    space: SpaceLike | None = None,
    protocol: ProtocolLike = "quick",
    children: int = CHILDREN,
    proposals: int | None = None,
    seeds: SeedsLike = SEEDS,
    data: str | Dataset = "auto",
    data_root: str | os.PathLike[str] | None = None,
    workers: int | str = 1,
    cluster: str | None = None,
    device: str = CPU,
    asynchronous: bool = False,
    replay: bool = False,
    results: ResultsLike | None = None,
    progress: ProgressLike = True,
) -> Board:
    """Run several searchers under one budget with the same seeds, and return their board.

    Every completed child is kept. After Ctrl-C or a kill, the same call with the same ``results`` resumes the race. A
    finished race is not run again: the call then returns its board at once.

    Args:
        searchers: one or more searchers, each given as a name (``"gp"``), a name with settings (``"gp:population=50"``
            or ``("gp", {"population": 50})``), or a factory; ``harness ls searchers`` lists the names, and ``"all"``
            are those that take the space.
        space: what is searched: a ``Space``, an edition's name, or the arguments of ``Space.of``; None for the space of
            the protocol's table, or for two blocks of ``icml2017`` if it has no table.
        protocol: how a rule is scored: a name from ``harness ls protocols``, or a ``TaskProtocol``.
        children: the budget: children to train for each searcher and seed.
        proposals: cap on proposals; None for 20 per child.
        seeds: a number of seeds from 0, or the seeds themselves; one run each.
        data: name of the data set, or the data set itself; toys read none.
        data_root: the folder that holds it; None for ``$HARNESS_DATA_ROOT`` or the user's cache.
        workers: how many children train at once, or ``"auto"`` for one per core. Several workers are separate
            processes, so a script that uses them must call this under ``if __name__ == "__main__":``.
        cluster: address of a Dask scheduler to train on.
        device: where a child trains: ``cpu``, or ``cuda`` for a GPU.
        asynchronous: whether to tell results as they finish, which gives more throughput but is not repeatable.
        replay: whether to look up scores in the results folder instead of training children.
        results: the results folder, or a board from it; None for a temporary folder, which is removed when Python
            exits.
        progress: True to show progress, a function that is called with it, or False to show nothing.

    Returns:
        The board of all runs in ``results`` that can be ranked with these.

    Raises:
        HarnessError: an argument is wrong, or the data, the store, a searcher or the workers are faulty.
        KeyboardInterrupt: after Ctrl-C, once the children that train here have ended; nothing is lost.

    Example:
        >>> import harness
        >>> board = harness.race(
        ...     ["gp:population=8", "random"], protocol="toy-quadratic", children=8, seeds=3, progress=False
        ... )
        >>> [len(row.seeds) for row in board.rows]
        [3, 3]
        >>> "space" in str(board)
        True
    """
    budget = arguments.budget(children, proposals)
    scoring = arguments.protocol(protocol)
    searched = arguments.space(space, scoring)
    racers = arguments.racers(searchers, searched, children=budget.children)
    slots = arguments.workers(workers, device=device, asynchronous=asynchronous)
    setup = Setup(
        space=searched,
        protocol=scoring,
        budget=budget,
        seeds=arguments.seeds(seeds),
        results=arguments.place(results),
        data=arguments.data(data),
        data_root=plain.path_or_none("data_root", data_root),
        workers=slots,
        cluster=cluster,
        device=device,
        asynchronous=plain.flag("asynchronous", asynchronous),
        replay=plain.flag("replay", replay),
        reference=protocol if isinstance(protocol, str) and ":" in protocol else "",
    )
    tell, follow = heard(progress)
    tell_unread(setup.protocol, tell, data=data != "auto", data_root=data_root is not None)
    try:
        headers = compete(racers, setup, announce=tell, follow=follow)
    except Stopped:
        raise stopped(setup.results) from None
    (board,) = boards(setup.results, only=headers[0].comparable)
    return dataclasses.replace(board, runs=tuple(header.name for header in headers))


def run(
    searcher: SearcherLike,
    *,
    space: SpaceLike | None = None,
    protocol: ProtocolLike = "quick",
    children: int = CHILDREN,
    proposals: int | None = None,
    seeds: SeedsLike = SEEDS,
    data: str | Dataset = "auto",
    data_root: str | os.PathLike[str] | None = None,
    workers: int | str = 1,
    cluster: str | None = None,
    device: str = CPU,
    asynchronous: bool = False,
    replay: bool = False,
    results: ResultsLike | None = None,
    progress: ProgressLike = True,
) -> Board:
    """Search with one searcher, and return its board: ``race`` with a single entrant and the same arguments.

    Example:
        >>> import harness
        >>> small = {"blocks": 1, "operands": ["g", "m", "v"]}
        >>> board = harness.run(
        ...     ("evolution", {"population": 20}),
        ...     space=small, protocol="toy-quadratic", children=6, seeds=[7], progress=False,
        ... )
        >>> board.rows[0].seeds, board.space.blocks
        ((7,), 1)
    """
    return race(
        [searcher],
        space=space,
        protocol=protocol,
        children=children,
        proposals=proposals,
        seeds=seeds,
        data=data,
        data_root=data_root,
        workers=workers,
        cluster=cluster,
        device=device,
        asynchronous=asynchronous,
        replay=replay,
        results=results,
        progress=progress,
    )


def heard(progress: ProgressLike) -> tuple[Announce, Follow]:
    """Return what receives messages for the user, and what follows the runs.

    Raises:
        ProtocolError: the progress is neither a truth value nor a function.
    """
    if not callable(progress) or isinstance(progress, type):
        progress = plain.flag("progress", progress)
    tell: Announce = announce if progress is True else _silent
    watch = progress if callable(progress) else None
    return tell, followed(quiet=progress is not True, announce=tell, watch=watch)


def tell_unread(protocol: TaskProtocol, announce: Announce, *, data: bool, data_root: bool) -> None:
    """Say so if a data set was chosen but the protocol reads none."""
    unread = [name for name, given in (("data", data), ("data_root", data_root)) if given]
    if unread and protocol.inputs == "none":
        verb = "is" if len(unread) == 1 else "are"
        announce(f"{' and '.join(unread)} {verb} not used: protocol {protocol.name} reads no data")


def stopped(results: Path) -> KeyboardInterrupt:
    """Return the exception that a call raises after Ctrl-C; a temporary folder then outlives Python."""
    arguments.keep(results)
    return KeyboardInterrupt(f"nothing is lost: call it again with results={str(results)!r} to resume")


def _silent(_: str) -> None:
    """Drop the message."""


def followed(
    *,
    quiet: bool,
    announce: Announce,
    watch: Callable[[Progress], None] | None = None,
    signals: Sequence[signal.Signals] = STOPPING,
) -> Follow:
    """Return what shows the progress of runs, and stops them when the user asks for it.

    Args:
        quiet: whether to show no progress.
        announce: called with a line when the runs are about to stop.
        watch: called with the progress instead of the display.
        signals: the signals by which the user asks to stop.
    """

    @contextmanager
    def follow(headers: Sequence[RunHeader]) -> Iterator[Following]:
        with stopping(signals, announce) as stop, Live(quiet=quiet or watch is not None, runs=headers) as live:
            yield Following(watch or live.watch, stop)

    return follow


@contextmanager
def stopping(
    signals: Sequence[signal.Signals], announce: Announce, *, after: str = "the children that train here now"
) -> Iterator[threading.Event]:
    """Let the first signal ask for a stop, and the second interrupt. Only the main thread can handle signals.

    Args:
        signals: the signals by which the user asks to stop.
        announce: called with a line when the work is about to stop.
        after: what it stops after.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        announce(f"Stopping after {after}; press Ctrl-C again to stop at once.")
        if number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in signals}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not set by Python
