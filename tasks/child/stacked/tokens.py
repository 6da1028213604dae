"""The table of tokens that drives ``update``: the programs of a stack's rules (``harness.tasks.optimizer.program``).

A row is one operation: which one, where its result goes, and where its arguments are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.space.equivalence import canonical
from harness.tasks.optimizer.kernels import Bucket, drop_threshold
from harness.tasks.optimizer.program import Program, compile_rule

OPERATIONS = (
    *("noise", "clamp", "drop", "neg", "abs", "exp", "sign", "add", "mul", "sub", "over", "plus_eps", "raised", "ln"),
    *("root", "copy"),
    *("mean_m", "mean_v", "mean_gamma", "unbias_m", "unbias_v", "unbias_gamma", "rms", "anneal"),
)
CODES = {name: code for code, name in enumerate(OPERATIONS)}
GRADIENT, WEIGHT, FIRST, REGISTERS = 0, 1, 2, 10  # the places of arguments: g, w, then registers, then a number
NUMBER = FIRST + REGISTERS
WIDTH = 4  # of a row: operation, result, arguments


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The programs of a stack's rules.

    Attributes:
        rows: (cells, longest, WIDTH), int32.
        numbers: (cells, longest, 2): numeric arguments, a clip's limit, a drop's threshold, anneal's spread.
        lengths: (cells,), int32.
        later: (steps, rules, longest, 2), the numbers at each step of the rules that depend on t.
        moving: (moving,), int64, the cells of such rules.
        owners: (moving,), int64, the places of their rules in ``later``.
    """

    rows: Tensor
    numbers: Tensor
    lengths: Tensor
    later: Tensor
    moving: Tensor
    owners: Tensor

    @classmethod
    def of(
        cls, rules: Sequence[Rule], *, bucket: Bucket, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> Table:
        """Return the table of each cell's rule.

        Args:
            rules: one rule per cell.
            bucket: gives ε, on which the numbers in a rule can depend, and the length of the training.
            device: where the table is stored.
            dtype: dtype of the numbers.

        Raises:
            ValueError: a rule needs more registers than there are.
        """
        programs = {rule: compile_rule(canonical(rule)) for rule in dict.fromkeys(rules)}
        lowered = {rule: _lowered(program, bucket) for rule, program in programs.items()}
        longest = max(len(rows) for rows, _ in lowered.values())
        rows = torch.zeros(len(rules), longest, WIDTH, dtype=torch.int32)
        numbers = torch.zeros(len(rules), longest, 2, dtype=dtype)
        for cell, rule in enumerate(rules):
            own, values = lowered[rule]
            rows[cell, : len(own)] = torch.tensor(own, dtype=torch.int32)
            numbers[cell, : len(own)] = torch.tensor(values, dtype=torch.float64).to(dtype)
        lengths = torch.tensor([len(lowered[rule][0]) for rule in rules], dtype=torch.int32)
        timed = [rule for rule, program in programs.items() if program.timed]
        later = [_at_each_step(programs[rule], bucket, longest) for rule in timed] or [numbers[:1].double()]
        moving = [cell for cell, rule in enumerate(rules) if programs[rule].timed]
        owners = [timed.index(rules[cell]) for cell in moving]
        indexes = (torch.tensor(each, dtype=torch.int64) for each in (moving, owners))
        changing = torch.stack(later, 1).to(dtype)
        return cls(*(each.to(device) for each in (rows, numbers, lengths, changing, *indexes)))

    def only(self, places: Tensor) -> Table:
        """Return the programs of these cells."""
        kept = places[:, None] == self.moving
        return Table(
            self.rows[places].contiguous(),
            self.numbers[places].contiguous(),
            self.lengths[places],
            self.later,
            kept.any(1).nonzero().flatten(),
            self.owners[kept.nonzero()[:, 1]],
        )

    def at(self, taken: Tensor) -> None:
        """Set the numbers to those of a step, in place and without waiting for the device.

        Args:
            taken: (1,), int64: t, the steps taken before this one.
        """
        if len(self.moving):
            now = self.later.index_select(0, taken.clamp(max=len(self.later) - 1))[0]
            self.numbers.index_copy_(0, self.moving, now.index_select(0, self.owners))


def _at_each_step(program: Program, bucket: Bucket, longest: int) -> Tensor:
    """Return a program's numbers at each step of the training and after it, (steps, longest, 2)."""
    progress = bucket.known_progress
    numbers = torch.zeros(progress.total + 1, longest, 2, dtype=torch.float64)
    for step in range(progress.total + 1):
        _, values = _lowered(program, replace(bucket, progress=replace(progress, step=step)))
        numbers[step, : len(values)] = torch.tensor(values, dtype=torch.float64)
    return numbers


def _lowered(program: Program, bucket: Bucket) -> tuple[list[list[int]], list[list[float]]]:
    """Return a program as rows and their numbers; its last row's result is Δ."""
    known = iter(program.numbers(bucket))
    number: dict[int, float] = {
        place: next(known) for place, instruction in enumerate(program.instructions) if instruction.scalar
    }
    home: dict[int, int] = {}
    free = list(range(NUMBER - 1, FIRST - 1, -1))
    rows: list[list[int]] = []
    numbers: list[list[float]] = []
    draws = 0
    for place, instruction in enumerate(program.instructions):
        if instruction.token in ("g", "w"):
            home[place] = GRADIENT if instruction.token == "g" else WEIGHT
        elif not instruction.scalar:
            reads = [home.get(read, NUMBER) for read in instruction.reads]
            values = [number.get(read, 0.0) for read in instruction.reads]
            for read in instruction.frees:
                if home.get(read, NUMBER) not in (GRADIENT, WEIGHT, NUMBER):
                    free.append(home[read])
            if not free:
                raise ValueError(f"a rule of more than {REGISTERS} values at once cannot train in a stack")
            home[place] = free.pop()
            rows.append([CODES[instruction.token], home[place], *_two(reads, NUMBER)])
            numbers.append(_two(values, 0.0))
            if instruction.draws:
                rows[-1][3], draws = draws, draws + 1
            if instruction.token == "clamp":
                numbers[-1][1] = instruction.level
            if instruction.token == "anneal":
                numbers[-1][1] = bucket.known_progress.deviation
            if instruction.token == "drop":
                numbers[-1][1] = drop_threshold(instruction.level)
    last = len(program.instructions) - 1
    if not rows or home.get(last, NUMBER) != rows[-1][1]:  # Δ is a number, g or w
        rows.append([CODES["copy"], FIRST, home.get(last, NUMBER), NUMBER])
        numbers.append([number.get(last, 0.0), 0.0])
    return rows, numbers


def _two(values: list[Any], missing: float) -> list[Any]:
    return [*values, missing, missing][:2]


def decays(betas: Sequence[float], steps: int) -> list[float]:
    """Return β, 1 − β and 1 − βᵗ of m, v and γ, and the root of v's 1 − βᵗ, in the order of ``update``."""
    due = [1.0 - beta**steps for beta in betas]
    return [*betas, *(1.0 - beta for beta in betas), *due, math.sqrt(due[1])]
