"""Stacks by PyTorch's operations (``batched``, ``selected``), on any device and in any dtype.

A step computes the networks of some cells at a time. On a GPU, libraries choose among algorithms by the number of
products, and round differently; so there every turn has the same number of cells, the last one being filled up, and
the record says how many. On a processor each product is computed by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.seeds import derive_seed
from harness.tasks.child.convnet import FILTERS
from harness.tasks.child.examples import Examples, Part
from harness.tasks.child.stacked.batched import Networks, right
from harness.tasks.child.stacked.captured import CapturedStep
from harness.tasks.child.stacked.clock import Clock
from harness.tasks.child.stacked.selected import Update

AT_ONCE = 32  # cells whose networks are computed at once: 2.5 GB for batches of 100 images of CIFAR-10
SCORED = 250  # validation images at once


class PyTorchGround:
    """The examples; a ``stack.Ground``.

    Args:
        examples: what to train and score on, on the device.
        batch_size: size of every batch.
        at_once: how many cells are computed at once.
    """

    def __init__(self, examples: Examples, *, batch_size: int, at_once: int = AT_ONCE) -> None:
        _, channels, side, _ = examples.pool.images.shape
        self.device, self.classes = examples.pool.images.device, examples.classes
        self.batch_size, self.at_once, self.pool = batch_size, at_once, examples.pool
        self.networks = Networks(side, channels=channels, classes=examples.classes)
        self.validation, self._test = examples.validation, examples.test

    @property
    def test(self) -> Part:
        """The test images; only for examples that have them."""
        assert self._test is not None, "a search has no test examples"
        return self._test

    def begin(
        self, cells: Sequence[tuple[Rule, float]], *, seed: int, noise_sigma: float, total_steps: int
    ) -> PyTorchStepper:
        """Return new children."""
        return PyTorchStepper(cells, ground=self, seed=seed, noise_sigma=noise_sigma, total_steps=total_steps)

    def release(self) -> None:
        """Do nothing: torch's allocator keeps what steps need."""


class PyTorchStepper:
    """Networks and their updates, one step of every cell at a time; a ``stack.Stepper``.

    Args:
        cells: the rule and λ of each cell.
        ground: what all stacks share.
        seed: the child's seed.
        noise_sigma: standard deviation of the noise operand.
        total_steps: T, the steps of the whole training.

    Attributes:
        update: the weights, and what updates them; there and below, dead cells may fill up the last turn.
    """

    def __init__(
        self,
        cells: Sequence[tuple[Rule, float]],
        *,
        ground: PyTorchGround,
        seed: int,
        noise_sigma: float,
        total_steps: int,
    ) -> None:
        self.ground, self._count = ground, len(cells)
        cells, device = [*cells, *[cells[-1]] * self._missing(len(cells))], ground.device
        start = ground.networks.started(seed=derive_seed(seed, "weights"), like=ground.pool.images)
        draws = derive_seed(seed, "rule")
        self._clock = Clock(batch_size=ground.batch_size, draws=draws, dtype=start.dtype, device=device)
        self.update = Update(
            [rule for rule, _ in cells],
            [rate for _, rate in cells],
            start,
            seed=derive_seed(draws, "rule", "cpu" if device.type == "cpu" else f"{device.type}:0"),  # RuleOptimizer's
            sigma=noise_sigma,
            total_steps=total_steps,
        )
        self._running = torch.zeros(2, 2, len(cells), FILTERS, dtype=start.dtype, device=device)
        self._running[:, 1] = 1.0
        self._losses = torch.zeros(len(cells), dtype=torch.float64, device=device)
        self._steps = torch.zeros(len(cells), dtype=torch.int64, device=device)
        self._alive = torch.arange(len(cells), device=device) < self._count
        self._advance = CapturedStep(self._step, device)

    def _missing(self, cells: int) -> int:
        """Return how many dead cells fill up the last turn."""
        return 0 if self.ground.device.type == "cpu" else -cells % self.ground.at_once

    @property
    def weights(self) -> Tensor:
        """The weights, (cells, entries)."""
        return self.update.weights[: self._count]

    @property
    def losses(self) -> Tensor:
        """Sums of the losses since they were last set to zero, (cells,), float64."""
        return self._losses[: self._count]

    @property
    def steps(self) -> Tensor:
        """Batches that each cell has seen, (cells,)."""
        return self._steps[: self._count]

    @property
    def alive(self) -> Tensor:
        """Which cells take steps, (cells,), bool."""
        return self._alive[: self._count]

    @property
    def finite(self) -> Tensor:
        """Which cells are alive, with finite weights after their last step; (cells,), bool."""
        return (self._alive & torch.isfinite(self.update.weights).all(1))[: self._count]

    def train(self, batches: Sequence[Tensor]) -> None:
        """Take some steps of every live cell, at most ``clock.STEPS``."""
        self._clock.load(batches)
        for _ in batches:
            self.update.draws.draw()  # by generators, whose state a captured step would not advance
            self._advance()

    def right(self, part: Part, *, kept: Tensor | None = None) -> Tensor:
        """Return how many of a part's images each cell classifies correctly, (cells,); ``kept`` gets the logits."""
        found, networks = torch.zeros_like(self._steps), self.ground.networks
        with torch.no_grad():
            for turn in self._turns():
                weights, running = networks.parts(self.update.weights[turn]), self._running[:, :, turn]
                for begin in range(0, len(part), SCORED):
                    batch = Part(part.images[begin : begin + SCORED], part.labels[begin : begin + SCORED])
                    logits = networks.logits(weights, running, batch.images)
                    found[turn] += right(logits, batch)
                    if kept is not None:
                        own = kept[turn, begin : begin + SCORED]
                        own.copy_(logits[: len(own)])
        return found[: self._count]

    def only(self, places: Sequence[int]) -> None:
        """Keep only these cells, in this order."""
        self._count = len(places)
        chosen = torch.tensor([*places, *[places[-1]] * self._missing(len(places))], device=self.ground.device)
        self.update.only(chosen)
        self._running = self._running[:, :, chosen].contiguous()
        self._losses, self._steps = self._losses[chosen], self._steps[chosen]
        self._alive = self._alive[chosen] & (torch.arange(len(chosen), device=chosen.device) < self._count)
        self._advance.forget()

    def _turns(self) -> Iterator[slice]:
        """Yield the cells that are computed at once."""
        for begin in range(0, len(self._alive), self.ground.at_once):
            yield slice(begin, begin + self.ground.at_once)

    def _step(self) -> None:
        ground, clock, update = self.ground, self._clock, self.update
        clock.tick()
        images, labels = (each.index_select(0, clock.chosen) for each in (ground.pool.images, ground.pool.labels))
        self._steps += self._alive
        self._alive &= torch.isfinite(update.weights).all(1)
        for turn in self._turns():
            losses, slopes = ground.networks.losses(update.weights[turn], self._running[:, :, turn], images, labels)
            self._alive[turn] &= torch.isfinite(losses)
            self._losses[turn] += torch.where(self._alive[turn], losses, 0.0)
            update.slopes[turn] = slopes
        update.step(clock.now, clock.taken, self._alive)
