"""What a learned optimizer of the unit box computes besides its weights ([L2L-BB], protocol §9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from harness.errors import check_choice, check_range
from harness.limits import Range

Cell = Literal["lstm", "dnc"]
CELLS: tuple[str, ...] = get_args(Cell)
MOST_DIMENSIONS, MOST_WORKERS, MOST_HIDDEN, MOST_MEMORY, MOST_HEADS = 256, 64, 512, 128, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The sizes of a network. The paper does not give them, so the defaults are ours (**D**).

    Attributes:
        dimensions: of the box.
        cell: ``lstm``, or ``dnc``, a differentiable neural computer (Graves et al. 2016).
        parallel: points that are evaluated at once; 0 for one after another, which has no input o_t.
        hidden: units of the LSTM, which in a ``dnc`` controls the memory.
        slots: words in the memory of a ``dnc``.
        width: numbers in a word.
        heads: words that are read at once.

    Raises:
        SettingError: a size is out of range.
    """

    dimensions: Annotated[int, Range(1, MOST_DIMENSIONS)]
    cell: Cell = "lstm"
    parallel: Annotated[int, Range(0, MOST_WORKERS)] = 0
    hidden: Annotated[int, Range(1, MOST_HIDDEN)] = 100
    slots: Annotated[int, Range(2, MOST_MEMORY)] = 16
    width: Annotated[int, Range(1, MOST_MEMORY)] = 16
    heads: Annotated[int, Range(1, MOST_HEADS)] = 2

    def __post_init__(self) -> None:
        """Check what every network relies on."""
        check_choice("cell", self.cell, CELLS)
        check_range("dimensions", self.dimensions, least=1, most=MOST_DIMENSIONS)
        check_range("parallel", self.parallel, least=0, most=MOST_WORKERS)
        check_range("hidden", self.hidden, least=1, most=MOST_HIDDEN)
        check_range("slots", self.slots, least=2, most=MOST_MEMORY)
        check_range("width", self.width, least=1, most=MOST_MEMORY)
        check_range("heads", self.heads, least=1, most=MOST_HEADS)

    @property
    def inputs(self) -> int:
        """Numbers that the network reads at each step: x and y, and first o_t in the parallel form."""
        return self.dimensions + 1 + bool(self.parallel)
