"""Children on Dask: worker processes on this machine, or any Dask scheduler by address.

Dask re-runs the children of a dead worker elsewhere; a child is a pure function of rule and seed, so nothing is
doubled or charged twice by that. Workers build the task themselves, once, and never see the store. TLS and everything
else about the connection is set in Dask's own configuration (``distributed.comm``).

Children of one seed travel in stacks, of as many rules as the task likes to train at once: a stack is one of Dask's
tasks. Its outcomes travel twice: a worker tells them as an event on the stream that it has with the scheduler anyway,
and keeps them as the result. The event arrives first, and saves asking for the result, which counts where many stacks
finish at once; the result is there if the event got lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import math
import multiprocessing.resource_tracker
import pickle
import queue
import signal
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import dask
from distributed import Client, Future, LocalCluster, Security
from distributed.comm.core import connect
from distributed.scheduler import KilledWorker

from harness.contracts import Candidate, Outcome
from harness.errors import EngineError, message
from harness.race.engines.engine import TaskSpec
from harness.race.engines.on_worker import OUTCOMES, described_on_worker, train_on_worker

Outcomes = Sequence[Outcome]

_CONNECT_SECONDS = 15.0
_WORKER_SECONDS = 60.0
_SLOTS_SECONDS = 0.5  # how long a count of the workers' threads is taken to hold; each asks the scheduler
_STOP_SECONDS = 1.0
_MESSAGE_STACKS = 16  # at most
_PACKAGE = "harness"
_INSTALL = "Install the same version of it on the scheduler and on every worker"
_CONFIGURATION = {
    "distributed.scheduler.allowed-failures": 25,  # workers that die of one child before it is held to be the killer
    "distributed.worker.multiprocessing-method": "spawn",  # a forked worker would inherit the lock of the run
    "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
    "distributed.worker.profile.enabled": False,  # a hundred samples a second of every thread, which nobody looks at
    # Fifty times a second every process would look whether its loop is late, and twice at the machine's load.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.cycle": "10s",
    "distributed.admin.system-monitor.interval": "10s",
    # Dask has workers give freed memory back at once, which doubles the time of a child that needs it again each step.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**30,
    "distributed.nanny.pre-spawn-environ.MALLOC_ARENA_MAX": 1,  # children train off the main thread
}


class DaskEngine:
    """Trains children on the workers of a Dask scheduler. Use ``local`` or ``at``."""

    def __init__(
        self, spec: TaskSpec, client: Client, resources: contextlib.ExitStack, *, cluster: LocalCluster | None = None
    ) -> None:
        self._spec = spec
        self._client = client
        self._cluster = cluster
        self._workers = 0 if cluster is None else len(cluster.workers)
        self._resources = resources
        self._name = uuid.uuid4().hex[:8]  # keys of other engines on the same scheduler must differ
        self._tickets = 0
        self._unsent: dict[int, tuple[Candidate, int]] = {}  # ticket → child
        # A stack goes by its first ticket from here on.
        self._awaited: dict[int, list[int]] = {}  # stack → tickets, of what was sent and has not come back
        self._delivered: deque[tuple[int, Outcome]] = deque()  # what came back with another child
        self._futures: dict[int, Future[Outcomes]] = {}  # let go in Dask's thread, where that takes no waking it up
        self._heard: set[int] = set()  # stacks whose outcomes came as events
        # Stack, outcomes or what was raised, and the status of the future then.
        self._finished: queue.SimpleQueue[tuple[int, Outcomes | BaseException, str]] = queue.SimpleQueue()
        self._threads, self._counted = 1, -math.inf  # of all workers, and when that was asked
        client.subscribe_topic(OUTCOMES, self._hear)

    @classmethod
    def local(cls, spec: TaskSpec, workers: int) -> Self:
        """Start single-threaded worker processes, reachable from this machine alone.

        Raises:
            EngineError: they do not start.
        """
        with contextlib.ExitStack() as resources:
            resources.enter_context(_silence())
            resources.enter_context(dask.config.set(_CONFIGURATION))
            try:
                with _interrupts_held_back():
                    cluster = LocalCluster(
                        n_workers=workers,
                        threads_per_worker=1,
                        host="127.0.0.1",
                        dashboard_address=None,
                        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                        silence_logs=logging.CRITICAL,
                        memory_limit=0,  # children are small, and a worker paused for its memory helps nobody
                        local_directory=tempfile.gettempdir(),
                    )
                    resources.callback(cluster.close)
                    resources.callback(cluster.sync, _stop_workers, cluster)
                    client = Client(cluster, set_as_default=False)
                    resources.callback(client.close)
            except (OSError, RuntimeError) as cause:
                raise EngineError(
                    message(
                        "workers",
                        expected=f"{workers} processes that start",
                        got=_described(cause),
                        hint="Check the memory and process limits of this machine, or use --workers 1",
                    )
                ) from cause
            return cls(spec, client, resources.pop_all(), cluster=cluster)

    @classmethod
    def at(cls, spec: TaskSpec, address: str) -> Self:
        """Join a Dask scheduler, such as ``tcp://10.0.0.1:8786``, that has workers or soon will.

        Raises:
            EngineError: nothing answers there, no worker shows up, or one lacks this package.
        """
        what = f"cluster {address}"
        with contextlib.ExitStack() as resources:
            resources.enter_context(_silence())
            try:
                with ThreadPoolExecutor(1) as pool:  # a notebook has a loop running in this thread
                    pool.submit(asyncio.run, _probe(address)).result()
                client = Client(address, set_as_default=False, timeout=_CONNECT_SECONDS)
            except (OSError, ValueError, RuntimeError, TypeError) as cause:
                hint = "Check the address, that the scheduler runs, and Dask's TLS settings"
                expected, got = "a Dask scheduler that answers", _described(cause)
                raise EngineError(message(what, expected=expected, got=got, hint=hint)) from cause
            resources.callback(client.close)
            try:
                client.wait_for_workers(1, timeout=_WORKER_SECONDS)
            except (OSError, TimeoutError) as cause:
                hint = "Start some with: dask worker ADDRESS --nthreads 1"
                raise EngineError(message(what, expected="at least one worker", got="none", hint=hint)) from cause
            without = _workers_without(client, _PACKAGE)
            if without:
                got = f"none on {', '.join(without)}"
                raise EngineError(message(what, expected="this package on every worker", got=got, hint=_INSTALL))
            return cls(spec, client, resources.pop_all())

    @property
    def slots(self) -> int:
        """As many children as the task likes at once for each thread of the workers that there are."""
        return self._spec.width * self._threads_now()

    def _threads_now(self) -> int:
        """Threads of all workers there are now, or were a moment ago."""
        if time.monotonic() - self._counted > _SLOTS_SECONDS:
            threads: dict[str, int] = self._client.nthreads()
            self._threads, self._counted = max(1, sum(threads.values())), time.monotonic()
        return self._threads

    @property
    def ready(self) -> bool:
        """Whether a child has finished and its outcome is here."""
        return bool(self._delivered) or not self._finished.empty()

    def submit(self, rule: Candidate, *, seed: int) -> int:
        """Take a child; it is sent when one is waited for, with all that were taken by then."""
        self._tickets += 1
        self._unsent[self._tickets] = (rule, seed)
        return self._tickets

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        """Wait for a finished child.

        Raises:
            HarnessError: as it was raised on the worker; or an EngineError if the scheduler is gone, if it or a worker
                cannot read what it is sent, or if one child has killed too many workers.
        """
        self._send()
        if self._delivered:
            return self._delivered.popleft()
        try:
            stack, found, status = self._finished.get(timeout=timeout_seconds)
        except queue.Empty:
            if self._client.status != "running":
                raise self._gone(self._client.status) from None
            self._replace_workers()
            return None
        tickets = self._awaited.pop(stack, None)
        if tickets is None:
            return None  # dropped, or trained twice
        if isinstance(found, BaseException):
            raise self._error(found, status)
        self._delivered.extend(zip(tickets, found, strict=True))
        return self._delivered.popleft()

    def described(self) -> tuple[dict[str, str], int]:
        """What the task is pinned by on some worker, which builds it for that alone, and its width there.

        Raises:
            HarnessError: as for ``next``.
        """
        future = self._client.submit(described_on_worker, self._spec, key=f"described-{self._name}", pure=False)
        try:
            found: tuple[dict[str, str], int] = future.result()
        except Exception as cause:
            raise self._error(cause, future.status or "") from None
        return found

    def drop(self) -> None:
        """Cancel all children that have not been delivered."""
        self._unsent.clear()
        self._awaited.clear()
        self._delivered.clear()
        futures = list(self._futures.values())
        if futures and self._client.status == "running":
            with contextlib.suppress(OSError, TimeoutError):  # a scheduler that is gone has forgotten them
                self._client.cancel(futures, force=True)

    def close(self) -> None:
        """Leave the scheduler; local workers are stopped within a second or so."""
        self._unsent.clear()
        self._awaited.clear()
        self._delivered.clear()
        self._futures.clear()
        if self._client.status == "running":
            self._client.unsubscribe_topic(OUTCOMES)
        self._resources.close()

    def _send(self) -> None:
        """Send all children taken, several stacks in a message: Dask does as much for one with one as with a few.

        Not all in one, so that the first begin while scheduler and workers still unpack the others.
        """
        stacks = self._stacks()
        loop = self._client.loop
        assert loop is not None, "a client has its loop until it is collected"
        for start in range(0, len(stacks), _MESSAGE_STACKS):
            part = stacks[start : start + _MESSAGE_STACKS]
            rules = [[self._unsent[ticket][0] for ticket in tickets] for tickets in part]
            seeds = [self._unsent[tickets[0]][1] for tickets in part]
            names = [tickets[0] for tickets in part]
            self._awaited.update(zip(names, part, strict=True))
            keys = [f"child-{self._name}-{name}" for name in names]
            futures = self._client.map(train_on_worker, rules, seeds, spec=self._spec, key=keys, pure=False)
            sent = dict(zip(names, futures, strict=True))
            self._futures |= sent
            loop.add_callback(self._watch, sent)
            del futures, sent  # from now on they are Dask's thread's
        self._unsent.clear()

    def _stacks(self) -> list[list[int]]:
        """The tickets to send, children of one seed together: none idles while another has more than its share."""
        if self._spec.width == 1 or not self._unsent:
            return [[ticket] for ticket in self._unsent]
        of_seed: dict[int, list[int]] = {}
        for ticket, (_, seed) in self._unsent.items():
            of_seed.setdefault(seed, []).append(ticket)
        idle = max(1, self._threads_now() - len(self._awaited))
        size = min(self._spec.width, math.ceil(len(self._unsent) / idle))
        return [own[at : at + size] for own in of_seed.values() for at in range(0, len(own), size)]

    async def _watch(self, sent: dict[int, Future[Outcomes]]) -> None:
        """Wait for stacks, in Dask's own thread, which is woken up for all of them once."""
        await asyncio.gather(*(self._collect(stack, sent.pop(stack)) for stack in list(sent)))

    def _hear(self, event: tuple[float, tuple[str, bytes]]) -> None:
        """Take the outcomes of a stack that a worker tells of; every engine of the scheduler hears it."""
        key, packed = event[1]
        start, _, stack = key.rpartition("-")
        if start != f"child-{self._name}":
            return
        with contextlib.suppress(Exception):  # what cannot be read is asked for, and then complained about
            self._finished.put((int(stack), pickle.loads(packed), "finished"))
            if int(stack) in self._futures:
                self._heard.add(int(stack))

    async def _collect(self, stack: int, future: Future[Outcomes]) -> None:
        """Wait for a stack, and fetch its outcomes unless they were heard.

        Where a worker dies with outcomes unread, their children train again and are waited for again.
        """
        try:
            found: Outcomes | BaseException | None = await future.exception(asynchronous=True)
            if found is None and stack not in self._heard:
                found = await self._client.gather(future, asynchronous=True)
        except asyncio.CancelledError:
            raise  # this very call, as the client closes
        except BaseException as cause:
            found = cause
        finally:
            self._heard.discard(stack)
            self._futures.pop(stack, None)
        if found is not None:
            self._finished.put((stack, found, future.status or ""))

    def _replace_workers(self) -> None:
        """Start workers anew that Dask has given up: it restarts the dead, but not those that died while starting."""
        if self._cluster is not None and len(self._cluster.workers) < self._workers:
            self._cluster.scale(self._workers)

    def _error(self, found: BaseException, status: str) -> BaseException:
        """What to raise where a future has no result: what the task itself raised, or what the user can act on."""
        if isinstance(found, KilledWorker):
            hint = "Look for what kills them, memory first; the same command then goes on"
            got = f"{found.allowed_failures + 1} that died of it"
            return EngineError(message("child", expected="workers that survive it", got=got, hint=hint))
        if status != "error":
            return self._gone(_described(found))
        if _unread(found):
            got = _described(found)
            return EngineError(message("cluster", expected="this package, to train with", got=got, hint=_INSTALL))
        return found

    def _gone(self, finding: str) -> EngineError:
        hint = "Bring the cluster back; the same command then goes on"
        return EngineError(message("cluster", expected="a scheduler that stays", got=finding, hint=hint))


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start workers that do not hear Ctrl-C, which the terminal sends to all processes and this one decides about.

    Processes and threads inherit the mask of whoever starts them, so Dask's own thread and all workers that it will
    ever start keep it; this thread gets its own back, and hears what came in between, through older threads, too.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    multiprocessing.resource_tracker.ensure_running()  # its first start would unblock the signal
    came: list[int] = []
    main = threading.current_thread() is threading.main_thread()  # which alone sets what hears a signal
    heard = signal.signal(signal.SIGINT, lambda number, _: came.append(number)) if main else None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if main:
            signal.signal(signal.SIGINT, heard)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep Dask's logs off the terminal: what a user can act on is raised."""
    handlers = [(handler, handler.level) for handler in logging.getLogger("distributed").handlers]
    for handler, _ in handlers:
        handler.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for handler, level in handlers:
            handler.setLevel(level)


async def _probe(address: str) -> None:
    """Connect once and part: a Dask client that fails to connect can lock up the process when it is collected."""
    arguments = Security().get_connection_args("client")
    async with asyncio.timeout(_CONNECT_SECONDS):  # connect's own limit does not cover a peer that keeps silent
        comm = await connect(address, timeout=_CONNECT_SECONDS, **arguments)
    comm.abort()


async def _stop_workers(cluster: LocalCluster) -> None:
    """Stop workers without waiting for their children."""
    await asyncio.gather(
        *(nanny.close(timeout=_STOP_SECONDS) for nanny in cluster.workers.values()), return_exceptions=True
    )


def _workers_without(client: Client, package: str) -> list[str]:
    """The addresses of workers that lack a package. They are sent a function by value, which needs none to be read."""
    found: dict[str, bool] = client.run(lambda: importlib.util.find_spec(package) is not None, on_error="ignore")
    return [address for address, has in found.items() if not has]


def _unread(found: BaseException) -> bool:
    """Whether it tells that a process could not read what it was sent, for want of our code or of the same version."""
    text = str(found)
    return (
        isinstance(found, ImportError | pickle.UnpicklingError)
        or (isinstance(found, AttributeError) and "Can't get attribute" in text)
        or (isinstance(found, RuntimeError) and text.startswith("Error during deserialization"))
    )


def _described(cause: BaseException) -> str:
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
