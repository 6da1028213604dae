"""What the toy tasks share: a rule descends an arena at every λ of the sweep at once, on the child's schedule.

A toy task says what there is to descend, an ``Arena`` for each seed; this module stacks the λs into one set of tensors,
hands each λ to the schedule as a run of its own, and makes a rule that cannot run an ERROR outcome.
"""

from __future__ import annotations

import dataclasses
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from harness.contracts import ARITHMETIC, ChildProtocol, Dataset, Outcome, Rule, Status
from harness.errors import ProtocolError, check_choice, message
from harness.seeds import derive_seed
from harness.space.expression import LANGUAGE_VERSION
from harness.tasks import machine
from harness.tasks.arithmetic import SEED, STEPS, digest, rules
from harness.tasks.optimizer.update_rule import RuleOptimizer
from harness.tasks.sweep import sweep_then_train

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Arena(Protocol):
    """Everything about one seed but the rule. Rules are element-wise, so rows of a stack never touch each other."""

    def stack(self, rates: Tensor) -> tuple[list[Tensor], Tensor]:
        """Copy the starting weights once for each λ.

        Args:
            rates: the sweep, (rates,).

        Returns:
            The weights, and the λs shaped to broadcast against every one of them.
        """

    def gradients(self, weights: Sequence[Tensor], epoch: int, step: int) -> tuple[list[Tensor], Tensor]:
        """One batch's gradients, shaped like the weights, and a figure a λ, (rates,), finite while the loss is."""

    def scores(self, weights: Sequence[Tensor]) -> Tensor:
        """The score in [0, 1] for each λ, (rates,); NaN where the loss is not finite."""


class ToyTask(ABC):
    """Score rules on an arena, with the child's schedule (protocol §2).

    Args:
        protocol: sizes, λs and epochs.
        data: not used; everything follows from the seed.

    Raises:
        ProtocolError: the protocol's dtype is not float32 or float64.
    """

    name: ClassVar[str]
    version: ClassVar[int]

    def __init__(self, protocol: ChildProtocol, data: Dataset | None = None) -> None:
        check_choice("dtype of the toy task", protocol.dtype, DTYPES, error=ProtocolError)
        if protocol.rungs:
            hint = "All λs are trained at once here, so dropping some saves nothing"
            raise ProtocolError(
                message(f"rungs of protocol {protocol.name!r}", expected="none", got=protocol.rungs, hint=hint)
            )
        self.protocol = protocol
        self.data = data
        self._drawn: tuple[int, Arena] | None = None

    @abstractmethod
    def arena(self, seed: int) -> Arena:
        """Draw what a seed decides."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What a score depends on besides protocol and seed; it always runs on one thread."""
        return {
            "task": f"{self.name} {self.version}",
            "language": str(LANGUAGE_VERSION),
            "torch": torch.__version__,
            "cpu capability": torch.backends.cpu.get_cpu_capability(),
            "device": "cpu",
            ARITHMETIC: arithmetic(type(self), self.protocol),
        }

    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        """Score each rule on the arena of ``seed``; a rule that cannot run is an ERROR outcome.

        Raises:
            EngineError: the machine has no memory left.
        """
        with machine.answerable(), _one_thread():
            if self._drawn is None or self._drawn[0] != seed:
                self._drawn = (seed, self.arena(seed))  # a search asks for one seed, and a rule at a time
            arena = self._drawn[1]
            return [self._outcome(rule, arena, derive_seed(seed, self.name, "rule")) for rule in rules]

    def _outcome(self, rule: Rule, arena: Arena, rule_seed: int) -> Outcome:
        began = time.perf_counter()
        try:
            stack = Stack(self.protocol, rule, arena, rule_seed)
            rows = {rate: row for row, rate in enumerate(self.protocol.learning_rates)}
            return sweep_then_train(self.protocol, lambda rate: StackedRun(stack, rows[rate]))
        except Exception as error:  # law 2: whatever a rule does, it is an outcome
            if machine.failed(error):
                raise
            return Outcome(
                status=Status.ERROR,
                score=self.protocol.chance,
                learning_rate=None,
                examples=0,
                seconds=time.perf_counter() - began,
                message=f"{type(error).__name__}: {error}".replace("\n", " "),
            )


@cache
def arithmetic(kind: type[ToyTask], protocol: ChildProtocol) -> str:
    """The digest of a few steps on a small arena of that kind (``harness.tasks.arithmetic``), once a process.

    Raises:
        EngineError: the machine has no memory left.
    """
    small = dataclasses.replace(protocol, train_examples=STEPS * protocol.batch_size, epochs=1)
    with machine.answerable(), _one_thread():
        return digest(_computed(kind(small).arena(SEED), small))


def _computed(arena: Arena, protocol: ChildProtocol) -> Iterator[Tensor | float]:
    for place, rule in enumerate(rules()):
        stack = Stack(protocol, rule, arena, derive_seed(SEED, "rule", place))
        yield from (stack.result(0, row).score for row in range(stack.rows))
        yield from stack.weights


class Stack:
    """One rule descending an arena at every λ of the sweep; epochs are trained when a run first asks for them."""

    def __init__(self, protocol: ChildProtocol, rule: Rule, arena: Arena, rule_seed: int) -> None:
        self.arena = arena
        self.steps = protocol.train_examples // protocol.batch_size
        self.batch_size = protocol.batch_size
        self.weights, rates = arena.stack(torch.tensor(protocol.learning_rates, dtype=DTYPES[protocol.dtype]))
        self.rows = len(protocol.learning_rates)
        self.optimizer = RuleOptimizer(self.weights, rule, rates, noise_sigma=protocol.noise_sigma, seed=rule_seed)
        self.epochs: list[list[EpochResult]] = []

    def result(self, epoch: int, row: int) -> EpochResult:
        """What the run in a row has achieved in an epoch, counted from 0."""
        while len(self.epochs) <= epoch:
            self.epochs.append(self._train(len(self.epochs)))
        return self.epochs[epoch][row]

    def _train(self, epoch: int) -> list[EpochResult]:
        """Take one step a batch, in every row."""
        signs = torch.empty(self.steps, self.rows, dtype=self.weights[0].dtype)
        for step in range(self.steps):
            gradients, signs[step] = self.arena.gradients(self.weights, epoch, step)
            for weight, gradient in zip(self.weights, gradients, strict=True):
                weight.grad = gradient
            self.optimizer.step()
        scores = self.arena.scores(self.weights)
        counts = signs.isfinite().int().cumprod(0).sum(0)  # the steps before the first loss that is not finite
        return [
            EpochResult(count == self.steps, count * self.batch_size, score)
            for count, score in zip(counts.tolist(), scores.tolist(), strict=True)
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


class StackedRun:
    """One row of a stack; a ``harness.tasks.sweep.Run``."""

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
        """The arena's score after the epochs trained so far; NaN if a loss is not finite."""
        return self.stack.result(self.epoch - 1, self.row).score


def stream(seed: int, *path: str | int) -> torch.Generator:
    """The random stream of that name."""
    return torch.Generator().manual_seed(derive_seed(seed, *path))


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    """Standard Gaussian numbers in float64, so that what is drawn does not depend on the protocol's dtype."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def batches(protocol: ChildProtocol, seed: int, name: str) -> Iterator[Tensor]:
    """The examples of each batch, (steps, batch) indexes an epoch; a last batch that would be short is left out."""
    used = protocol.train_examples // protocol.batch_size * protocol.batch_size
    for epoch in range(protocol.epochs):
        order = torch.randperm(protocol.train_examples, generator=stream(seed, name, "batches", epoch))
        yield order[:used].view(-1, protocol.batch_size)


def noise_of_batches(protocol: ChildProtocol, seed: int, name: str, *shape: int) -> Tensor:
    """How far each batch's gradient is from the mean one, in standard deviations of one example's, float64.

    An example is a fixed Gaussian vector of the shape, and those of an epoch sum to 0.

    Returns:
        Shape (epochs, steps, *shape).
    """
    noise = normal(stream(seed, name, "examples"), protocol.train_examples, *shape)
    noise -= noise.mean(0)
    return torch.stack([noise[indexes].mean(1) for indexes in batches(protocol, seed, name)])


def progress(losses: Tensor, first: Tensor, *, stretch: float) -> Tensor:
    """Mean over problems of 1 − min(1, f/f₀)^stretch: 0 for no progress, 1 at the minimum, where that is 0 (**D**).

    Args:
        losses: f, (problems, rates).
        first: f₀ > 0, (problems,).
        stretch: the exponent; ¼ gives a loss cut to 1/10,000 the score 0.9.

    Returns:
        Shape (rates,); NaN where any loss is not finite.
    """
    scores = (1.0 - (losses / first[:, None]).clamp(0.0, 1.0) ** stretch).mean(0)
    scores[~losses.isfinite().all(0)] = math.nan
    return scores


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread for a while: sharing a few hundred numbers costs far more than computing them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
