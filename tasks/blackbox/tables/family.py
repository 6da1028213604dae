"""What the families of tables share: a table is read once, and each draw is the table, placed at random."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

from harness.blackbox.contracts import FunctionVariant
from harness.errors import check_choice
from harness.tasks.blackbox.placed import PLAIN
from harness.tasks.blackbox.placing import turned, unmoved
from harness.tasks.blackbox.tables.grid import Grid, TableFunctions


class TableFamily(ABC):
    """A family of one table for each variant.

    Args:
        root: the user's folder of files, or None.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    variants: ClassVar[Mapping[str, FunctionVariant]]

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._grid = cache(self.read)

    @abstractmethod
    def read(self, variant: str) -> Grid:
        """Read and return the table of a variant.

        Raises:
            HarnessError: it is missing or damaged.
        """

    def draw(self, seed: int, count: int, *, variant: str = "") -> TableFunctions:
        """Draw functions; those of the variant ``plain`` are all alike.

        Raises:
            HarnessError: there is no such variant, or its table is missing or damaged.
        """
        check_choice(f"variant of {self.name}", variant, self.variants)
        grid = self._grid(variant)
        if variant == PLAIN:
            return TableFunctions(grid, unmoved(count, grid.dimensions))
        return TableFunctions(grid, turned(seed, count, grid.dimensions, name=f"{self.name}/{variant}"))

    def fingerprint(self, variant: str = "") -> str:
        """Return a digest of the table.

        Raises:
            HarnessError: it is missing or damaged.
        """
        check_choice(f"variant of {self.name}", variant, self.variants)
        return self._grid(variant).fingerprint


def placed_and_plain(dimensions: int, what: str) -> Mapping[str, FunctionVariant]:
    """Return the variants of a family that has one table.

    Args:
        dimensions: of the table.
        what: the table, for listings.
    """
    return {
        "": FunctionVariant(summary=f"{what}, flipped and reordered", dimensions=dimensions),
        PLAIN: FunctionVariant(summary="its parameters in the order of the file, upwards", dimensions=dimensions),
    }
