"""Children on Dask: worker processes on this machine, or any Dask scheduler by address.

Dask re-runs the children of a dead worker elsewhere. A child is a pure function of rule and seed, so no child is
counted or charged twice. Workers build the task themselves, once, and never see the store. TLS and everything else
about the connection is set in Dask's own configuration (``distributed.comm``).

Children of one seed are sent in stacks of as many rules as the task prefers to train at once; a stack is one Dask task.
A worker sends its outcomes twice: as an event on the stream that it has with the scheduler anyway, and as the result of
the task. The event arrives first and saves fetching the result, which helps if many stacks finish at once; the result
remains if the event is lost.
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
from harness.race.engines.engine import GUARD, TaskSpec
from harness.race.engines.on_worker import OUTCOMES, described_on_worker, train_on_worker

Outcomes = Sequence[Outcome]

_CONNECT_SECONDS = 15.0
_WORKER_SECONDS = 60.0
_SLOTS_SECONDS = 0.5  # how long a count of the workers' threads stays valid; counting asks the scheduler
_STOP_SECONDS = 1.0
_MESSAGE_STACKS = 16  # stacks in a message, at most
_PACKAGE = "harness"
_INSTALL = "Install the same version of it on the scheduler and on every worker"
_CONFIGURATION = {
    "distributed.scheduler.allowed-failures": 25,  # workers that one child may kill before it is given up
    "distributed.worker.multiprocessing-method": "spawn",  # a forked worker would inherit the lock of the run
    "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
    "distributed.worker.profile.enabled": False,  # a hundred samples a second of every thread, which nobody reads
    # Otherwise every process would check fifty times a second whether its loop is late, and twice the machine's load.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.cycle": "10s",
    "distributed.admin.system-monitor.interval": "10s",
    # Dask's workers return freed memory at once, which doubles the time of a child that needs it again each step.
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
        # From here on, a stack is identified by its first ticket.
        self._awaited: dict[int, list[int]] = {}  # stack → tickets that were sent and have not come back
        self._delivered: deque[tuple[int, Outcome]] = deque()  # outcomes that came back with another child
        self._futures: dict[int, Future[Outcomes]] = {}  # released in Dask's thread, which then need not be woken up
        self._heard: set[int] = set()  # stacks whose outcomes came as events
        # Stack, its outcomes or exception, and the status of the future at that time.
        self._finished: queue.SimpleQueue[tuple[int, Outcomes | BaseException, str]] = queue.SimpleQueue()
        self._threads, self._counted = 1, -math.inf  # threads of all workers, and when they were counted
        client.subscribe_topic(OUTCOMES, self._hear)

    @classmethod
    def local(cls, spec: TaskSpec, workers: int) -> Self:
        """Start single-threaded worker processes that are reachable only from this machine.

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
                        memory_limit=0,  # children are small, and a worker paused for its memory is useless
                        local_directory=tempfile.gettempdir(),
                    )
                    resources.callback(cluster.close)
                    resources.callback(cluster.sync, _stop_workers, cluster)
                    client = Client(cluster, set_as_default=False)
                    resources.callback(client.close)
            except (OSError, RuntimeError) as cause:
                expected, got = f"{workers} processes that start", _described(cause)
                hint = f"In a script, start them under `{GUARD}`; else look at memory limits, or use one worker"
                raise EngineError(message("workers", expected=expected, got=got, hint=hint)) from cause
            return cls(spec, client, resources.pop_all(), cluster=cluster)

    @classmethod
    def at(cls, spec: TaskSpec, address: str) -> Self:
        """Connect to a Dask scheduler, such as ``tcp://10.0.0.1:8786``, that has workers or soon will.

        Raises:
            EngineError: nothing answers there, no worker appears, or one lacks this package.
        """
        what = f"cluster {address}"
        with contextlib.ExitStack() as resources:
            resources.enter_context(_silence())
            try:
                with ThreadPoolExecutor(1) as pool:  # in a notebook, this thread already runs a loop
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
        """The number of children that the task prefers at once, times the threads of all current workers."""
        return self._spec.width * self._threads_now()

    def _threads_now(self) -> int:
        """Return the number of threads of all workers now, or a moment ago."""
        if time.monotonic() - self._counted > _SLOTS_SECONDS:
            threads: dict[str, int] = self._client.nthreads()
            self._threads, self._counted = max(1, sum(threads.values())), time.monotonic()
        return self._threads

    @property
    def ready(self) -> bool:
        """Whether a child has finished and its outcome has arrived."""
        return bool(self._delivered) or not self._finished.empty()

    def submit(self, rule: Candidate, *, seed: int) -> int:
        """Queue a child; it is sent with all other queued children when ``next`` is called."""
        self._tickets += 1
        self._unsent[self._tickets] = (rule, seed)
        return self._tickets

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        """Wait for a finished child.

        Raises:
            HarnessError: the error that was raised on the worker; or an EngineError if the scheduler is gone, if it or
                a worker cannot read a message, or if one child has killed too many workers.
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
        """Return the task's environment and its width on some worker, which builds the task only for that.

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
            with contextlib.suppress(OSError, TimeoutError):  # a scheduler that is gone holds them no longer
                self._client.cancel(futures, force=True)

    def close(self) -> None:
        """Disconnect from the scheduler; local workers are stopped within about a second."""
        self._unsent.clear()
        self._awaited.clear()
        self._delivered.clear()
        self._futures.clear()
        if self._client.status == "running":
            self._client.unsubscribe_topic(OUTCOMES)
        self._resources.close()

    def _send(self) -> None:
        """Send all queued children, several stacks per message: Dask's work per message hardly depends on their number.

        They are not all sent in one message, so that the first ones start while the others are still being unpacked.
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
            del futures, sent  # from now on they belong to Dask's thread
        self._unsent.clear()

    def _stacks(self) -> list[list[int]]:
        """Return the tickets to send, children of one seed together, spread evenly so that no worker idles."""
        if self._spec.width == 1 or not self._unsent:
            return [[ticket] for ticket in self._unsent]
        of_seed: dict[int, list[int]] = {}
        for ticket, (_, seed) in self._unsent.items():
            of_seed.setdefault(seed, []).append(ticket)
        idle = max(1, self._threads_now() - len(self._awaited))
        size = min(self._spec.width, math.ceil(len(self._unsent) / idle))
        return [own[at : at + size] for own in of_seed.values() for at in range(0, len(own), size)]

    async def _watch(self, sent: dict[int, Future[Outcomes]]) -> None:
        """Wait for stacks in Dask's own thread, which is woken up once for all of them."""
        await asyncio.gather(*(self._collect(stack, sent.pop(stack)) for stack in list(sent)))

    def _hear(self, event: tuple[float, tuple[str, bytes]]) -> None:
        """Take the outcomes of a stack from a worker's event, which every engine of the scheduler receives."""
        key, packed = event[1]
        start, _, stack = key.rpartition("-")
        if start != f"child-{self._name}":
            return
        with contextlib.suppress(Exception):  # an unreadable event is fetched as the result, which reports it
            self._finished.put((int(stack), pickle.loads(packed), "finished"))
            if int(stack) in self._futures:
                self._heard.add(int(stack))

    async def _collect(self, stack: int, future: Future[Outcomes]) -> None:
        """Wait for a stack, and fetch its outcomes unless an event brought them.

        If a worker dies before its outcomes are read, their children train again.
        """
        try:
            found: Outcomes | BaseException | None = await future.exception(asynchronous=True)
            if found is None and stack not in self._heard:
                found = await self._client.gather(future, asynchronous=True)
        except asyncio.CancelledError:
            raise  # this call was cancelled because the client closes
        except BaseException as cause:
            found = cause
        finally:
            self._heard.discard(stack)
            self._futures.pop(stack, None)
        if found is not None:
            self._finished.put((stack, found, future.status or ""))

    def _replace_workers(self) -> None:
        """Restart workers that Dask has given up: it restarts dead workers, but not those that died while starting."""
        if self._cluster is not None and len(self._cluster.workers) < self._workers:
            self._cluster.scale(self._workers)

    def _error(self, found: BaseException, status: str) -> BaseException:
        """Return the error for a future without a result: the task's own error, or one that the user can act on."""
        if isinstance(found, KilledWorker):
            hint = "Find out what kills them, memory first; then run the same command again to resume"
            got = f"{found.allowed_failures + 1} that died training it"
            return EngineError(message("child", expected="workers that survive it", got=got, hint=hint))
        if status != "error":
            return self._gone(_described(found))
        if _unread(found):
            got = _described(found)
            return EngineError(message("cluster", expected="this package, to train with", got=got, hint=_INSTALL))
        return found

    def _gone(self, finding: str) -> EngineError:
        hint = "Restart the cluster, then run the same command again to resume"
        return EngineError(message("cluster", expected="a scheduler that stays", got=finding, hint=hint))


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start workers that ignore Ctrl-C, which the terminal sends to all processes but only this one should handle.

    Processes and threads inherit the signal mask of their parent, so Dask's own thread and all workers that it starts
    keep it. This thread restores its own mask afterwards and handles signals that came in between, even through older
    threads.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    multiprocessing.resource_tracker.ensure_running()  # its first start would unblock the signal
    came: list[int] = []
    main = threading.current_thread() is threading.main_thread()  # only it can set signal handlers
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
    """Keep Dask's logs off the terminal: errors that a user can act on are raised."""
    handlers = [(handler, handler.level) for handler in logging.getLogger("distributed").handlers]
    for handler, _ in handlers:
        handler.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for handler, level in handlers:
            handler.setLevel(level)


async def _probe(address: str) -> None:
    """Connect once and disconnect: a Dask client that fails to connect can hang the process when it is collected."""
    arguments = Security().get_connection_args("client")
    async with asyncio.timeout(_CONNECT_SECONDS):  # connect's own time limit does not cover a peer that never answers
        comm = await connect(address, timeout=_CONNECT_SECONDS, **arguments)
    comm.abort()


async def _stop_workers(cluster: LocalCluster) -> None:
    """Stop workers without waiting for their children."""
    await asyncio.gather(
        *(nanny.close(timeout=_STOP_SECONDS) for nanny in cluster.workers.values()), return_exceptions=True
    )


def _workers_without(client: Client, package: str) -> list[str]:
    """Return the addresses of workers that lack a package, asked by a function sent by value, which needs none."""
    found: dict[str, bool] = client.run(lambda: importlib.util.find_spec(package) is not None, on_error="ignore")
    return [address for address, has in found.items() if not has]


def _unread(found: BaseException) -> bool:
    """Whether an error shows that a process could not read a message because it lacks our code or the same version."""
    text = str(found)
    return (
        isinstance(found, ImportError | pickle.UnpicklingError)
        or (isinstance(found, AttributeError) and "Can't get attribute" in text)
        or (isinstance(found, RuntimeError) and text.startswith("Error during deserialization"))
    )


def _described(cause: BaseException) -> str:
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
