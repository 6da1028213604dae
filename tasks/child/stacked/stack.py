"""A stack: the cells (rule, λ) with one child seed, training side by side (``harness.tasks.sweep``).

What takes a step of all cells is a ``Stepper``, by Triton's kernels (``by_triton``) or by PyTorch's operations
(``by_pytorch``). Cells whose loss or weights are not finite are dropped every few steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from harness.contracts import ChildProtocol, Rule
from harness.seeds import derive_seed
from harness.tasks.arithmetic import RATE, SEED, STEPS, rules
from harness.tasks.child.stacked import clock, tokens
from harness.tasks.optimizer.decays import Progress
from harness.tasks.optimizer.kernels import Bucket
from harness.tasks.sweep import steps_of

EPSILON = 1e-8  # the default of ``RuleOptimizer``
WORTH_DROPPING = 8  # one cell in so many: dropping them copies all others


class Stepper(Protocol):
    """Children that train side by side."""

    @property
    def weights(self) -> Tensor:
        """The weights, (cells, ...)."""

    @property
    def losses(self) -> Tensor:
        """Sums of the losses since they were last set to zero, (cells,), float64."""

    @property
    def steps(self) -> Tensor:
        """Batches that each cell has seen, including the one that ended it, (cells,)."""

    @property
    def alive(self) -> Tensor:
        """Which cells take steps, (cells,), bool; one whose weights are not finite ends at its next batch."""

    @property
    def finite(self) -> Tensor:
        """Which cells have had finite losses so far, and finite weights after their last step; (cells,), bool."""

    def train(self, batches: Sequence[Tensor]) -> None:
        """Take a step of every live cell on each of these batches (batch,), at most ``clock.STEPS``."""

    def right(self, part: Any, *, kept: Tensor | None = None) -> Tensor:
        """Return how many of a part's images each cell classifies correctly, (cells,).

        Args:
            part: the images, as the ground has them.
            kept: (cells, images, classes), gets the logits.
        """

    def only(self, places: Sequence[int]) -> None:
        """Keep only these cells, at least one, in this order."""


class Ground(Protocol):
    """What all stacks of a process share: the examples in the stepper's layout.

    Attributes:
        device: where children train.
        classes: how many classes there are.
    """

    device: torch.device
    classes: int

    @property
    def validation(self) -> Any:
        """The validation set; it has ``labels``, (images,)."""

    @property
    def test(self) -> Any:
        """The test set; only for examples that have one."""

    def begin(self, cells: Sequence[tuple[Rule, float]], *, seed: int, noise_sigma: float, total_steps: int) -> Stepper:
        """Return new children, equal ones for equal rules and λs, whatever is beside them.

        Args:
            cells: the rule and λ of each cell.
            seed: the child's seed.
            noise_sigma: standard deviation of the noise operand.
            total_steps: T, the steps of the whole training.
        """

    def release(self) -> None:
        """Release the memory that only speeds up the next stack."""


class ChildStack:
    """The cells of some rules; equal arguments give a cell equal weights after every step, whatever trains beside it.

    Args:
        cells: the rule and λ of each cell.
        ground: what all stacks share.
        protocol: gives the number of examples and epochs, the batch size and σ of the noise.
        seed: the child's seed.
        report: called after each part of an epoch with how many epochs of one cell were trained.
    """

    def __init__(
        self,
        cells: Sequence[tuple[Rule, float]],
        *,
        ground: Ground,
        protocol: ChildProtocol,
        seed: int,
        report: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._ground, self._protocol, self._seed, self._report = ground, protocol, seed, report
        self._stepper = ground.begin(cells, seed=seed, noise_sigma=protocol.noise_sigma, total_steps=steps_of(protocol))
        self._places = list(range(len(cells)))  # of the cells that are in the stepper, among all
        self._steps = [0] * len(cells)
        self._epoch = 0
        self._batches: Sequence[Tensor] = ()
        self._place = 0

    @property
    def examples(self) -> list[int]:
        """Training examples that each cell has consumed, including the batch that ended it."""
        return [count * self._protocol.batch_size for count in self._steps]

    def train_until(self, share: float) -> list[float]:
        """Train up to a share of an epoch; return each cell's mean loss, NaN once loss or weights are not finite.

        Args:
            share: share of the current epoch, or of the next one if none has begun; at most 1.
        """
        if self._place == len(self._batches):
            generator = torch.Generator().manual_seed(derive_seed(self._seed, "batches", self._epoch))
            order = torch.randperm(self._protocol.train_examples, generator=generator).to(self._ground.device)
            self._batches, self._place = order.split(self._protocol.batch_size), 0
            self._epoch += 1
        part = self._batches[self._place : round(share * len(self._batches))]
        self._place += len(part)
        self._stepper.losses.zero_()
        for begin in range(0, len(part), clock.STEPS):
            if begin:
                self._drop_dead()
            self._stepper.train(part[begin : begin + clock.STEPS])
        self._count()
        self._report(len(self._steps) * len(part) / len(self._batches))
        finite = self._stepper.finite
        losses: list[float] = torch.where(finite, self._stepper.losses / max(len(part), 1), math.nan).tolist()
        return self._of_all(losses, missing=math.nan)

    def score(self) -> list[float]:
        """Return each cell's accuracy on the validation set; meaningless for a dead cell."""
        return self._share(self._ground.validation)

    def test(self) -> list[float]:
        """Return each cell's accuracy on the test set, which is used once, when a confirmed rule's child has ended."""
        return self._share(self._ground.test)

    def only(self, places: Sequence[int]) -> None:
        """Keep only these cells, in this order."""
        at = {place: row for row, place in enumerate(self._places)}
        kept = [place for place in places if place in at]
        self._keep([at[place] for place in kept] or [0])
        self._places = [places.index(place) for place in kept] if kept else []
        self._steps = [self._steps[place] for place in places]

    def _keep(self, rows: Sequence[int]) -> None:
        if list(rows) != list(range(len(self._stepper.steps))):
            self._stepper.only(rows)

    def _drop_dead(self) -> None:
        """Drop dead cells if there are enough of them to gain from it; at least one cell stays."""
        self._count()
        alive = [row for row, lives in enumerate(self._stepper.alive.tolist()) if lives]
        dead = len(self._places) - len(alive)
        if alive and dead * WORTH_DROPPING >= len(self._places):
            self._keep(alive)
            self._places = [self._places[row] for row in alive]

    def _count(self) -> None:
        """Note how many steps each cell has taken."""
        for place, steps in zip(self._places, self._stepper.steps.tolist(), strict=False):
            self._steps[place] = steps

    def _share(self, part: Any) -> list[float]:
        right: list[int] = self._stepper.right(part).tolist()
        return self._of_all([count / len(part.labels) for count in right], missing=0.0)

    def _of_all(self, values: Sequence[float], *, missing: float) -> list[float]:
        """Return a value for every cell, from those of the cells that are in the stepper."""
        found = dict(zip(self._places, values, strict=False))
        return [found.get(place, missing) for place in range(len(self._steps))]


def trainable(rule: Rule) -> Exception | None:
    """Return the error that prevents training a rule in a stack; None if there is none."""
    try:
        table_of([rule], device=torch.device("cpu"), total_steps=1)
    except Exception as cause:  # a bad rule must not end a search, whatever it breaks
        return cause
    return None


def table_of(
    rules: Sequence[Rule], *, device: torch.device, total_steps: int, dtype: torch.dtype = torch.float32
) -> tokens.Table:
    """Return the programs of some rules for a training of so many steps, with numbers of that dtype.

    Raises:
        ValueError: a rule needs more registers than there are.
    """
    one = torch.zeros(1)
    bucket = Bucket([one], [one], {}, {}, [], EPSILON, 0.0, torch.Generator, progress=Progress(0, total_steps))
    return tokens.Table.of(rules, bucket=bucket, device=device, dtype=dtype)


def sample(ground: Ground, *, pool: int, batch_size: int) -> Iterator[Tensor | float]:
    """Return what a fixed stack computes, as ``harness.tasks.child.sample`` does for the other paths.

    Args:
        ground: what all stacks share.
        pool: number of training examples.
        batch_size: size of every batch.
    """
    every = rules()
    stepper = ground.begin([(rule, RATE) for rule in every], seed=SEED, noise_sigma=0.01, total_steps=STEPS)
    for batch in torch.arange(pool, device=ground.device).split(batch_size)[:STEPS]:
        stepper.train([batch])
        yield stepper.losses
        yield stepper.weights
    labels = ground.validation.labels
    kept = torch.zeros(len(every), len(labels), ground.classes, dtype=stepper.weights.dtype, device=ground.device)
    yield stepper.right(ground.validation, kept=kept)
    yield kept
