"""A workload that tests can hold at any epoch: the small one of ``small_workload``, steered by the environment.

``GATED_LEAVES`` is a folder of which every epoch takes a file before it trains: it waits for one, for ever if none
comes. ``GATED_JOURNAL`` is a file that gets a line for every epoch trained: the child's seed and the epoch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace

from small_workload import SMALL, Fit, Lines, LinesTask

GATED = replace(SMALL, name="gated", task="gated_lines:GatedTask", inputs="none", epochs=6)
OTHER = replace(GATED, name="other", batch_size=4)
EPOCHS = len(GATED.learning_rates) + GATED.epochs - 1  # of a child that does not diverge


class GatedFit(Fit):
    """A network that waits for a leaf before every epoch."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._own = seed

    def losses(self, epoch: int) -> Iterator[float]:
        """Train an epoch as soon as the test allows it."""
        if leaves := os.environ.get("GATED_LEAVES"):
            while not taken(leaves):
                time.sleep(0.005)
        if journal := os.environ.get("GATED_JOURNAL"):
            with open(journal, "a", encoding="utf-8") as file:
                file.write(f"{self._own} {epoch}\n")
        yield from super().losses(epoch)


class GatedLines(Lines):
    """Starts networks that wait."""

    def start(self, seed: int) -> GatedFit:
        """Return the network of a seed."""
        return GatedFit(seed)


class GatedTask(LinesTask):
    """The workload as a task."""

    def prepare(self) -> GatedLines:
        """Return the workload."""
        return GatedLines()

    def sample(self) -> Iterator[float]:
        """Yield nothing that would take a leaf."""
        yield 1.0


def taken(folder: str) -> bool:
    """Take a file out of a folder; return whether there was one."""
    for name in sorted(os.listdir(folder)):
        try:
            os.unlink(os.path.join(folder, name))  # atomic: one epoch a file, whichever worker is first
        except FileNotFoundError:
            continue
        return True
    return False
