"""Meta-training ([L2L] §3, protocol §8): Adam on φ, over truncated unrolls; λ by random search; the best by validation.

::

    plan, to = Plan(header=header, schedule=family.schedule), Path("mine.safetensors")
    trained = train(family, plan, unfinished(plan, to=to, threads=2), to=to)

All randomness of a batch follows from the seed and the batch's number, and everything else is saved after every
validation: a training that was killed goes on to the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from harness.seeds import derive_seed
from harness.tasks import machine
from harness.tasks.child.device import checked, named
from harness.tasks.child.training import CPU, reproducible_arithmetic
from harness.tasks.learned.lstm import CoordinateLstm
from harness.tasks.learned.meta.partial import Partial
from harness.tasks.learned.meta.rates import rates
from harness.tasks.learned.meta.rollout import Rollout, accumulate
from harness.tasks.learned.problem import NO_DECAY, Family, Schedule, placed, sent
from harness.tasks.learned.weights import FILES, Header, LearnedWeights, fresh, put, save, tensors
from harness.weight_files import Progress as Progress
from harness.weight_files import Report
from harness.weight_files import StoppedTraining as StoppedTraining

UNROLL = 20  # steps between two steps of the meta-optimizer ([L2L] §3)
HELD_OUT = "held out"  # the stream of validation problems, which is the same for every seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What decides the trained weights, besides the machine.

    Attributes:
        header: family, data, seed, architecture; what is found out later is filled in at the end.
        schedule: how long to train.
        variant: the family's variant.
    """

    header: Header
    schedule: Schedule
    variant: str = ""

    def agreeing(self, tried: Iterable[float]) -> dict[str, object]:
        """Return what a training saved under a plan must agree with to go on, for JSON.

        That includes the environment, since another one rounds otherwise; not the commit, which is no reason to lose
        hours. A choice that older files do not know counts only if it is made.
        """
        header = {name: value for name, value in asdict(self.header).items() if name not in ("commit", "schedule")}
        later = {"rate": 0.0, "decay": NO_DECAY}
        schedule = {name: value for name, value in asdict(self.schedule).items() if value != later.get(name)}
        return {"header": header, "schedule": schedule, "variant": self.variant, "rates": list(tried)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training came to.

    Attributes:
        weights: those with the best validation.
        trials: the λ that were tried, each with the best validation of its trial.
        seconds: how long it took, over all processes.
    """

    weights: LearnedWeights
    trials: tuple[tuple[float, float], ...]
    seconds: float


@dataclass(slots=True)
class Learner:
    """Weights in training, with the state of their meta-optimizer."""

    networks: dict[str, CoordinateLstm]
    rate: float
    adam: torch.optim.Adam = field(init=False)

    def __post_init__(self) -> None:
        weights = [weight for network in self.networks.values() for weight in network.parameters()]
        self.adam = torch.optim.Adam(weights, lr=self.rate)

    def state(self) -> dict[str, Tensor]:
        """Return copies of all weights and of Adam's state."""
        found = tensors(self.networks)
        for index, state in self.adam.state_dict()["state"].items():
            found |= {f"adam.{index}.{name}": value.detach().cpu().clone() for name, value in state.items()}
        return found

    def use(self, rate: float) -> None:
        """Take the next steps with a learning rate."""
        for group in self.adam.param_groups:
            group["lr"] = rate

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state`` returned."""
        put(self.networks, state)
        saved = self.adam.state_dict()
        saved["state"] = {}
        for name, value in state.items():
            if name.startswith("adam."):
                _, index, entry = name.split(".")
                saved["state"].setdefault(int(index), {})[entry] = value.clone()
        self.adam.load_state_dict(saved)


class MetaTraining:
    """One meta-training; ``run`` goes on from the file that the last process left.

    Args:
        family: what to train on.
        plan: how.
        partial: where the training is saved.
        report: as ``Report``.
        device: where to compute.

    Raises:
        SettingError: the family computes on the processor alone.
    """

    def __init__(
        self, family: Family, plan: Plan, *, partial: Partial, report: Report, device: torch.device = CPU
    ) -> None:
        self._family, self._device = placed(family, device), device
        self._plan, self._partial, self._report = plan, partial, report
        self._steps = family.variants[plan.variant].steps
        self._rates = rates(plan.schedule, seed=plan.header.seed)
        self._held_out = self._family.draw(derive_seed(0, HELD_OUT), plan.schedule.held_out, variant=plan.variant)

    @property
    def total(self) -> int:
        """Batches that the search for λ and the training draw, unless it stops early."""
        schedule = self._plan.schedule
        return schedule.trial * (len(self._rates) - 1) + schedule.draws

    def run(self) -> Trained:
        """Train to the end, and return the weights with the best validation.

        Raises:
            StoppedTraining: the user asked to stop.
        """
        schedule, partial = self._plan.schedule, self._partial
        while len(partial.trials) < len(self._rates):
            self._train(self._rates[len(partial.trials)], until=schedule.trial)
            partial.end_trial()
        rate = self._rates[partial.chosen]
        partial.go_on()
        self._train(rate, until=schedule.draws)
        networks = fresh(self._plan.header)
        put(networks, partial.best_weights)
        drawn = partial.drawn * schedule.batch
        environment = f"{self._plan.header.environment}, threads {partial.threads}".removeprefix(", ")
        header = replace(
            self._plan.header,
            examples=drawn,
            learning_rate=rate,
            validation=partial.best,
            skipped=partial.skipped,
            environment=environment,
            schedule=schedule,
        )
        return Trained(
            weights=LearnedWeights(header, networks),
            trials=tuple(zip(self._rates, partial.trials, strict=True)),
            seconds=partial.seconds,
        )

    def _train(self, rate: float, *, until: int) -> None:
        """Train with one λ from where the file says up to a number of batches, or to the early stop."""
        schedule, partial = self._plan.schedule, self._partial
        learner = Learner({kind: each.to(self._device) for kind, each in fresh(self._plan.header).items()}, rate)
        if partial.current:
            learner.load(partial.current)
        note = f"λ {rate:.2g}" if partial.going_on else f"λ {rate:.2g}, {len(partial.trials) + 1} of {len(self._rates)}"
        while partial.batch < until and partial.waited < schedule.patience:
            began = time.monotonic()
            learner.use(schedule.decayed(rate, partial.batch))
            self._batch(learner, partial.batch)
            partial.count()
            validates = partial.batch % schedule.every == 0 or partial.batch == until
            if validates:
                partial.validated(self._validate(learner), tensors(learner.networks))
            partial.seconds += time.monotonic() - began
            stops = self._report(Progress(partial.drawn, self.total, partial.best, note))
            if validates or stops:
                partial.current = learner.state()
                partial.save()
            if stops:
                raise StoppedTraining

    def _batch(self, learner: Learner, number: int) -> None:
        """Train on one batch of problems: truncated unrolls, a step of Adam after each."""
        plan = self._plan
        seed = derive_seed(plan.header.seed, "batch", number)
        problems = self._family.draw(seed, plan.schedule.batch, variant=plan.variant)
        rollout = Rollout(problems, learner.networks)
        for first in range(0, self._steps, UNROLL):
            _, recorded = rollout.unroll(min(UNROLL, self._steps - first))
            learner.adam.zero_grad()
            for kind, each in recorded.items():
                chosen = self._chosen(each.gradients.shape[1], derive_seed(seed, "coordinates", kind, first))
                accumulate(learner.networks[kind], each, weight=1 / plan.schedule.batch, chosen=chosen)
            if finite(learner.networks.values()):
                learner.adam.step()
                rollout.use(learner.networks)
            else:
                self._partial.skipped += 1

    def _chosen(self, count: int, seed: int) -> Tensor | None:
        """Return which coordinates to differentiate, each at most once; None for all."""
        wanted = self._plan.schedule.coordinates
        if not wanted or wanted >= count:
            return None
        drawn = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:wanted]
        return sent(drawn, self._device)

    def _validate(self, learner: Learner) -> float:
        """Return the mean of f over the steps of the held-out problems; infinite if it is not finite."""
        rollout = Rollout(self._held_out, learner.networks)
        sums = torch.zeros((), dtype=torch.float64, device=self._device)  # nothing waits for the GPU before the end
        for _ in range(self._steps):
            rollout.step()
            sums += rollout.evaluate()[0].double().mean()
        total = float(sums)
        return total / self._steps if math.isfinite(total) else math.inf


def finite(networks: Iterable[CoordinateLstm]) -> bool:
    """Whether the gradients of all weights are finite; those of an LSTM that updates nothing are absent."""
    gradients = [weight.grad for network in networks for weight in network.parameters() if weight.grad is not None]
    return not gradients or bool(torch.stack([gradient.isfinite().all() for gradient in gradients]).all())


def described(device: str) -> str:
    """Return what the environment says of a device: nothing of the processor, which it names anyway; a GPU's name.

    Raises:
        SettingError: this machine does not have the device.
    """
    place = checked(device)
    return "" if place.type == "cpu" else named(place)


@contextmanager
def arithmetic(threads: int, device: torch.device = CPU) -> Iterator[None]:
    """Compute reproducibly on some threads, or on a GPU: with as many, or on an equal one, the same bits.

    Raises:
        EngineError: the machine ran out of memory.
    """
    kept = "it goes on from its last validation"
    with machine.answerable("learned optimizer", kept=kept), reproducible_arithmetic(device):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def partial_of(to: Path) -> Path:
    """Return where the unfinished training of a file of weights is saved."""
    return to.with_name(f"{to.name}.partial")


def shortened(schedule: Schedule, batches: int) -> Schedule:
    """Return a schedule that trains the chosen λ for another number of batches, and tries each λ for no more."""
    trial = min(schedule.trial, batches)
    return replace(schedule, draws=batches, trial=trial, every=min(schedule.every, trial))


def unfinished(plan: Plan, *, to: Path, threads: int) -> Partial:
    """Return the unfinished training of a file of weights, or a new one.

    Args:
        plan: how to train.
        to: the file of weights; the unfinished training lies beside it, in ``<to>.partial``.
        threads: torch's threads; an unfinished training goes on with those that it began with.

    Raises:
        SettingError: the unfinished training is another one, or damaged.
    """
    tried = rates(plan.schedule, seed=plan.header.seed)
    return Partial.open(partial_of(to), plan.agreeing(tried), threads=threads)


def train(
    family: Family,
    plan: Plan,
    partial: Partial,
    *,
    to: Path,
    report: Report = lambda _: False,
    device: str = "cpu",
) -> Trained:
    """Train a learned optimizer from where a file says, and write the weights to a file.

    Args:
        family: the problems to train on.
        plan: how.
        partial: what ``unfinished`` returned for this plan.
        to: the file to write.
        report: as ``Report``.
        device: where to compute: ``cpu``, or ``cuda`` for a GPU.

    Raises:
        SettingError: a file cannot be written, or the machine or the family does not have the device.
        StoppedTraining: the report said so.
    """
    place = checked(device)
    with arithmetic(partial.threads, place):
        trained = MetaTraining(family, plan, partial=partial, report=report, device=place).run()
    FILES.check_free(to, trained.weights.hash)
    save(trained.weights, to)
    partial.delete()
    return trained
