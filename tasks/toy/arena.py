"""What the toy tasks share: many rules train on an arena at every λ of the sweep at once, on the child's schedule.

A toy task provides an ``Arena`` for each seed. This module stacks rules and λs into one set of tensors, passes them to
the schedule as cells, and gives a rule that cannot run an ERROR outcome.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
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
from harness.tasks.optimizer.stacked.rules import StackedRules
from harness.tasks.sweep import steps_of, sweep_together

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Arena(Protocol):
    """Everything about one seed except the rules. Rules are element-wise, so the cells of a stack never interact.

    The gradients of a rule are the same bit for bit, whichever rules are beside it.

    Attributes:
        separable: whether gradients and scores at one λ are the same bit for bit without the other λs.
    """

    separable: ClassVar[bool]

    def stack(self, rates: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return a copy of the starting weights for each λ.

        Args:
            rates: the sweep, (rates,).

        Returns:
            The weights of one rule, and the λs in a shape that broadcasts against each of them.
        """

    def gradients(self, weights: Sequence[Tensor], epoch: int, step: int) -> tuple[list[Tensor], Tensor]:
        """Return one batch's gradients, and the size of the loss.

        Args:
            weights: weights of all rules, (rules, ...).
            epoch: the epoch, from 0.
            step: the step of the epoch, from 0.

        Returns:
            The gradients, shaped like the weights, and for each cell the sum of its loss's terms without their signs,
            (rules, rates), in any order.
        """

    def loss(self, weights: Sequence[Tensor], epoch: int, step: int) -> Tensor:
        """Return a figure for each λ, (rates,), finite while the loss is; its order of summing is part of the task.

        Args:
            weights: weights of one rule.
            epoch: the epoch, from 0.
            step: the step of the epoch, from 0.
        """

    def scores(self, weights: Sequence[Tensor]) -> Tensor:
        """Return the score in [0, 1] of one rule for each λ, (rates,); NaN where the loss is not finite."""


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
    width: ClassVar[int] = 64  # rules that train together: many share a call, and all fit the processor's cache

    def __init__(self, protocol: ChildProtocol, data: Dataset | None = None) -> None:
        check_choice("dtype of the toy task", protocol.dtype, DTYPES, error=ProtocolError)
        if protocol.rungs:
            hint = "Leave them out: all λs train at once here, so dropping some saves nothing"
            raise ProtocolError(
                message(f"rungs of protocol {protocol.name!r}", expected="none", got=protocol.rungs, hint=hint)
            )
        self.protocol = protocol
        self.data = data
        self._drawn: tuple[int, Arena] | None = None

    @abstractmethod
    def arena(self, seed: int) -> Arena:
        """Return the arena of a seed."""

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
        with machine.answerable(), machine.one_thread(), torch.inference_mode():
            if self._drawn is None or self._drawn[0] != seed:
                self._drawn = (seed, self.arena(seed))  # a search asks for the same seed again and again
            arena, rule_seed = self._drawn[1], derive_seed(seed, self.name, "rule")
            starts = range(0, len(rules), self.width)
            return [each for at in starts for each in self._outcomes(rules[at : at + self.width], arena, rule_seed)]

    def _outcomes(self, rules: Sequence[Rule], arena: Arena, rule_seed: int) -> list[Outcome]:
        """Score rules together; if that fails, score halves of them, down to the rule that is at fault."""
        began = time.perf_counter()
        try:
            return sweep_together(
                self.protocol,
                len(rules),
                lambda cells: Stack(self.protocol, rules, arena, [rule_seed] * len(rules), cells=cells),
            )
        except Exception as error:  # law 2: whatever a rule does, it is an outcome
            if machine.failed(error):
                raise
            if len(rules) > 1:
                halves = rules[: len(rules) // 2], rules[len(rules) // 2 :]
                return [each for half in halves for each in self._outcomes(half, arena, rule_seed)]
            return [
                Outcome(
                    status=Status.ERROR,
                    score=self.protocol.chance,
                    learning_rate=None,
                    examples=0,
                    seconds=time.perf_counter() - began,
                    message=f"{type(error).__name__}: {error}".replace("\n", " "),
                )
            ]


@cache
def arithmetic(kind: type[ToyTask], protocol: ChildProtocol) -> str:
    """Return the digest of a few steps on a small arena (``harness.tasks.arithmetic``), computed once per process.

    Raises:
        EngineError: the machine has no memory left.
    """
    small = dataclasses.replace(protocol, train_examples=STEPS * protocol.batch_size, epochs=1)
    with machine.answerable(), machine.one_thread():
        return digest(_computed(kind(small).arena(SEED), small))


def _computed(arena: Arena, protocol: ChildProtocol) -> Iterator[Tensor | float]:
    tried = rules()
    seeds = [derive_seed(SEED, "rule", place) for place in range(len(tried))]
    cells = [(rule, rate) for rule in range(len(tried)) for rate in protocol.learning_rates]
    stack = Stack(protocol, tried, arena, seeds, cells=cells)
    stack.train_until(1.0)
    scores = iter(stack.score())
    for rule in range(len(tried)):
        yield from itertools.islice(scores, len(protocol.learning_rates))
        yield from (weight[rule] for weight in stack.stepper.weights)


class Stack:
    """Rules that train on an arena side by side, each at every λ of the sweep; a ``harness.tasks.sweep.Stack``.

    Args:
        protocol: sizes and λs.
        rules: any rules.
        arena: the arena they train on.
        seeds: seeds of each rule's random streams.
        cells: the place of a rule and a λ of the sweep, for each cell that the schedule follows.
    """

    def __init__(
        self,
        protocol: ChildProtocol,
        rules: Sequence[Rule],
        arena: Arena,
        seeds: Sequence[int],
        *,
        cells: Sequence[tuple[int, float]],
    ) -> None:
        rates = torch.tensor(protocol.learning_rates, dtype=DTYPES[protocol.dtype])
        start, shaped = arena.stack(rates)
        self._arena, self._epoch = arena, 0
        self._steps, self._batch_size = protocol.train_examples // protocol.batch_size, protocol.batch_size
        total = steps_of(protocol)
        self.stepper = StackedRules(rules, seeds, start, shaped, noise_sigma=protocol.noise_sigma, total_steps=total)
        self._cells = [(rule, protocol.learning_rates.index(rate)) for rule, rate in cells]
        self._taken = torch.zeros(len(rules), len(rates), dtype=torch.int64)  # steps before a loss that is not finite
        self._finite = torch.ones(len(rules), len(rates), dtype=torch.bool)

    @property
    def examples(self) -> list[int]:
        """Training examples that each cell has consumed, without the batch that ended it."""
        taken: list[list[int]] = self._taken.tolist()
        return [taken[rule][row] * self._batch_size for rule, row in self._cells]

    def train_until(self, share: float) -> list[float]:  # noqa: ARG002 - without rungs it is always a whole epoch
        """Train an epoch; return 0 for a cell whose losses were all finite, else infinity."""
        stepper, safe = self.stepper, torch.finfo(self.stepper.weights[0].dtype).max / 2
        for step in range(self._steps):
            gradients, sizes = self._arena.gradients(stepper.weights, self._epoch, step)
            if (doubtful := (self._finite & ~(sizes <= safe)).any(1)).any():
                for rule in doubtful.nonzero().flatten().tolist():
                    loss = self._arena.loss([weight[rule] for weight in stepper.weights], self._epoch, step)
                    self._finite[rule] &= loss.isfinite()
            self._taken += self._finite
            for own, gradient in zip(stepper.gradients, gradients, strict=True):
                own.copy_(gradient)
            stepper.step()
        self._epoch += 1
        finite: list[list[bool]] = self._finite.tolist()
        return [0.0 if finite[rule][row] else math.inf for rule, row in self._cells]

    def score(self) -> list[float]:
        """Return the arena's score of each cell; NaN if its loss is not finite."""
        followed = dict.fromkeys(rule for rule, _ in self._cells)
        scores = {
            rule: self._arena.scores([weight[rule] for weight in self.stepper.weights]).tolist() for rule in followed
        }
        return [scores[rule][row] for rule, row in self._cells]

    def test(self) -> list[float]:
        """Raise: there are no test examples."""
        raise NotImplementedError

    def only(self, places: Sequence[int]) -> None:
        """Follow only these cells; others continue beside them if torch's rounding depends on that."""
        self._cells = [self._cells[place] for place in places]
        rules = [rule for rule, _ in self._cells]
        narrow = self._finite.shape[1] == 1
        if not narrow and self._arena.separable and self.stepper.can_narrow and len(set(rules)) == len(rules):
            self.stepper.narrow(self._cells)
            chosen = tuple(torch.tensor(self._cells).unbind(1))
            self._taken, self._finite = self._taken[chosen][:, None], self._finite[chosen][:, None]
            self._cells = [(place, 0) for place in range(len(rules))]


def stream(seed: int, *path: str | int) -> torch.Generator:
    """Return the random stream of that name."""
    return torch.Generator().manual_seed(derive_seed(seed, *path))


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    """Return standard Gaussian numbers in float64, so that draws do not depend on the protocol's dtype."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def batches(protocol: ChildProtocol, seed: int, name: str) -> Iterator[Tensor]:
    """Yield each epoch's examples as (steps, batch) indexes; an incomplete last batch is left out."""
    used = protocol.train_examples // protocol.batch_size * protocol.batch_size
    for epoch in range(protocol.epochs):
        order = torch.randperm(protocol.train_examples, generator=stream(seed, name, "batches", epoch))
        yield order[:used].view(-1, protocol.batch_size)


def noise_of_batches(protocol: ChildProtocol, seed: int, name: str, *shape: int) -> Tensor:
    """Return each batch gradient's deviation from the mean, in standard deviations of one example's, float64.

    An example is a fixed Gaussian vector of the shape, and those of an epoch sum to 0.

    Returns:
        Shape (epochs, steps, *shape).
    """
    noise = normal(stream(seed, name, "examples"), protocol.train_examples, *shape)
    noise -= noise.mean(0)
    return torch.stack([noise[indexes].mean(1) for indexes in batches(protocol, seed, name)])


def progress(losses: Tensor, first: Tensor, *, stretch: float) -> Tensor:
    """Return the mean over problems of 1 − min(1, f/f₀)^stretch: 0 for no progress, 1 at a minimum of 0 (**D**).

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
