"""Where children train: the seam between the loop and the hardware, and how any process builds the same task.

An engine takes children and returns outcomes in the order in which they finish. It may deliver a child twice or late;
the loop ignores such deliveries.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.contracts import ARITHMETIC, CPU, Candidate, Dataset, Outcome, Task, TaskProtocol
from harness.errors import DataError, EngineError, HarnessError, message, outside
from harness.race.protocols import NO_DATA
from harness.registry import Kind, check_call, load
from harness.space.expression import LANGUAGE_VERSION

GUARD = 'if __name__ == "__main__":'
"""What a script needs around a call that starts worker processes, since each of them loads the script."""
_FIX = "Fix the task; `harness conformance --task` tests it"


class Engine(Protocol):
    """A place where children train. Whoever opens an engine closes it; it can serve one run after another."""

    @property
    def slots(self) -> int:
        """How many children it can train at once now; at least 1."""

    @property
    def ready(self) -> bool:
        """Whether a child has finished already, so that ``next`` returns at once."""

    def submit(self, rule: Candidate, *, seed: int) -> int:
        """Submit a child and return its ticket, a number that this engine never uses twice.

        The child need not start before ``next`` is called.
        """

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        """Wait for a finished child, and return its ticket and outcome; None if none finishes in time.

        Raises:
            HarnessError: children cannot train: the data is missing, the cluster is gone, a child kills its workers.
        """

    def drop(self) -> None:
        """Forget all children that have not been delivered."""

    def close(self) -> None:
        """Stop quickly; children in flight are lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """A task by name, small enough to send to another machine and build there.

    Attributes:
        task: registry name, or ``module:attribute``.
        protocol: how it scores rules.
        data: registry name of its data set; None for a task that reads none.
        root: where the data set is on the machine that builds the task; None for the usual place.
        fingerprint: the fingerprint that the data must have; empty to accept any.
        environment: what ``pinned`` must return for the task, as sorted pairs; empty to accept any.
        test: whether it scores test examples, too; only for confirmations.
        candidates: whether it trains other candidates than rules, too; only for confirmations.
        device: where it trains, as torch names it.
        checkpoints: the folder in which it saves children in training, if it can; used only where it exists, which on a
            cluster is where the folder is shared.
        width: how many rules the task prefers to get at once.
    """

    task: str
    protocol: TaskProtocol
    data: str | None = None
    root: Path | None = None
    fingerprint: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    test: bool = False
    candidates: bool = False
    device: str = CPU
    checkpoints: Path | None = None
    width: int = 1

    def build(self, announce: Callable[[str], None] = lambda _: None) -> Task:
        """Load the data, build the task, check that both are the right ones, and return the task.

        Args:
            announce: called with one line when something takes long, such as a download.

        Raises:
            RegistryError: the task or data set is not installed here.
            DataError: the data is missing, damaged, or not what the fingerprint says.
            EngineError: this machine has different versions than the environment says.
        """
        factory = load(Kind.TASK, self.task)
        check_abilities(factory, self.protocol, device=self.device, candidates=self.candidates)
        data: Dataset | None = NO_DATA if self.protocol.inputs == "none" else None
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
        shared = self.checkpoints is not None and self.checkpoints.is_dir()
        task = build_task(
            factory,
            self.protocol,
            data,
            test=self.test,
            candidates=self.candidates,
            device=self.device,
            checkpoints=self.checkpoints if shared else None,
        )
        if self.environment:
            _check_environment(pinned(task), dict(self.environment))
        return task


def _check_environment(here: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Raise unless children get the same scores here as where the environment was pinned."""
    for name in sorted(here.keys() | expected.keys(), key=lambda name: (name == ARITHMETIC, name)):
        if here.get(name) != expected.get(name):
            hint = "Install the same versions on every machine that trains children"
            if name == ARITHMETIC:
                hint = (
                    "This worker rounds differently from where the run began, by its processor or a variable such as "
                    "MKL_CBWR or NUMBA_CPU_NAME: use workers with one kind of processor and the same variables"
                )
            got = here.get(name, "none")
            raise EngineError(message(f"worker's {name}", expected=expected.get(name, "none"), got=got, hint=hint))


def pinned(task: Task) -> dict[str, str]:
    """Return what a run's header pins of a task: its environment, and the version of the language.

    Raises:
        EngineError: the environment is not a mapping of texts to texts.
    """
    what, expected = f"environment of task {type(task).__name__}", "a mapping of texts to texts"
    with outside(task, what, expected=expected, hint=_FIX, error=EngineError, passing=(HarnessError,)):
        environment = dict(task.environment)
    wrong = [item for item in environment.items() if not all(isinstance(part, str) for part in item)]
    if wrong:
        raise EngineError(message(what, expected=expected, got=repr(dict(wrong[:1])), hint=_FIX))
    return {"language": str(LANGUAGE_VERSION), **environment}


def build_task(
    factory: Callable[..., Task],
    protocol: TaskProtocol,
    data: Dataset | None,
    *,
    test: bool = False,
    candidates: bool = False,
    device: str = CPU,
    checkpoints: Path | None = None,
) -> Task:
    """Build and return a task; with ``test`` it scores test examples, too, if it has any.

    With ``checkpoints`` it saves children in training there, if it can.

    Raises:
        EngineError: the task does not support the device, or candidates that are not rules; or it cannot be built.
        RegistryError: it cannot be called as a task's factory.
    """
    check_abilities(factory, protocol, device=device, candidates=candidates)
    check_call(Kind.TASK, protocol.task, factory, protocol, data)
    known, wanted = inspect.signature(factory).parameters, dict[str, object]()
    if test and "test" in known:
        wanted["test"] = True
    if checkpoints is not None and "checkpoints" in known:
        wanted["checkpoints"] = checkpoints
    if candidates:
        wanted["candidates"] = True
    if device != CPU:
        wanted["device"] = device
    what, expected = f"task {protocol.task!r}", "a task to be built from the protocol and the data"
    with outside(factory, what, expected=expected, hint=_FIX, error=EngineError, passing=(HarnessError,)):
        return factory(protocol, data, **wanted)


def check_abilities(
    factory: Callable[..., Task], protocol: TaskProtocol, *, device: str = CPU, candidates: bool = False
) -> None:
    """Raise unless a task supports the device and the candidates, before any data is loaded for it.

    Raises:
        EngineError: the task does not support the device, or candidates that are not rules.
        SettingError: this machine does not have the device.
    """
    known = inspect.signature(factory).parameters
    if candidates and "candidates" not in known:
        what = f"task {protocol.task!r} of protocol {protocol.name!r}"
        hint = "Name only rules, or confirm with another protocol, such as --protocol quick"
        raise EngineError(
            message(what, expected="one that trains other optimizers, too", got="one that trains only rules", hint=hint)
        )
    if device == CPU:
        return
    if "device" not in known:
        what = f"device of task {protocol.task!r}"
        raise EngineError(message(what, expected=CPU, got=device, hint="Leave --device out"))
    check: Callable[[str], object] | None = getattr(factory, "check_device", None)
    if check is not None:
        check(device)


def width(task: Task) -> int:
    """Return how many rules a task prefers to get at once."""
    return max(1, int(getattr(task, "width", 1)))


def train(task: Task, rules: Sequence[Candidate], *, seed: int) -> Sequence[Outcome]:
    """Score rules together, and check that the task returns one outcome per rule.

    Raises:
        EngineError: the task returned something else.
    """
    what, expected = f"task {type(task).__name__}", "one Outcome per rule"
    hint = "Return Outcome(status=Status.ERROR, …) for a rule that fails; `harness conformance --task` tests the task"
    with outside(task, what, expected=expected, hint=hint, error=EngineError, passing=(HarnessError,)):
        given = task.evaluate(rules, seed=seed)
        outcomes = list(given) if isinstance(given, Sequence) else []
    if len(outcomes) != len(rules) or not all(isinstance(outcome, Outcome) for outcome in outcomes):
        raise EngineError(message(what, expected=expected, got=repr(given), hint=_FIX))
    return outcomes
