"""Stacks by Triton's kernels (``forward``, ``backward``, ``update``), on a GPU or in Triton's interpreter."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.seeds import derive_seed
from harness.tasks.child.examples import Examples, Part
from harness.tasks.child.stacked import update
from harness.tasks.child.stacked.captured import CapturedStep
from harness.tasks.child.stacked.clock import Clock
from harness.tasks.child.stacked.network import Patches, Room, Shape, StackedNetworks
from harness.tasks.child.stacked.stack import EPSILON, table_of


class TritonGround:
    """The examples in the kernels' layout, and arrays to compute in; a ``stack.Ground``.

    Args:
        examples: what to train and score on, on the device.
        batch_size: size of every batch.
    """

    def __init__(self, examples: Examples, *, batch_size: int) -> None:
        _, channels, side, _ = examples.pool.images.shape
        self.device, self.classes = examples.pool.images.device, examples.classes
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

    def begin(
        self, cells: Sequence[tuple[Rule, float]], *, seed: int, noise_sigma: float, total_steps: int
    ) -> TritonStepper:
        """Return new children."""
        return TritonStepper(cells, ground=self, seed=seed, noise_sigma=noise_sigma, total_steps=total_steps)

    def release(self) -> None:
        """Release the memory that only speeds up the next stack."""
        self._room = None


class TritonStepper:
    """Networks and their updates, one step of every cell at a time; a ``stack.Stepper``.

    Args:
        cells: the rule and λ of each cell.
        ground: what all stacks share.
        seed: the child's seed.
        noise_sigma: standard deviation of the noise operand.
        total_steps: T, the steps of the whole training.
    """

    def __init__(
        self,
        cells: Sequence[tuple[Rule, float]],
        *,
        ground: TritonGround,
        seed: int,
        noise_sigma: float,
        total_steps: int,
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
        draws = derive_seed(seed, "rule")
        self._clock = Clock(batch_size=shape.batch, draws=draws, dtype=torch.float32, device=device)
        self._rates = torch.tensor([rate for _, rate in cells], dtype=torch.float64).to(device, torch.float32)
        self._table = table_of([rule for rule, _ in cells], device=device, total_steps=total_steps)
        self._means = torch.zeros(len(cells), 3, shape.stride, device=device)
        self._advance = CapturedStep(self._step, device)

    @property
    def weights(self) -> Tensor:
        """The weights, (cells, stride)."""
        return self.networks.weights

    @property
    def losses(self) -> Tensor:
        """Sums of the losses since they were last set to zero, (cells,), float64."""
        return self.networks.losses

    @property
    def steps(self) -> Tensor:
        """Batches that each cell has seen, (cells,)."""
        return self.networks.steps

    @property
    def alive(self) -> Tensor:
        """Which cells take steps, (cells,), bool."""
        return self.networks.alive != 0

    @property
    def finite(self) -> Tensor:
        """Which cells are alive, with finite weights after their last step; (cells,), bool."""
        return self.networks.finite

    def train(self, batches: Sequence[Tensor]) -> None:
        """Take some steps of every live cell, at most ``clock.STEPS``."""
        self._clock.load(batches)
        for _ in batches:
            self._advance()

    def right(self, part: Patches, *, kept: Tensor | None = None) -> Tensor:
        """Return how many of a part's images each cell classifies correctly, (cells,); ``kept`` gets the logits."""
        return self.networks.right(part, kept=kept)

    def only(self, places: Sequence[int]) -> None:
        """Keep only these cells, in this order."""
        chosen = torch.tensor(places, dtype=torch.int64, device=self.ground.device)
        self.networks.only(chosen)
        self._table = self._table.only(chosen)
        self._rates, self._means = self._rates[chosen].contiguous(), self._means[chosen].contiguous()
        self._advance.forget()

    def _step(self) -> None:
        networks, table, shape, clock = self.networks, self._table, self.ground.shape, self._clock
        clock.tick()
        networks.gradients(self.ground.pool, clock.chosen)
        table.at(clock.taken)
        update.update[(networks.cells, self._chunks)](
            networks.weights, networks.slopes, self._means, table.rows, table.numbers, table.lengths, self._rates,
            networks.alive, networks.flags, clock.seed, clock.now, EPSILON, self._sigma, table.rows.shape[1],
            stride=shape.stride, N=shape.places["end"], CHUNKS=self._chunks, SIZE=update.BLOCK, num_warps=1,
        )  # fmt: skip
