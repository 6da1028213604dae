"""A stack: the cells (rule, λ) with one child seed, training side by side (``harness.tasks.sweep``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from harness.contracts import ChildProtocol, Rule
from harness.seeds import derive_seed
from harness.tasks.arithmetic import RATE, SEED, STEPS, rules
from harness.tasks.child.examples import Examples, Part
from harness.tasks.child.stacked import tokens, update
from harness.tasks.child.stacked.network import Patches, Room, Shape, StackedNetworks
from harness.tasks.optimizer.decays import Progress
from harness.tasks.optimizer.kernels import Bucket
from harness.tasks.sweep import steps_of

BETAS, EPSILON = (0.9, 0.999, 0.999), 1e-8  # the defaults of ``RuleOptimizer``
MOST_DRAW_SEED = 2**62


class Ground:
    """What all stacks of a process share: the examples in the kernels' layout, and arrays to compute in.

    Args:
        examples: what to train and score on, on the device.
        batch_size: size of every batch.
    """

    def __init__(self, examples: Examples, *, batch_size: int) -> None:
        _, channels, side, _ = examples.pool.images.shape
        self.device = examples.pool.images.device
        self.shape = Shape(batch_size, side, channels, examples.classes)
        self.pool, self.validation = (self._laid(part) for part in (examples.pool, examples.validation))
        self._examples = examples
        self._test: Patches | None = None
        self._room: Room | None = None

    def _laid(self, part: Part) -> Patches:
        return Patches.of(part, entries=self.shape.entries)

    @property
    def test(self) -> Patches:
        """The test images, laid out at first use; only for examples that have them."""
        assert self._examples.test is not None, "a search has no test examples"
        if self._test is None:
            self._test = self._laid(self._examples.test)
        return self._test

    def room(self, cells: int) -> Room:
        """Return arrays for so many cells: those of the last stack if they are large enough."""
        if self._room is None or self._room.cells < cells:
            self._room = None  # release the smaller arrays first
            self._room = Room(self.shape, cells, self.device)
        return self._room


class ChildStack:
    """The cells of some rules; equal arguments give a cell equal weights after every step, whatever trains beside it.

    Args:
        cells: the rule and λ of each cell.
        ground: what all stacks share.
        protocol: gives the number of examples and σ of the noise.
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
        total = steps_of(protocol)
        self._stepper = Stepper(cells, ground=ground, seed=seed, noise_sigma=protocol.noise_sigma, total_steps=total)
        self._epoch = 0
        self._batches: Sequence[Tensor] = ()
        self._place = 0

    @property
    def examples(self) -> list[int]:
        """Training examples that each cell has consumed, including the batch that ended it."""
        steps: list[int] = self._stepper.networks.steps.tolist()
        return [count * self._protocol.batch_size for count in steps]

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
        networks = self._stepper.networks
        networks.losses.zero_()
        for batch in part:
            self._stepper.step(batch)
        losses = networks.losses / max(len(part), 1)
        finite = networks.finite
        self._report(networks.cells * len(part) / len(self._batches))
        return torch.where(finite, losses, math.nan).tolist()

    def score(self) -> list[float]:
        """Return each cell's accuracy on the validation set; meaningless for a dead cell."""
        return self._share(self._ground.validation)

    def test(self) -> list[float]:
        """Return each cell's accuracy on the test set, which is used once, when a confirmed rule's child has ended."""
        return self._share(self._ground.test)

    def only(self, places: Sequence[int]) -> None:
        """Keep only these cells, in this order."""
        self._stepper.only(places)

    def _share(self, part: Patches) -> list[float]:
        right: list[int] = self._stepper.networks.right(part).tolist()
        return [count / len(part.labels) for count in right]


class Stepper:
    """Networks and their updates, one step of every cell at a time.

    Args:
        cells: the rule and λ of each cell.
        ground: what all stacks share.
        seed: the child's seed.
        noise_sigma: standard deviation of the noise operand.
        total_steps: T, the steps of the whole training.
    """

    def __init__(
        self, cells: Sequence[tuple[Rule, float]], *, ground: Ground, seed: int, noise_sigma: float, total_steps: int
    ) -> None:
        self.ground, self._sigma = ground, noise_sigma
        shape, device = ground.shape, ground.device
        self._chunks = -(-shape.places["end"] // update.BLOCK)
        self.networks = StackedNetworks(
            shape,
            ground.room(len(cells)),
            cells=len(cells),
            seed=derive_seed(seed, "weights"),
            device=device,
            chunks=self._chunks,
        )
        self._draws = derive_seed(seed, "rule")
        self._rates = torch.tensor([rate for _, rate in cells], dtype=torch.float64).to(device, torch.float32)
        self._table = table_of([rule for rule, _ in cells], device=device, total_steps=total_steps)
        self._means = torch.zeros(len(cells), 3, shape.stride, device=device)
        self._steps = 0

    def step(self, batch: Tensor) -> None:
        """Take one step of every live cell."""
        networks, table, shape = self.networks, self._table, self.ground.shape
        networks.gradients(self.ground.pool, batch)
        table.at(self._steps)
        self._steps += 1
        update.update[(networks.cells, self._chunks)](
            networks.weights, networks.slopes, self._means, table.rows, table.numbers, table.lengths, self._rates,
            networks.alive, networks.flags, derive_seed(self._draws, "step", self._steps) % MOST_DRAW_SEED,
            *tokens.decays(BETAS, self._steps), EPSILON, self._sigma, table.rows.shape[1],
            stride=shape.stride, N=shape.places["end"], CHUNKS=self._chunks, SIZE=update.BLOCK, num_warps=1,
        )  # fmt: skip

    def only(self, places: Sequence[int]) -> None:
        """Keep only these cells."""
        chosen = torch.tensor(places, dtype=torch.int64, device=self.ground.device)
        self.networks.only(chosen)
        self._table = self._table.only(chosen)
        self._rates, self._means = self._rates[chosen].contiguous(), self._means[chosen].contiguous()


def trainable(rule: Rule) -> Exception | None:
    """Return the error that prevents training a rule in a stack; None if there is none."""
    try:
        table_of([rule], device=torch.device("cpu"), total_steps=1)
    except Exception as cause:  # a bad rule must not end a search, whatever it breaks
        return cause
    return None


def table_of(rules: Sequence[Rule], *, device: torch.device, total_steps: int) -> tokens.Table:
    """Return the programs of some rules, for a training of so many steps.

    Raises:
        ValueError: a rule needs more registers than there are.
    """
    one = torch.zeros(1)
    bucket = Bucket([one], [one], {}, {}, [], EPSILON, 0.0, torch.Generator, progress=Progress(0, total_steps))
    return tokens.Table.of(rules, bucket=bucket, device=device)


def sample(examples: Examples, *, batch_size: int) -> Iterator[Tensor | float]:
    """Return what a fixed stack computes, as ``harness.tasks.child.sample`` does for the other paths."""
    ground = Ground(examples, batch_size=batch_size)
    every = rules()
    stepper = Stepper([(rule, RATE) for rule in every], ground=ground, seed=SEED, noise_sigma=0.01, total_steps=STEPS)
    for batch in torch.arange(len(examples.pool), device=ground.device).split(batch_size)[:STEPS]:
        stepper.step(batch)
        yield stepper.networks.losses
        yield stepper.networks.weights
    kept = torch.zeros(len(every), len(examples.validation), examples.classes, device=ground.device)
    yield stepper.networks.right(ground.validation, kept=kept)
    yield kept
