"""The update of all cells of a stack by PyTorch's operations, driven by a table of tokens: ``update`` on any device.

The rows of all rules at one place of the table are sorted by operation. An operation is computed at once for all cells
that need it, on copies of their arguments, and the results are written back; so no value of one rule meets another's.
How many operations a step takes depends on the longest rule and on how many kinds of operations there are, not on the
number of rules. The formulas and their rounding are those of ``optimizer.kernels``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.tasks.child.stacked.clock import BETAS
from harness.tasks.child.stacked.stack import EPSILON, table_of
from harness.tasks.child.stacked.tokens import GRADIENT, NUMBER, OPERATIONS, WEIGHT
from harness.tasks.optimizer.decays import Progress

PLACES = {"mean_m": 0, "mean_v": 1, "mean_gamma": 2}  # of the running means
DRAWS = ("noise", "anneal", "drop")

Function = Callable[["Update", "Rows", Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of a table that are computed at once: those of one place, one operation, and one kind of arguments.

    Attributes:
        operation: its name.
        cells: whose rows they are, (rows,).
        target: the rows of ``Update.values`` for the results.
        reads: for each of two arguments, the rows of ``Update.values``; None for a number.
        numbers: where in the table their numbers are, (rows,).
        draws: the rows of what was drawn; empty for other operations.
    """

    operation: str
    cells: Tensor
    target: Tensor
    reads: tuple[Tensor | None, Tensor | None]
    numbers: Tensor
    draws: Tensor


class Draws:
    """What the rules of a stack draw in a step, each by itself as ``RuleOptimizer`` would.

    Rules that draw the same kinds in the same order draw the same numbers, so these are drawn once.

    Args:
        kinds: for each rule its draws in order: ``noise``, ``anneal`` or ``drop``.
        entries: how many numbers a draw has.
        seed: of every stream.
        sigma: standard deviation of the noise.
        total_steps: T, on which that of ``anneal`` depends.
        like: gives dtype and device.
    """

    def __init__(
        self,
        kinds: Sequence[tuple[str, ...]],
        *,
        entries: int,
        seed: int,
        sigma: float,
        total_steps: int,
        like: Tensor,
    ) -> None:
        self._sigma, self._progress = sigma, Progress(0, total_steps)
        self.streams = {each: torch.Generator(like.device).manual_seed(seed) for each in dict.fromkeys(kinds) if each}
        turns = [(stream, turn) for stream in self.streams for turn in range(len(stream))]
        self._of = {
            kind: {key: row for row, key in enumerate(key for key in turns if key[0][key[1]] == kind)} for kind in DRAWS
        }
        self.rows = {
            kind: like.new_zeros(len(rows), entries, dtype=torch.int32 if kind == "drop" else like.dtype)
            for kind, rows in self._of.items()
        }

    def row(self, stream: tuple[str, ...], turn: int) -> int:
        """Return the row of a rule's draw among those of its kind."""
        return self._of[stream[turn]][stream, turn]

    def draw(self) -> None:
        """Draw what the next step needs."""
        deviation = {"noise": self._sigma, "anneal": self._progress.deviation}
        self._progress = replace(self._progress, step=self._progress.step + 1)
        for stream, generator in self.streams.items():
            for turn, kind in enumerate(stream):
                row = self.rows[kind][self.row(stream, turn)]
                if kind == "drop":
                    row.random_(generator=generator)
                else:
                    row.normal_(0.0, deviation[kind], generator=generator)


class Update:
    """The weights of all cells, and their update.

    Args:
        rules: the rule of each cell.
        rates: λ of each cell.
        start: the weights that every cell starts from, (entries,).
        seed: of the draws.
        sigma: standard deviation of the noise operand.
        total_steps: T, the steps of the whole training.

    Attributes:
        weights: (cells, entries).
        slopes: (cells, entries), to be written before every step.
        draws: what to draw before every step.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        rates: Sequence[float],
        start: Tensor,
        *,
        seed: int,
        sigma: float,
        total_steps: int,
    ) -> None:
        self._table = table_of(rules, device=start.device, total_steps=total_steps, dtype=torch.float64)
        cells, entries = len(rules), len(start)
        self._rates = list(rates)
        self.means = start.new_zeros(len(PLACES), cells, entries)
        self._kinds = [self._kinds_of(cell) for cell in range(cells)]
        self.draws = Draws(self._kinds, entries=entries, seed=seed, sigma=sigma, total_steps=total_steps, like=start)
        self._lay_out(start.new_zeros(cells, entries), start.repeat(cells, 1))

    def _kinds_of(self, cell: int) -> tuple[str, ...]:
        rows = self._table.rows[cell, : self._table.lengths[cell]].tolist()
        return tuple(OPERATIONS[row[0]] for row in rows if OPERATIONS[row[0]] in DRAWS)

    def _lay_out(self, slopes: Tensor, weights: Tensor) -> None:
        """Allocate memory for these cells, and find out which rows of the table are computed at once."""
        cells, places, lengths = len(weights), self._table.rows.cpu(), self._table.lengths.cpu()
        last = int(places[:, :, 1].max()) + 1
        self.values = weights.new_zeros(last, cells, weights.shape[1])
        self.values[GRADIENT], self.values[WEIGHT] = slopes, weights
        self.slopes, self.weights = self.values[GRADIENT], self.values[WEIGHT]
        self.flat, self.flat_means = self.values.flatten(0, 1), self.means.flatten(0, 1)
        found = defaultdict[tuple[int, int, bool, bool], list[int]](list)
        for cell, (rows, length) in enumerate(zip(places.tolist(), lengths.tolist(), strict=True)):
            for place, (code, _, x, y) in enumerate(rows[:length]):
                found[place, code, x == NUMBER, y == NUMBER or OPERATIONS[code] in DRAWS].append(cell)
        self._rows = [
            self._together(code, place, own, places[own, place].long())
            for (place, code, *_), own in sorted(found.items())
        ]
        ends = (places[torch.arange(cells), lengths.long() - 1, 1] * cells + torch.arange(cells)).long()
        self._descents = [
            (rate, own.to(weights.device), ends[own].to(weights.device))
            for rate in dict.fromkeys(self._rates)
            for own in [torch.tensor([cell for cell, each in enumerate(self._rates) if each == rate])]
        ]

    def _together(self, code: int, place: int, cells: list[int], rows: Tensor) -> Rows:
        """Return what computes the rows (cells, WIDTH) at one place of some cells."""
        chosen, device, count = torch.tensor(cells), self.values.device, self.values.shape[1]
        operation, longest = OPERATIONS[code], self._table.rows.shape[1]
        drawn = list[int]()
        if operation in DRAWS:
            drawn = [
                self.draws.row(self._kinds[cell], turn) for cell, turn in zip(cells, rows[:, 3].tolist(), strict=True)
            ]
        reads = [
            None
            if (operation in DRAWS and each == 1) or rows[0, 2 + each] == NUMBER
            else (rows[:, 2 + each] * count + chosen).to(device)
            for each in (0, 1)
        ]
        return Rows(
            operation=operation,
            cells=chosen.to(device),
            target=(rows[:, 1] * count + chosen).to(device),
            reads=(reads[0], reads[1]),
            numbers=(chosen * longest + place).to(device),
            draws=torch.tensor(drawn, dtype=torch.int64, device=device),
        )

    def step(self, now: Tensor, taken: Tensor, alive: Tensor) -> None:
        """Take the step ``w ← w − λΔ`` of all live cells.

        Args:
            now: this step's ``tokens.decays``.
            taken: (1,), int64: t, the steps taken before this one.
            alive: (cells,), bool.
        """
        self.now = now
        self._table.at(taken)
        for rows in self._rows:
            x, y = (
                self.number(rows, each).to(self.values) if read is None else self.flat.index_select(0, read)
                for each, read in enumerate(rows.reads)
            )
            result = FUNCTIONS[rows.operation](self, rows, x, y)
            self.flat.index_copy_(0, rows.target, result.expand(len(rows.cells), self.values.shape[2]))
        for rate, cells, delta in self._descents:
            moved = self.weights.index_select(0, cells).add_(self.flat.index_select(0, delta), alpha=-rate)
            kept = torch.where(alive.index_select(0, cells)[:, None], moved, self.weights.index_select(0, cells))
            self.weights.index_copy_(0, cells, kept)

    def number(self, rows: Rows, which: int) -> Tensor:
        """Return one of the two numbers of these rows, (rows, 1), float64."""
        return self._table.numbers.flatten(0, 1).index_select(0, rows.numbers)[:, which : which + 1]

    def mean(self, rows: Rows, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Update a running mean of x, or of x·y, and return it."""
        which = PLACES[rows.operation]
        at = rows.cells + which * self.means.shape[1]
        result = self.flat_means.index_select(0, at).mul_(BETAS[which])
        if y is None:
            result.add_(x, alpha=1.0 - BETAS[which])
        else:
            result.addcmul_(x, y, value=1.0 - BETAS[which])
        self.flat_means.index_copy_(0, at, result)
        return result

    def only(self, places: Tensor) -> None:
        """Keep only these cells, in this order; the streams of the draws go on."""
        here = places.tolist()
        self._table, self._kinds = self._table.only(places), [self._kinds[place] for place in here]
        self._rates = [self._rates[place] for place in here]
        self.means = self.means[:, places].contiguous()
        self._lay_out(self.slopes[places], self.weights[places])


def _clamped(update: Update, rows: Rows, x: Tensor, _y: Tensor) -> Tensor:
    limits = update.number(rows, 1).to(x)
    return torch.minimum(torch.maximum(x, -limits), limits)  # both keep NaN


def _dropped(update: Update, rows: Rows, x: Tensor, _y: Tensor) -> Tensor:
    drawn = update.draws.rows["drop"].index_select(0, rows.draws)
    return torch.where(drawn < update.number(rows, 1), 0.0, x)


def _drawn(update: Update, rows: Rows, _x: Tensor, _y: Tensor) -> Tensor:
    return update.draws.rows[rows.operation].index_select(0, rows.draws)


def _of_x(function: Callable[[Tensor], Tensor]) -> Function:
    return lambda _update, _rows, x, _y: function(x)


def _of_both(function: Callable[[Tensor, Tensor], Tensor]) -> Function:
    return lambda _update, _rows, x, y: function(x, y)


def _unbiased(due: int) -> Function:
    return lambda update, _rows, x, _y: x / update.now[due]


FUNCTIONS: dict[str, Function] = {
    "copy": _of_x(lambda x: x),
    "plus_eps": _of_x(lambda x: x + EPSILON),
    **{name: _of_x(getattr(torch, name)) for name in ("neg", "abs", "exp", "sign")},
    "ln": _of_x(torch.log),
    "root": _of_x(torch.sqrt),
    **{name: _of_both(getattr(torch, name)) for name in ("add", "mul", "sub")},
    "over": _of_both(lambda x, y: torch.reciprocal(y) * x if x.shape < y.shape else x / y),  # as for a number x
    "raised": _of_both(torch.pow),
    "clamp": _clamped,
    "drop": _dropped,
    "noise": _drawn,
    "anneal": _drawn,
    "mean_m": lambda update, rows, x, _y: update.mean(rows, x),
    "mean_v": Update.mean,
    "mean_gamma": Update.mean,
    "unbias_m": _unbiased(6),
    "unbias_v": _unbiased(7),
    "unbias_gamma": _unbiased(8),
    "rms": lambda update, _rows, x, _y: torch.sqrt(x) / update.now[9] + EPSILON,
}
"""The function of each operation."""
