"""Optimizers on the problems of a family (protocol §8): each with its best λ, and with fresh state for each problem.

::

    setting = Setting(family=Quadratics(), seed=0, count=100, steps=100)
    found = compare(candidate, setting)
    found.rate, found.values  # λ, and f(θ_t) for t = 0 … T, (steps + 1, problems)

λ is the one of ``RATES`` with the least mean of the final f over validation problems. The compared problems come from a
stream of their own, which neither this choice nor any meta-training has seen. A learned optimizer takes its updates as
it was trained: nothing is tuned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.candidates import NamedOptimizer
from harness.contracts import ARITHMETIC, Candidate, Rule
from harness.seeds import derive_seed
from harness.space.expression import LANGUAGE_VERSION
from harness.tasks import machine
from harness.tasks.arithmetic import SEED, digest
from harness.tasks.child.device import checked, named
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.learned.lstm import CoordinateLstm
from harness.tasks.learned.meta.rollout import Networks, Rollout
from harness.tasks.learned.optimizer import LearnedCandidate, LearnedOptimizer
from harness.tasks.learned.problem import Family, Movable, Problems, placed
from harness.tasks.optimizer.building import optimizer_for

RATES = tuple(10 ** (half / 2) for half in range(-8, 3))
"""The λ that are tried, half a decade apart: from 0.0001 to 10."""
FRESH, VALIDATION = "compare", "compare validation"  # the streams that problems are drawn from
ELEMENTWISE = {
    *("torch:ASGD", "torch:Adadelta", "torch:Adagrad", "torch:Adam", "torch:AdamW", "torch:Adamax", "torch:NAdam"),
    *("torch:RAdam", "torch:RMSprop", "torch:Rprop", "torch:SGD", "nos:AddSign", "nos:PowerSign"),
}
"""Optimizers that treat every entry alike, as every rule does: they update all problems as one tensor."""
KEPT = "candidates that are done are kept"
NOISE_SIGMA = 0.01  # of the operand ``noise``, as in the protocols of children
SAMPLE_STEPS, SAMPLE_PROBLEMS = 3, 2  # of the fixed computation that the digest covers
CUDA_PROBLEMS = 128  # that a GPU takes at once, from as many draws as they need
Report = Callable[[int], None]
"""Called with the number of steps that were taken since the last call, each of one problem, or are not needed."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What candidates are compared on.

    Attributes:
        family: the family of problems.
        variant: the family's variant.
        seed: root seed of the problems.
        count: how many problems are compared on.
        steps: T, how many steps are taken on each.
        device: where to compute: ``cpu``, or ``cuda`` for a GPU.
    """

    family: Family
    variant: str = ""
    seed: int = 0
    count: int = 100
    steps: int = 100
    device: str = "cpu"

    @cached_property
    def place(self) -> torch.device:
        """The device.

        Raises:
            SettingError: this machine does not have it.
        """
        return checked(self.device)

    @cached_property
    def there(self) -> Family:
        """The family, whose problems compute on the device.

        Raises:
            SettingError: they compute on the processor alone.
        """
        return placed(self.family, self.place)

    @property
    def joins(self) -> bool:
        """Whether problems of several draws are optimized side by side, as is faster on a GPU."""
        return self.place.type != "cpu"

    @property
    def held_out(self) -> int:
        """How many validation problems choose λ."""
        return self.family.schedule.held_out

    @property
    def batch(self) -> int:
        """How many problems are drawn at once."""
        return self.family.schedule.batch

    def batches(self, stream: str, count: int) -> Iterator[Batch]:
        """Draw problems of a stream, some at once; a GPU gets those of several draws side by side."""
        drawn = self._drawn(stream, count)
        if not self.joins:
            yield from drawn
        while several := list(islice(drawn, max(1, CUDA_PROBLEMS // self.batch))):
            problems = cast(Movable, self.there).joined([each.problems for each in several])
            yield Batch(problems, sum(each.size for each in several), several[0].seed)

    def _drawn(self, stream: str, count: int) -> Iterator[Batch]:
        for number, first in enumerate(range(0, count, self.batch)):
            seed, size = derive_seed(self.seed, stream, number), min(self.batch, count - first)
            yield Batch(self.there.draw(seed, size, variant=self.variant), size, derive_seed(seed, "rule"))

    def work(self, candidate: Candidate) -> int:
        """Return how many steps a candidate takes in all, each of one problem."""
        tried = len(RATES) * self.held_out if tuned(candidate) else 0
        return (tried + self.count) * self.steps


@dataclass(frozen=True, slots=True)
class Batch:
    """Problems that lie in memory at once, their number, and the seed of the rules' random streams."""

    problems: Problems
    size: int
    seed: int


@dataclass(frozen=True, slots=True)
class Compared:
    """How a candidate did.

    Attributes:
        rate: the chosen λ; None for a learned optimizer.
        validation: each λ with the mean final f of the validation problems; infinite where a value was not finite.
        values: f(θ_t) for t = 0 … T, (steps + 1, problems), as float64 copies of float32 values.
    """

    rate: float | None
    validation: tuple[tuple[float, float], ...]
    values: NDArray[np.float64]


def tuned(candidate: Candidate) -> bool:
    """Whether a candidate's λ is chosen on validation problems: all but learned optimizers."""
    return not isinstance(candidate, LearnedCandidate)


def compare(candidate: Candidate, setting: Setting, *, report: Report = lambda _: None) -> Compared:
    """Choose a candidate's λ, and let it optimize fresh problems.

    Args:
        candidate: a rule, a learned optimizer, or another optimizer that can be built.
        setting: the problems.
        report: called as the work goes on; the sum of what it is told is ``setting.work(candidate)``.

    Raises:
        SettingError: the candidate cannot be built.
        EngineError: the machine has too little memory.
    """
    with machine.answerable("comparison", kept=KEPT), reproducible_arithmetic(setting.place):
        validation = _validated(candidate, setting, report) if tuned(candidate) else ()
        rate = min(validation, key=lambda each: each[1])[0] if validation else None
        found = []
        for batch in setting.batches(FRESH, setting.count):
            values = [each.double() for each in trace(batch, candidate, rate=rate or 1.0, steps=setting.steps)]
            found.append(torch.stack(values).cpu())
            report(batch.size * setting.steps)
        return Compared(rate, validation, torch.cat(found, 1).numpy())


def _validated(candidate: Candidate, setting: Setting, report: Report) -> tuple[tuple[float, float], ...]:
    """Return the mean final f at each λ; a λ is given up where a value is not finite."""
    sums = dict.fromkeys(RATES, 0.0)
    for batch in setting.batches(VALIDATION, setting.held_out):
        for rate in RATES:
            if math.isfinite(sums[rate]):
                values = trace(batch, candidate, rate=rate, steps=setting.steps)
                sums[rate] += _final(values, waits=setting.place.type != "cpu")
            report(batch.size * setting.steps)
    return tuple((rate, total / setting.held_out) for rate, total in sums.items())


def _final(values: Iterable[Tensor], *, waits: bool) -> float:
    """Return the sum over problems of the last values; infinite as soon as a value is not finite.

    Args:
        values: of each step in turn, (problems,).
        waits: whether all steps are taken before the first value is looked at, as a GPU needs not to be waited for.
    """
    last = math.inf
    sums = (each.double().sum() for each in values)
    for each in torch.stack(list(sums)).tolist() if waits else map(float, sums):
        last = each
        if not math.isfinite(last):
            return math.inf
    return last


def trace(batch: Batch, candidate: Candidate, *, rate: float, steps: int) -> Iterator[Tensor]:
    """Yield the values f(θ_t), (problems,), for t = 0 … steps.

    Args:
        batch: what is optimized, from its start.
        candidate: what takes the steps, with fresh state.
        rate: λ; a learned optimizer does not use it.
        steps: how many are taken.
    """
    problems = batch.problems
    if isinstance(candidate, LearnedCandidate):
        yield from _rolled_out(problems, _networks(candidate), steps)
        return
    weights = problems.start()
    optimized: list[_Optimized] = [_Whole(weights)]
    if not _elementwise(candidate):
        optimized = [_Row(weights, at, problems) for at in range(batch.size)]
    optimizers = [
        optimizer_for(candidate, each, rate, seed=batch.seed, noise_sigma=NOISE_SIGMA, total_steps=steps)
        for each in optimized
    ]
    for step in range(steps):
        values, gradient = problems.evaluate(weights, step)
        yield values
        for each, optimizer in zip(optimized, optimizers, strict=True):
            each.take(gradient)
            optimizer.step()
    yield problems.evaluate(weights, steps)[0]


def _elementwise(candidate: Candidate) -> bool:
    named = isinstance(candidate, NamedOptimizer) and f"{candidate.family}:{candidate.name}" in ELEMENTWISE
    return named or isinstance(candidate, Rule)


def _rolled_out(problems: Problems, networks: Networks, steps: int) -> Iterator[Tensor]:
    rollout = Rollout(problems, networks)
    for _ in range(steps):
        yield rollout.evaluate()[0]
        rollout.step()
    yield rollout.evaluate()[0]


class _Optimized(Protocol):
    """What one optimizer updates: ``tasks.optimizer.building.Weighted``, to which a gradient can be given."""

    @property
    def parameters(self) -> Sequence[Tensor]:
        """The tensors."""

    @property
    def layers(self) -> Sequence[Tensor]:
        """The same tensors, each in its layer's shape."""

    def take(self, gradient: Tensor) -> None:
        """Set the gradients of the tensors.

        Args:
            gradient: of all problems, (problems, parameters).
        """


class _Whole:
    """All problems as one tensor, for optimizers that treat every entry alike."""

    def __init__(self, weights: Tensor) -> None:
        self.parameters = self.layers = [weights]

    def take(self, gradient: Tensor) -> None:
        self.parameters[0].grad = gradient


class _Row:
    """One problem, layer by layer."""

    def __init__(self, weights: Tensor, row: int, problems: Problems) -> None:
        self._row, self._problems = row, problems
        self.parameters = self.layers = self._parts(weights)

    def _parts(self, whole: Tensor) -> list[Tensor]:
        sizes = [layer.size for layer in self._problems.layers]
        parts = whole[self._row].split(sizes)
        return [part.view(layer.shape) for part, layer in zip(parts, self._problems.layers, strict=True)]

    def take(self, gradient: Tensor) -> None:
        for parameter, part in zip(self.parameters, self._parts(gradient.contiguous()), strict=True):
            parameter.grad = part


def _networks(candidate: LearnedCandidate) -> Networks:
    """Return the LSTMs of a learned optimizer.

    Raises:
        SettingError: its weights are missing, or are no longer those of its record.
    """
    built = candidate.build([torch.zeros(1)], learning_rate=1.0)
    assert isinstance(built, LearnedOptimizer), "a learned candidate builds a learned optimizer"
    return built.weights.networks


def environment(setting: Setting) -> Mapping[str, str]:
    """Return what values depend on besides setting and candidate: versions, and a digest of what they do not reveal."""
    with machine.answerable("comparison", kept=KEPT), reproducible_arithmetic(setting.place):
        arithmetic = digest(_sample(setting))
    return {
        "comparison": "1",
        "language": str(LANGUAGE_VERSION),
        "torch": str(torch.__version__),
        "device": named(setting.place),
        "cpu capability": torch.backends.cpu.get_cpu_capability(),
        "threads": "1",
        ARITHMETIC: arithmetic,
    }


def _sample(setting: Setting) -> Iterator[Tensor]:
    """Yield the values of a few steps of a rule and of an untrained learned optimizer on two problems."""
    family, seed = setting.there, derive_seed(SEED, "compare sample")
    problems = family.draw(seed, SAMPLE_PROBLEMS, variant=setting.variant)
    yield from trace(Batch(problems, SAMPLE_PROBLEMS, seed), Rule.parse("adam"), rate=0.01, steps=SAMPLE_STEPS)
    networks = {kind: CoordinateLstm(family.architecture, seed=SEED) for kind in family.kinds}
    yield from _rolled_out(problems, networks, SAMPLE_STEPS)
