"""What differs from one step to the next, in memory that stays where it is; so a captured step finds it there.

A captured step repeats the same operations on the same memory: a number that the host computes is frozen in it. So the
host writes the batches, draw seeds and bias corrections of some steps at once, and each step takes its own::

    clock.load(batches)
    for _ in batches:
        clock.tick()  # part of the captured step: fills ``chosen``, ``now``, ``seed`` and ``taken``
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.seeds import derive_seed
from harness.tasks.child.stacked import tokens

STEPS = 25  # between two looks at which cells are alive
BETAS = (0.9, 0.999, 0.999)  # the defaults of ``RuleOptimizer``
MOST_DRAW_SEED = 2**62


class Clock:
    """The batches and numbers of the next steps.

    Args:
        batch_size: size of every batch.
        draws: root seed of the steps' draws.
        dtype: dtype of the numbers.
        device: where they are.

    Attributes:
        chosen: (batch,), int64: the examples of this step.
        now: (10,): this step's ``tokens.decays``.
        seed: (1,), int64: the seed of this step's draws.
        taken: (1,), int64: t, the steps taken before this one.
    """

    def __init__(self, *, batch_size: int, draws: int, dtype: torch.dtype, device: torch.device) -> None:
        self._draws, self._loaded = draws, 0
        self._batches = torch.zeros(STEPS, batch_size, dtype=torch.int64, device=device)
        self._numbers = torch.zeros(STEPS, len(tokens.decays(BETAS, 1)), dtype=dtype, device=device)
        self._seeds = torch.zeros(STEPS, 1, dtype=torch.int64, device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)
        self.chosen, self.now, self.seed = (each[0].clone() for each in (self._batches, self._numbers, self._seeds))
        self.taken = torch.full((1,), -1, dtype=torch.int64, device=device)

    def load(self, batches: Sequence[Tensor]) -> None:
        """Prepare at most ``STEPS`` steps on these batches, each (batch,)."""
        steps = range(self._loaded + 1, self._loaded + 1 + len(batches))
        self._loaded += len(batches)
        numbers = [tokens.decays(BETAS, step) for step in steps]
        seeds = [[derive_seed(self._draws, "step", step) % MOST_DRAW_SEED] for step in steps]
        self._batches[: len(batches)] = torch.stack(list(batches)).to(self._batches.device)
        self._numbers[: len(batches)] = torch.tensor(numbers, dtype=torch.float64).to(self._numbers)
        self._seeds[: len(batches)] = torch.tensor(seeds).to(self._seeds.device)
        self._place.zero_()

    def tick(self) -> None:
        """Go to the next step that is prepared."""
        for rows, row in ((self._batches, self.chosen), (self._numbers, self.now), (self._seeds, self.seed)):
            row.copy_(rows.index_select(0, self._place)[0])
        self._place.add_(1)
        self.taken.add_(1)
