"""Meta-training ([L2L-BB] §2, protocol §9): Adam on draws of a Gaussian process, over longer and longer horizons.

The weights with the best validation are kept::

    plan, to = Plan(architecture=Architecture(dimensions=2), loss="oi", seed=0), Path("mine.safetensors")
    trained = train(plan, unfinished(plan, to=to, threads=1), to=to)

All randomness of a batch follows from the seed and the batch's number, and everything else is saved after every
validation: a training that was killed goes on, on a processor to the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from harness.contracts import CPU
from harness.errors import EngineError, SettingError, message
from harness.machine import check_device
from harness.searchers.box.learned.architecture import Architecture
from harness.searchers.box.learned.meta.draws import JITTER, LENGTHSCALE
from harness.searchers.box.learned.meta.losses import Loss, least, loss_of
from harness.searchers.box.learned.meta.partial import Partial
from harness.searchers.box.learned.meta.repeated import Repeated
from harness.searchers.box.learned.meta.rollout import Batch, unroll
from harness.searchers.box.learned.network import Network
from harness.searchers.box.learned.weights import FILES, Header, LearnedWeights, save
from harness.seeds import derive_seed
from harness.weight_files import Progress as Progress
from harness.weight_files import Report
from harness.weight_files import StoppedTraining as StoppedTraining

HORIZONS = ((0.4, 30), (0.95, 50), (1.0, 100))  # steps of an unroll up to each part of the batches (**D**)
WARM_UP = 0.03  # part of the batches until the learning rate is at its height (**D**)
HELD_OUT = "held out"  # the stream of validation draws, which is the same for every seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long to train, and how (**D**: the paper has Adam and a curriculum, without numbers).

    Attributes:
        batches: batches of draws.
        draws: draws in a batch.
        rate: Adam's highest learning rate; it grows linearly over a part of the batches, then falls linearly to zero.
        clip: the most that the norm of a gradient may be.
        every: batches between validations.
        held_out: draws to validate on.
        patience: validations of the last horizon without improvement that end the training.
    """

    batches: int = 10_000
    draws: int = 128
    rate: float = 3e-3
    clip: float = 0.5
    every: int = 100
    held_out: int = 512
    patience: int = 20

    def steps(self, batch: int) -> int:
        """Return the horizon of a batch, by its number."""
        return next(steps for part, steps in HORIZONS if batch < part * self.batches)

    def rate_of(self, batch: int) -> float:
        """Return the learning rate of a batch, by its number."""
        warm = (batch + 1) / (WARM_UP * self.batches)
        return self.rate * (1 - batch / self.batches) * min(1.0, warm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What decides the trained weights, besides the machine.

    Attributes:
        architecture: of the network.
        loss: what is minimized.
        seed: decides the initial weights and the draws.
        schedule: how long to train.
        device: where, as torch names it.
        environment: versions, processor and GPU, in words; another one rounds differently.
        commit: revision of the harness, empty if unknown.
        start: weights to begin with, whose architecture ``check_start`` accepts; None to draw them.
    """

    architecture: Architecture
    loss: Loss
    seed: int
    schedule: Schedule = field(default_factory=Schedule)
    device: str = CPU
    environment: str = ""
    commit: str = ""
    start: LearnedWeights | None = None

    @property
    def began(self) -> str:
        """The hash of the weights to begin with, empty for drawn ones."""
        return self.start.hash if self.start else ""

    def network(self) -> Network:
        """Return the network before its first batch."""
        network = Network(self.architecture, seed=self.seed)
        if self.start:
            network.begin_as(self.start.network)
        return network

    def agreeing(self) -> dict[str, object]:
        """Return what a training saved under a plan must agree with to go on, for JSON.

        It includes the environment on a processor alone: a GPU does not repeat its bits anyway, and the next free one
        may be of another model. The commit is no reason to lose hours, either.
        """
        place = self.environment if self.device == CPU else "a GPU"
        parts = {**asdict(self.architecture), **asdict(self.schedule)}
        decides = {"loss": self.loss, "seed": self.seed, "start": self.began, "environment": place}
        return {**decides, "horizons": [list(each) for each in HORIZONS], **parts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training came to.

    Attributes:
        weights: those with the best validation.
        batches: how many it was trained on.
        seconds: how long it took, over all processes.
    """

    weights: LearnedWeights
    batches: int
    seconds: float


Gradient = tuple[Tensor, list[Tensor]]
"""The norm of a gradient, and the gradient by each weight."""


class MetaTraining:
    """One meta-training; ``run`` goes on from the file that the last process left.

    Args:
        plan: how to train.
        partial: where the training is saved.
        report: as ``Report``.
    """

    def __init__(self, plan: Plan, *, partial: Partial, report: Report) -> None:
        self._plan, self._partial, self._report = plan, partial, report
        self._device = torch.device(plan.device)
        self._network = plan.network().to(self._device)
        self._adam = torch.optim.Adam(self._network.parameters(), lr=plan.schedule.rate)
        longest = HORIZONS[-1][1]
        self._held_out = self._draw(derive_seed(0, HELD_OUT), plan.schedule.held_out, longest)
        self._gradient: tuple[int, Repeated[Gradient]] | None = None  # of one horizon
        self._validation = Repeated(self._mean_least, self._device)

    def run(self) -> Trained:
        """Train to the end, and return the weights with the best validation.

        Raises:
            StoppedTraining: the user asked to stop.
        """
        schedule, partial = self._plan.schedule, self._partial
        self._load(partial.current)
        while partial.batch < schedule.batches and partial.waited < schedule.patience:
            began = time.monotonic()
            steps = schedule.steps(partial.batch)
            self._train(partial.batch, steps)
            partial.batch += 1
            validates = partial.batch % schedule.every == 0 or partial.batch == schedule.batches
            if validates:
                partial.validated(self._validate(), self._weights(), last=steps == HORIZONS[-1][1])
            partial.seconds += time.monotonic() - began
            stops = self._report(Progress(partial.batch, schedule.batches, partial.best, f"{steps} steps"))
            if validates or stops:
                partial.current = self._weights() | self._adam_state()
                partial.save()
            if stops:
                raise StoppedTraining
        return self._trained()

    def _draw(self, seed: int, count: int, steps: int) -> Batch:
        return Batch.draw(seed, count, steps, parallel=self._plan.architecture.parallel, device=self._device)

    def _train(self, number: int, steps: int) -> None:
        """Train on one batch of draws."""
        plan, schedule = self._plan, self._plan.schedule
        batch = self._draw(derive_seed(plan.seed, "batch", number), schedule.draws, steps)
        if self._gradient is None or self._gradient[0] != steps:
            self._gradient = None  # so that a GPU need not hold two horizons
            self._gradient = steps, Repeated(self._clipped, self._device)
        norm, gradients = self._gradient[1](batch)
        if bool(norm.isfinite()):  # the only place that waits for the device
            for weight, gradient in zip(self._network.parameters(), gradients, strict=True):
                weight.grad = gradient
            for group in self._adam.param_groups:
                group["lr"] = schedule.rate_of(number)
            self._adam.step()
        else:
            self._partial.skipped += 1

    def _clipped(self, batch: Batch) -> Gradient:
        """Return the norm of the gradient on a batch, and the gradient by each weight, clipped."""
        weights = list(self._network.parameters())
        loss = loss_of(self._plan.loss, unroll(self._network, batch))
        gradients = torch.autograd.grad(loss, weights)
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in gradients]))
        scale = (self._plan.schedule.clip / (norm + 1e-6)).clamp(max=1)
        return norm, [each * scale for each in gradients]

    def _validate(self) -> float:
        """Return the mean least value over all steps of held-out draws; infinite if it is not finite."""
        found = float(self._validation(self._held_out))
        return found if math.isfinite(found) else math.inf

    @torch.no_grad()
    def _mean_least(self, batch: Batch) -> Tensor:
        return least(unroll(self._network, batch).values)[:, -1].mean()

    def _weights(self) -> dict[str, Tensor]:
        """Return copies of all weights."""
        return {name: _kept(weight) for name, weight in self._network.named_parameters()}

    def _adam_state(self) -> dict[str, Tensor]:
        states = self._adam.state_dict()["state"].items()
        return {f"adam.{index}.{name}": _kept(value) for index, state in states for name, value in state.items()}

    def _load(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``_weights`` and ``_adam_state`` returned, or begin."""
        if not state:
            return
        _put(self._network, state)
        saved = self._adam.state_dict()
        saved["state"] = {}
        for name, value in state.items():
            if name.startswith("adam."):
                _, index, entry = name.split(".")
                saved["state"].setdefault(int(index), {})[entry] = value.clone()
        self._adam.load_state_dict(saved)

    def _trained(self) -> Trained:
        plan, partial = self._plan, self._partial
        network = Network(plan.architecture, seed=plan.seed)
        _put(network, partial.best_weights)
        header = Header(
            architecture=plan.architecture,
            loss=plan.loss,
            kernel=f"rbf, lengthscale {LENGTHSCALE}, variance 1, jitter {JITTER}",
            seed=plan.seed,
            draws=partial.batch * plan.schedule.draws,
            validation=partial.best,
            skipped=partial.skipped,
            commit=plan.commit,
            environment=f"{plan.environment}, threads {partial.threads}".removeprefix(", "),
            start=plan.began,
        )
        return Trained(weights=LearnedWeights(header, network), batches=partial.batch, seconds=partial.seconds)


def _kept(value: Tensor) -> Tensor:
    return value.detach().to("cpu", copy=True)


@torch.no_grad()
def _put(network: Network, state: dict[str, Tensor]) -> None:
    for name, weight in network.named_parameters():
        weight.copy_(state[name])


@contextmanager
def arithmetic(threads: int) -> Iterator[None]:
    """Compute on some threads, and turn failures of the machine into one line.

    Raises:
        EngineError: the machine ran out of memory, or its GPU failed.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, torch.AcceleratorError) as cause:
        got = f"{type(cause).__name__}: {cause}"
        hint = "Free memory or repair the GPU, then run the same command again to resume from the last validation"
        raise EngineError(message("meta-training", expected="a machine that can run it", got=got, hint=hint)) from cause
    finally:
        torch.set_num_threads(before)


def device_of(name: str) -> tuple[str, str]:
    """Return a device as torch names it, and what identifies it in records.

    Raises:
        SettingError: the text names no device, or this machine does not have it.
    """
    check_device(name)
    if name == CPU:
        return name, ""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device(name)
    if (device.index or 0) >= count:
        got = f"{name!r} where torch {torch.__version__} finds {count or 'no'} GPU{'s' if count != 1 else ''}"
        hint = "Install a torch built for this machine's CUDA, or leave out --device"
        raise SettingError(message("device", expected="cpu, or cuda if there is a GPU", got=got, hint=hint))
    return str(device), f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"


def check_start(start: LearnedWeights, architecture: Architecture, path: Path) -> None:
    """Raise unless a training may begin with the weights of a file.

    Raises:
        SettingError: they are of other sizes, or of a memory that the network does not have.
    """
    found = start.header.architecture
    for name, expected in asdict(architecture).items():
        got = getattr(found, name)
        adds_memory = (expected, got) == ("dnc", "lstm")  # whose sizes an LSTM does not have
        if got != expected and not adds_memory:
            hint = "Name weights of the same sizes; a dnc may also begin with those of an lstm"
            raise SettingError(message(f"start {path}", expected=f"{name} {expected}", got=got, hint=hint))


def partial_of(to: Path) -> Path:
    """Return where the unfinished training of a file of weights is saved."""
    return to.with_name(f"{to.name}.partial")


def unfinished(plan: Plan, *, to: Path, threads: int) -> Partial:
    """Return the unfinished training of a file of weights, or a new one.

    Args:
        plan: how to train.
        to: the file of weights; the unfinished training lies beside it, in ``<to>.partial``.
        threads: torch's threads; an unfinished training goes on with those that it began with.

    Raises:
        SettingError: the unfinished training is another one, or damaged.
    """
    return Partial.open(partial_of(to), plan.agreeing(), threads=threads)


def train(plan: Plan, partial: Partial, *, to: Path, report: Report = lambda _: False) -> Trained:
    """Train from where a file says, and write the weights to a file.

    Args:
        plan: how to train.
        partial: what ``unfinished`` returned for this plan.
        to: the file to write.
        report: as ``Report``.

    Raises:
        SettingError: a file cannot be written.
        EngineError: the machine ran out of memory, or its GPU failed.
        StoppedTraining: the report said so.
    """
    with arithmetic(partial.threads):
        trained = MetaTraining(plan, partial=partial, report=report).run()
    FILES.check_free(to, trained.weights.hash)
    save(trained.weights, to)
    partial.delete()
    return trained
