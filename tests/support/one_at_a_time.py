"""What a toy rule earns by ``RuleOptimizer``, one rule and one step after another: what stacks are compared with.

Every λ of the sweep is a row of one set of tensors, as it has been since version 1 of the toy tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.contracts import ChildProtocol, Outcome, Rule
from harness.seeds import derive_seed
from harness.tasks.optimizer.update_rule import RuleOptimizer
from harness.tasks.sweep import sweep_then_train
from harness.tasks.toy.arena import DTYPES, Arena, ToyTask
from harness.tasks.toy.classifier import Lesson
from harness.tasks.toy.quadratic import Quadratics
from harness.tasks.toy.rosenbrock import Valleys


def quadratic(arena: Quadratics, weights: Sequence[Tensor], epoch: int, step: int) -> tuple[list[Tensor], Tensor]:
    """Gradients of one rule, and for each λ a figure that is finite while the loss is; so below."""
    offset = weights[0] - arena.minimum[:, None, :]
    slope = torch.bmm(offset, arena.curvature)
    doubled = torch.sum(slope * offset, (0, 2))
    return [slope.add_(arena.deviations[epoch, step][:, None, :])], doubled


def rosenbrock(arena: Valleys, weights: Sequence[Tensor], epoch: int, step: int) -> tuple[list[Tensor], Tensor]:
    here = weights[0] - arena.shift
    climb = torch.addcmul(here[:, 1:], here[:, :-1], here[:, :-1], value=-1.0)
    pull = climb * arena.walls
    gradient = torch.nn.functional.pad(pull, (1, 0)).mul_(2.0)
    before = here[:, :-1]
    gradient[:, :-1].addcmul_(pull, before, value=-4.0).addcmul_(arena.floors, before - 1.0, value=2.0)
    return [gradient.add_(arena.deviations[epoch, step])], torch.linalg.vecdot(climb, pull)


def classifier(arena: Lesson, weights: Sequence[Tensor], epoch: int, step: int) -> tuple[list[Tensor], Tensor]:
    hidden, output = weights
    inputs, targets = arena.inputs[epoch, step].expand(len(hidden), -1, -1), arena.targets[epoch, step]
    active = torch.bmm(hidden, inputs).relu_()
    logs = torch.log_softmax(torch.bmm(output, active), 1)
    losses = logs.flatten(1) @ targets.flatten()
    error = logs.exp_().sub_(targets).div_(inputs.shape[2])
    back = torch.bmm(output.mT, error).mul_(active.sign())
    return [torch.bmm(back, inputs.mT), torch.bmm(error, active.mT)], losses


GRADIENTS: dict[type, Any] = {Quadratics: quadratic, Valleys: rosenbrock, Lesson: classifier}


def outcomes(task: ToyTask, rules: Sequence[Rule], *, seed: int) -> list[Outcome]:
    """Score rules one after another, on one thread."""
    arena, rule_seed, threads = task.arena(seed), derive_seed(seed, task.name, "rule"), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_outcome(task.protocol, rule, arena, rule_seed) for rule in rules]
    finally:
        torch.set_num_threads(threads)


def _outcome(protocol: ChildProtocol, rule: Rule, arena: Arena, seed: int) -> Outcome:
    rows = Rows(protocol, rule, arena, seed)
    places = {rate: place for place, rate in enumerate(protocol.learning_rates)}
    return sweep_then_train(protocol, lambda rate: Row(rows, places[rate]))


class Rows:
    """One rule at every λ; epochs are trained when a row first asks for them."""

    def __init__(self, protocol: ChildProtocol, rule: Rule, arena: Arena, seed: int) -> None:
        self.protocol, self.arena = protocol, arena
        self.weights, rates = arena.stack(torch.tensor(protocol.learning_rates, dtype=DTYPES[protocol.dtype]))
        self.optimizer = RuleOptimizer(
            self.weights,
            rule,
            rates,
            noise_sigma=protocol.noise_sigma,
            seed=seed,
            total_steps=protocol.epochs * (protocol.train_examples // protocol.batch_size),
        )
        self.finite: list[Tensor] = []  # by epoch, how many losses were before the first that is not, (rates,)
        self.scores: list[list[float]] = []

    def train(self) -> None:
        steps, epoch = self.protocol.train_examples // self.protocol.batch_size, len(self.scores)
        losses = torch.empty(steps, len(self.protocol.learning_rates), dtype=self.weights[0].dtype)
        for step in range(steps):
            gradients, losses[step] = GRADIENTS[type(self.arena)](self.arena, self.weights, epoch, step)
            for weight, gradient in zip(self.weights, gradients, strict=True):
                weight.grad = gradient
            self.optimizer.step()
        self.finite.append(losses.isfinite().int().cumprod(0).sum(0))
        self.scores.append(self.arena.scores(self.weights).tolist())


@dataclass(slots=True)
class Row:
    """One λ of them; a ``harness.tasks.sweep.Run``."""

    rows: Rows
    place: int
    epoch: int = 0
    examples: int = 0

    def train_epoch(self) -> bool:
        if len(self.rows.scores) == self.epoch:
            self.rows.train()
        count, self.epoch = int(self.rows.finite[self.epoch][self.place]), self.epoch + 1
        self.examples += count * self.rows.protocol.batch_size
        return count == self.rows.protocol.train_examples // self.rows.protocol.batch_size

    def score(self) -> float:
        return self.rows.scores[self.epoch - 1][self.place]
