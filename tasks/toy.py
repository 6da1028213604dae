"""Noisy quadratics in milliseconds a rule: for tests, and for comparing searchers cheaply ([L2L] §3.1).

::

    outcomes = QuadraticTask(protocol).evaluate([Rule.parse("g")], seed=0)
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.contracts import ChildProtocol, Dataset, Outcome, Rule, Status
from harness.errors import ProtocolError, check_choice
from harness.race.seeds import derive_seed
from harness.space.expression import LANGUAGE_VERSION
from tasks.sweep import sweep_then_train
from tasks.update_rule import RuleOptimizer

PROBLEMS = 8
DIMENSIONS = 10  # of each problem, as in [L2L] §3.1
WORST_CONDITION = 1e3  # of the last problem; the first is a sphere, those between are spaced evenly by logarithm
GRADIENT_NOISE = 1.0  # standard deviation of one example's gradient around the mean (**D**)
STRETCH = 0.25  # a loss cut to 1/10,000 scores 0.9 (**D**)
DTYPES = {"float32": torch.float32, "float64": torch.float64}


class QuadraticTask:
    """Score rules on noisy quadratics of mixed conditioning, with the child's schedule (protocol §2).

    Eight problems f(w) = ½(w−w*)ᵀA(w−w*) are trained together with one λ. An example is a gradient that differs from
    the mean one by a fixed Gaussian vector; the vectors of an epoch sum to 0. The score is the mean over problems of
    1 − min(1, f/f₀)^¼, measured without noise: 0 for no progress, 1 at the minimum (**D**).

    Args:
        protocol: sizes, λs and epochs; ``validation_examples`` has no meaning here.
        data: not used; the problems follow from the seed.

    Raises:
        ProtocolError: the protocol's dtype is not float32 or float64.
    """

    version = 1

    def __init__(self, protocol: ChildProtocol, data: Dataset | None = None) -> None:
        check_choice("dtype of the toy task", protocol.dtype, DTYPES, error=ProtocolError)
        self.protocol = protocol
        self.data = data

    @property
    def environment(self) -> Mapping[str, str]:
        """What a score depends on besides protocol and seed; it always runs on one thread."""
        return {
            "task": f"toy-quadratic {self.version}",
            "language": str(LANGUAGE_VERSION),
            "torch": torch.__version__,
            "cpu capability": torch.backends.cpu.get_cpu_capability(),
            "device": "cpu",
        }

    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        """Score each rule on the problems of ``seed``; a rule that cannot run is an ERROR outcome."""
        with _one_thread():
            landscape = Landscape.of(self.protocol, seed)
            return [self._outcome(rule, landscape, seed) for rule in rules]

    def _outcome(self, rule: Rule, landscape: Landscape, seed: int) -> Outcome:
        began = time.perf_counter()
        try:
            stack = Stack(self.protocol, rule, landscape, seed)
            rows = {rate: row for row, rate in enumerate(self.protocol.learning_rates)}
            return sweep_then_train(self.protocol, lambda rate: QuadraticRun(stack, rows[rate]))
        except Exception as error:  # law 2: whatever a rule does, it is an outcome
            return Outcome(
                status=Status.ERROR,
                score=self.protocol.chance,
                learning_rate=None,
                examples=0,
                seconds=time.perf_counter() - began,
                message=f"{type(error).__name__}: {error}".replace("\n", " "),
            )


@dataclass(frozen=True, slots=True)
class Landscape:
    """The problems and their batches for one seed.

    Attributes:
        curvature: the matrices A, (problems, dimensions, dimensions).
        minimum: the solutions w*, (problems, dimensions).
        start: w − w* before the first step, (problems, dimensions).
        deviations: each batch's gradient less the mean one, (epochs, steps, problems, dimensions).
        first_loss: f₀ of each problem, (problems,).
    """

    curvature: Tensor
    minimum: Tensor
    start: Tensor
    deviations: Tensor
    first_loss: Tensor

    @classmethod
    def of(cls, protocol: ChildProtocol, seed: int) -> Landscape:
        """Draw the landscape of a seed, in float64, and round it to the protocol's dtype."""

        def stream(*path: str | int) -> torch.Generator:
            return torch.Generator().manual_seed(derive_seed(seed, "toy-quadratic", *path))

        def normal(generator: torch.Generator, *shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        problems = stream("problems")
        rotation, _ = torch.linalg.qr(normal(problems, PROBLEMS, DIMENSIONS, DIMENSIONS))
        condition = torch.logspace(0, math.log10(WORST_CONDITION), PROBLEMS, dtype=torch.float64)
        spectrum = condition[:, None] ** -torch.linspace(0, 1, DIMENSIONS, dtype=torch.float64)
        curvature = rotation * spectrum[:, None, :] @ rotation.mT
        minimum, start = normal(problems, 2, PROBLEMS, DIMENSIONS)

        steps = protocol.train_examples // protocol.batch_size
        noise = GRADIENT_NOISE * normal(stream("examples"), protocol.train_examples, PROBLEMS, DIMENSIONS)
        noise -= noise.mean(0)
        deviations = []
        for epoch in range(protocol.epochs):
            order = torch.randperm(protocol.train_examples, generator=stream("batches", epoch))
            batches = noise[order[: steps * protocol.batch_size]]
            deviations.append(batches.view(steps, protocol.batch_size, PROBLEMS, DIMENSIONS).mean(1))
        first_loss = 0.5 * torch.einsum("pi,pij,pj->p", start, curvature, start)
        parts = (curvature, minimum, start, torch.stack(deviations), first_loss)
        return cls(*(part.to(DTYPES[protocol.dtype]) for part in parts))


class Stack:
    """One rule descending a landscape at every λ of the sweep, as one tensor of weights (problems, rates, dimensions).

    Rules are element-wise, so rows do not touch each other, not even where one diverges. Epochs are trained when a run
    first asks for them.
    """

    def __init__(self, protocol: ChildProtocol, rule: Rule, landscape: Landscape, seed: int) -> None:
        self.landscape = landscape
        self.batch_size = protocol.batch_size
        rates = torch.tensor(protocol.learning_rates, dtype=landscape.start.dtype)
        self.minimum = landscape.minimum[:, None, :]
        self.weights = self.minimum + landscape.start[:, None, :].repeat(1, len(rates), 1)
        self.optimizer = RuleOptimizer(
            [self.weights],
            rule,
            rates[:, None],
            noise_sigma=protocol.noise_sigma,
            seed=derive_seed(seed, "toy-quadratic", "rule"),
        )
        self.epochs: list[list[EpochResult]] = []

    def result(self, epoch: int, row: int) -> EpochResult:
        """What the run in a row has achieved in an epoch, counted from 0."""
        while len(self.epochs) <= epoch:
            self.epochs.append(self._train(self.landscape.deviations[len(self.epochs)]))
        return self.epochs[epoch][row]

    def _train(self, deviations: Tensor) -> list[EpochResult]:
        """Take one step a batch, in every row; ``deviations`` has the shape (steps, problems, dimensions)."""
        curvature = self.landscape.curvature
        sums = torch.empty(len(deviations), self.weights.shape[1], dtype=self.weights.dtype)
        for step, deviation in enumerate(deviations.unbind()):
            offset = self.weights - self.minimum
            slope = torch.bmm(offset, curvature)
            torch.sum(slope * offset, (0, 2), out=sums[step])
            self.weights.grad = slope.add_(deviation[:, None, :])
            self.optimizer.step()
        offset = self.weights - self.minimum
        losses = 0.5 * (torch.bmm(offset, curvature) * offset).sum(2)
        ratios = (losses / self.landscape.first_loss[:, None]).clamp(0.0, 1.0)
        scores = (1.0 - ratios**STRETCH).mean(0)
        scores[~losses.isfinite().all(0)] = math.nan
        finite = sums.isfinite()
        steps = finite.int().cumprod(0).sum(0)  # those before the first loss that is not finite
        return [
            EpochResult(bool(count == len(deviations)), int(count) * self.batch_size, score)
            for count, score in zip(steps.tolist(), scores.tolist(), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One epoch at one λ.

    Attributes:
        finite: whether every loss was.
        examples: training examples consumed; fewer than an epoch if a loss was not finite.
        score: afterwards; NaN if the last loss is not finite.
    """

    finite: bool
    examples: int
    score: float


class QuadraticRun:
    """One row of a stack; a ``tasks.sweep.Run``."""

    def __init__(self, stack: Stack, row: int) -> None:
        self.stack = stack
        self.row = row
        self.epoch = 0
        self.examples = 0

    def train_epoch(self) -> bool:
        """Go one epoch on; False if a loss was not finite."""
        result = self.stack.result(self.epoch, self.row)
        self.epoch += 1
        self.examples += result.examples
        return result.finite

    def score(self) -> float:
        """Mean of 1 − min(1, f/f₀)^¼ over the problems; NaN if a loss is not finite."""
        return self.stack.result(self.epoch - 1, self.row).score


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread for a while: sharing a few hundred numbers costs far more than computing them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
