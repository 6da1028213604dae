"""The base of every workload's task: a candidate's child, on the child's schedule, saved after every epoch."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from harness.checkpoints import checkpoint
from harness.contracts import ARITHMETIC, Candidate, Dataset, Outcome, Status
from harness.errors import DataError, EngineError, ProtocolError, message
from harness.seeds import derive_seed
from harness.space.expression import LANGUAGE_VERSION
from harness.tasks import machine
from harness.tasks.arithmetic import SEED, STEPS, digest, rules
from harness.tasks.child.device import checked, named
from harness.tasks.child.memory import keep_freed_memory
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.optimizer.building import optimizer_for
from harness.tasks.sweep import epochs_of
from harness.tasks.transfer.saving import Checkpoint
from harness.tasks.transfer.schedule import Resumable, train
from harness.tasks.transfer.training import Training
from harness.tasks.transfer.workload import Workload, WorkloadProtocol

Watch = Callable[[int, int], None]
SAMPLE_RULE = 0  # of the rules of ``harness.tasks.arithmetic``: the one whose steps the digest covers


class WorkloadTask(ABC):
    """Score candidates by what they train on a workload.

    A workload defines ``name``, ``version`` and ``prepare``; everything else is here.

    Args:
        protocol: how to score candidates.
        data: where the examples come from.
        watch: called with (examples done, examples in all) after every epoch of the child in training; diverged
            trainings count in full.
        test: whether to score the test examples, too.
        candidates: whether to train other candidates than rules, too; they train as rules do.
        device: where to train, as torch names it.
        checkpoints: the folder in which a child is saved after every epoch, and from which it goes on; None to save
            nothing.

    Raises:
        ProtocolError: the protocol has rungs, or does not fit the data.
        SettingError: there is no such device here.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    check_device = staticmethod(checked)

    def __init__(
        self,
        protocol: WorkloadProtocol,
        data: Dataset,
        *,
        watch: Watch | None = None,
        test: bool = False,
        candidates: bool = False,  # noqa: ARG002 - all candidates train alike, so nothing more is pinned
        device: str = "cpu",
        checkpoints: Path | None = None,
    ) -> None:
        if protocol.rungs:
            hint = "Leave them out: a workload trains every λ for an epoch"
            what = f"rungs of protocol {protocol.name!r}"
            raise ProtocolError(message(what, expected="none", got=protocol.rungs, hint=hint))
        self.protocol = protocol
        self.data = data
        self.test = test
        self.device = checked(device)
        self._watch = watch
        self._checkpoints = checkpoints
        self._workload: Workload | None = None
        self._digest = ""

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_workload": None, "_watch": None}

    @abstractmethod
    def prepare(self) -> Workload:
        """Return what all networks of a process share, on ``self.device``; called once in a process.

        Raises:
            HarnessError: the protocol does not fit the data, or a library is missing.
        """

    @property
    def workload(self) -> Workload:
        """What all networks of this process share."""
        if self._workload is None:
            keep_freed_memory()
            with reproducible_arithmetic(self.device):
                self._workload = self.prepare()
        return self._workload

    @property
    def environment(self) -> Mapping[str, str]:
        """What else a score depends on: names, and a digest of what they do not reveal, computed at the first call."""
        if not self._digest:
            with machine.answerable(), reproducible_arithmetic(self.device):
                self._digest = digest(self.sample())
        return {
            "task": f"{self.name} {self.version}",
            "language": str(LANGUAGE_VERSION),
            "torch": str(torch.__version__),
            "device": named(self.device),
            "cpu capability": torch.backends.cpu.get_cpu_capability(),
            "threads": "1",
            **self.workload.environment,
            ARITHMETIC: self._digest,
            **({"test examples": "scored"} if self.test else {}),
        }

    def sample(self) -> Iterator[Tensor | float]:
        """Yield losses and weights of a fixed network's first steps, computed as every child's are."""
        network = self.workload.start(derive_seed(SEED, "weights"))
        optimizer = optimizer_for(rules()[SAMPLE_RULE], network, 0.001, seed=SEED, noise_sigma=0.01)
        for step, loss in enumerate(network.losses(0)):
            yield loss
            optimizer.step()
            if step + 1 == STEPS:
                break
        yield from network.parameters

    def evaluate(self, rules: Sequence[Candidate], *, seed: int) -> Sequence[Outcome]:
        """Score each candidate by the sweep and the epochs at the best λ, from the weights and batches of ``seed``.

        Returns:
            An outcome for each; ERROR, with the message, if training raised an error that the candidate may have
            caused.

        Raises:
            EngineError: the machine failed: it has no memory or room left, or its GPU is gone.
            DataError: an example that is read while training is damaged.
        """
        with machine.answerable():
            return [self._score(rule, seed) for rule in rules]

    def _score(self, candidate: Candidate, seed: int) -> Outcome:
        protocol, workload, saving = self.protocol, self.workload, self._checkpoint(candidate, seed)
        total = round(epochs_of(protocol) * workload.examples)
        consumed, planned = [0], [0]

        def report(examples: int, of: int) -> None:
            consumed.append(examples)
            planned.append(of)
            if self._watch is not None:
                self._watch(min(sum(planned), total), total)

        began = time.perf_counter()
        try:
            with reproducible_arithmetic(self.device):
                return train(
                    protocol,
                    lambda rate: self.training(candidate, rate, seed=seed, report=report),
                    test=self.test,
                    saved=None if saving is None else saving.read(),
                    save=(lambda _: None) if saving is None else saving.write,
                )
        except Exception as cause:  # a bad rule must not end a transfer, whatever it breaks
            if machine.failed(cause) or isinstance(cause, EngineError | DataError):
                raise
            return Outcome(
                status=Status.ERROR,
                score=protocol.chance,
                learning_rate=None,
                examples=sum(consumed),
                seconds=time.perf_counter() - began,
                message=f"{type(cause).__name__}: {cause}",
                test=protocol.chance if self.test else None,
            )

    def training(
        self, candidate: Candidate, rate: float, *, seed: int, report: Callable[[int, int], None]
    ) -> Resumable:
        """Return the child at one λ, ready to train; a workload with more to sweep than λ overrides it."""
        return Training(candidate, rate, workload=self.workload, protocol=self.protocol, seed=seed, report=report)

    def _checkpoint(self, candidate: Candidate, seed: int) -> Checkpoint | None:
        if self._checkpoints is None:
            return None
        path = checkpoint(self._checkpoints, self.protocol, candidate, data=self.data.fingerprint, seed=seed)
        return Checkpoint(path, self.environment)
