"""Where children train: the seam between the loop and the hardware, and how any process builds the same task.

An engine takes children and gives back outcomes in whatever order they finish. It may deliver a child twice or late;
the loop sees to it that neither counts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.contracts import ARITHMETIC, CPU, Dataset, Outcome, Rule, Task, TaskProtocol
from harness.errors import DataError, EngineError, message
from harness.registry import Kind, load
from harness.space.expression import LANGUAGE_VERSION


class Engine(Protocol):
    """A place where children train. Whoever opens one closes it; it can serve one run after another."""

    @property
    def slots(self) -> int:
        """How many children it trains at once, now; at least 1."""

    @property
    def ready(self) -> bool:
        """Whether a child has finished already, so that ``next`` gives one at once."""

    def submit(self, rule: Rule, *, seed: int) -> int:
        """Take a child and return its ticket, a number that this engine never uses twice.

        It need not begin before ``next`` is called.
        """

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        """Wait for a finished child: its ticket and outcome, or None if there is none in time.

        Raises:
            HarnessError: children cannot train: the data is missing, the cluster is gone, a child kills its workers.
        """

    def drop(self) -> None:
        """Forget all children that have not been delivered."""

    def close(self) -> None:
        """Stop working, and quickly: children in flight are lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """A task by name, small enough to send to another machine and build there.

    Attributes:
        task: registry name, or ``module:attribute``.
        protocol: how it scores.
        data: registry name of its data set; None for a task that reads none.
        root: where the data set is on the machine that builds it; None for its usual place.
        fingerprint: what the data must hash to; empty to accept any.
        environment: what ``pinned`` must give of the task, as sorted pairs; empty to accept any.
        test: whether it scores test examples, too: for confirmations alone.
        device: where it trains, as torch names it.
    """

    task: str
    protocol: TaskProtocol
    data: str | None = None
    root: Path | None = None
    fingerprint: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    test: bool = False
    device: str = CPU

    def build(self, announce: Callable[[str], None] = lambda _: None) -> Task:
        """Load the data, build the task, and check that both are the ones that were meant.

        Args:
            announce: told in one line when something takes long, such as a download.

        Raises:
            RegistryError: the task or data set is not installed here.
            DataError: the data is missing, damaged, or not what the fingerprint says.
            EngineError: this machine has other versions than the environment says.
        """
        factory = load(Kind.TASK, self.task)
        check_device(factory, self.protocol, self.device)
        data: Dataset | None = None
        if self.data is not None:
            data = load(Kind.DATA, self.data)(self.root, announce)
            if self.fingerprint and data.fingerprint != self.fingerprint:
                raise DataError(
                    message(
                        f"data set {self.data}",
                        expected=f"fingerprint {self.fingerprint}",
                        got=data.fingerprint,
                        hint="Give every machine the same copy",
                    )
                )
        task = build_task(factory, self.protocol, data, test=self.test, device=self.device)
        if self.environment:
            _check_environment(pinned(task), dict(self.environment))
        return task


def _check_environment(here: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Raise unless children score here as they do where the environment was pinned."""
    for name in sorted(here.keys() | expected.keys(), key=lambda name: (name == ARITHMETIC, name)):
        if here.get(name) != expected.get(name):
            hint = "Install the same versions on every machine that trains children"
            if name == ARITHMETIC:
                hint = (
                    "This worker rounds otherwise than where the run began, by its processor or by a variable such as "
                    "MKL_CBWR or NUMBA_CPU_NAME: use workers with one kind of processor and the same variables"
                )
            got = here.get(name, "none")
            raise EngineError(message(f"worker's {name}", expected=expected.get(name, "none"), got=got, hint=hint))


def pinned(task: Task) -> dict[str, str]:
    """What a run's header pins of a task: its environment, and the version of the language, whoever wrote the task."""
    return {"language": str(LANGUAGE_VERSION), **task.environment}


def build_task(
    factory: Callable[..., Task],
    protocol: TaskProtocol,
    data: Dataset | None,
    *,
    test: bool = False,
    device: str = CPU,
) -> Task:
    """Build a task for a search, or with ``test`` one that scores test examples, too, if it has any.

    Raises:
        EngineError: another device than the processor is wanted, and the task knows of none.
    """
    check_device(factory, protocol, device)
    known, wanted = inspect.signature(factory).parameters, dict[str, object]()
    if test and "test" in known:
        wanted["test"] = True
    if device != CPU:
        wanted["device"] = device
    return factory(protocol, data, **wanted)


def check_device(factory: Callable[..., Task], protocol: TaskProtocol, device: str) -> None:
    """Raise unless a task can train on a device of this machine, before any data is loaded for it.

    Raises:
        EngineError: another device than the processor is wanted, and the task knows of none.
        SettingError: the device is not there.
    """
    if device == CPU:
        return
    if "device" not in inspect.signature(factory).parameters:
        what = f"device of task {protocol.task!r}"
        raise EngineError(message(what, expected=CPU, got=device, hint="Leave --device out"))
    check: Callable[[str], object] | None = getattr(factory, "check_device", None)
    if check is not None:
        check(device)


def width(task: Task) -> int:
    """How many rules a task likes to be given at once."""
    return max(1, int(getattr(task, "width", 1)))


def train(task: Task, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
    """Score rules together, and hold the task to its contract of one outcome a rule.

    Raises:
        EngineError: the task gave something else.
    """
    outcomes = task.evaluate(rules, seed=seed)
    if len(outcomes) != len(rules) or not all(isinstance(outcome, Outcome) for outcome in outcomes):
        what = f"task {type(task).__name__}"
        hint = "Run `harness conformance` on it"
        raise EngineError(message(what, expected="one Outcome a rule", got=repr(outcomes), hint=hint))
    return outcomes
