"""Many rules' steps at once: each updates its own weights, with exactly the bits of ``RuleOptimizer``.

The weights of each rule are a row of one array, and so are gradients, running means and all intermediate values. Each
function that the rules call (``calls``) is computed at once for all rows that wait for it (``schedule``). A function
whose rounding depends on a number's position (``rounding``) is computed rule by rule, on tensors of the same sizes as
in ``RuleOptimizer``. So no rule depends on what is beside it::

    stepper = StackedRules(rules, seeds, weights, rates, noise_sigma=0.01)
    stepper.gradients[0].copy_(slopes)  # (rules, ...)
    stepper.step()
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.seeds import derive_seed
from harness.space.node import Node
from harness.tasks.optimizer.decays import Progress
from harness.tasks.optimizer.kernels import FOREACH, MEANS, WORDS, Bucket, kept_words
from harness.tasks.optimizer.settings import training_of
from harness.tasks.optimizer.stacked.calls import (
    ANNEAL,
    BETAS,
    DROP,
    EPSILON,
    INTEGERS,
    NOISE,
    Due,
    Place,
    written_down,
)
from harness.tasks.optimizer.stacked.rounding import uniform
from harness.tasks.optimizer.stacked.schedule import BROADCAST, Argument, Group, Stream, Table, scheduled

ALIGNED = 64  # bytes: torch aligns tensors to multiples of this
Run = Callable[[], object]


class Form:
    """Tensors laid end to end in rows.

    Args:
        shapes: shapes of one row's tensors.
    """

    def __init__(self, shapes: Sequence[torch.Size]) -> None:
        self.shapes = shapes
        ends = list(accumulate(shape.numel() for shape in shapes))
        self.entries = ends[-1]
        self._cuts = list(zip((0, *ends), ends, strict=False))

    def flat(self, rows: Tensor) -> list[Tensor]:
        """Return the tensors of rows, each of shape (..., entries)."""
        return [rows[..., begin:end] for begin, end in self._cuts]

    def shaped(self, rows: Tensor) -> list[Tensor]:
        """Return the tensors of rows, each of shape (..., *shape)."""
        return [part.unflatten(-1, shape) for part, shape in zip(self.flat(rows), self.shapes, strict=True)]


class StackedRules:
    """The weights of some rules, and the step of them all.

    Args:
        rules: any rules.
        seeds: seeds of each rule's random streams; equal seeds draw alike.
        weights: the starting weights of every rule, one contiguous tensor per parameter.
        rates: the λs, which broadcast against every parameter.
        noise_sigma: standard deviation of ``noise``.
        total_steps: T, the steps of the whole training; None if no rule depends on it.

    Raises:
        SettingError: a rule depends on T, and it is None.

    Attributes:
        weights: weights of all rules, (rules, ...) per parameter.
        gradients: gradients of the same shapes, to be written before every step.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        seeds: Sequence[int],
        weights: Sequence[Tensor],
        rates: Tensor,
        *,
        noise_sigma: float,
        total_steps: int | None = None,
    ) -> None:
        self._rates, self._noise_sigma, self._taken = rates, noise_sigma, 0
        self._dtype, self._whole = weights[0].dtype, Form([weight.shape for weight in weights])
        self._steps = [written_down(rule, dtype=self._dtype) for rule in rules]
        self._streams: list[Stream] = [(seed, tuple(step.draws)) for seed, step in zip(seeds, self._steps, strict=True)]
        self._generators = {
            stream: torch.Generator().manual_seed(derive_seed(stream[0], "rule", "cpu"))
            for stream in dict.fromkeys(self._streams)
        }
        corrections = [name for mean in MEANS for name in (mean, f"root {mean}")]
        moving = [number.name for step in self._steps for number in step.numbers if isinstance(number, Due)]
        self._due = {name: torch.zeros((), dtype=self._dtype) for name in (*corrections, *moving)}
        self._now: dict[str | Node, float] = {}  # those that depend on a decay, as numbers
        for step in self._steps:
            training_of(step.program.timed, total_steps, rd_periods=1.0)
        self._progress = Progress(0, total_steps or 1)
        self._index: Tensor | None = None  # for narrowed rules, which entries they have, (rules, entries)
        self._lay_out(self._whole, [0] * len(rules))
        for own, start in zip(self.weights, weights, strict=True):
            own.copy_(start)

    @property
    def can_narrow(self) -> bool:
        """Whether the weights at one λ can be updated without those at the others."""
        return uniform("addcmul", self._dtype, scaled=True) and self._rates.numel() > 1

    def narrow(self, cells: Sequence[tuple[int, int]]) -> None:
        """Continue with some rules, each at a single λ; the weights keep a dimension of 1 for the λs.

        Args:
            cells: the places of a rule and of its λ; each rule at most once.
        """
        rules, rows = [rule for rule, _ in cells], [row for _, row in cells]
        before, table, steps = self._memory, self._table, self._steps
        labels = torch.arange(self._rates.numel()).view_as(self._rates)
        own = torch.cat([labels.expand(shape).flatten() for shape in self._whole.shapes])
        chosen = {row: (own == row).nonzero().flatten() for row in dict.fromkeys(rows)}
        self._index = torch.stack([chosen[row] for row in rows])
        self._steps, self._streams = [steps[rule] for rule in rules], [self._streams[rule] for rule in rules]
        self._lay_out(Form([self._one(shape) for shape in self._whole.shapes]), rows)
        for new, rule in enumerate(rules):
            for name in ("w", *steps[rule].means):
                kept = before[table.held[name, rule], self._index[new]]
                self._memory[self._table.held[name, new], : self._form.entries] = kept

    def _one(self, shape: torch.Size) -> torch.Size:
        """Return a shape with a single λ."""
        place = len(shape) - self._rates.dim() + self._rates.shape.index(self._rates.numel())
        return torch.Size((*shape[:place], 1, *shape[place + 1 :]))

    def _lay_out(self, form: Form, rows: Sequence[int]) -> None:
        """Allocate memory, and prepare everything that can be prepared before a step."""
        self._rows = rows
        table = Table(self._steps, self._streams, rows)
        groups = [group for calls in scheduled(self._steps) for group in table.placed(calls)]
        deltas = [
            table.row(rule, step.delta) if isinstance(step.delta, Place) else step.delta
            for rule, step in enumerate(self._steps)
        ]
        self._form, self._table, count = form, table, len(self._steps)
        self._timed = {id(step): step for step in self._steps if step.program.timed}
        self._memory = self._room(table.rows, form)
        self.weights, self.gradients = form.shaped(self._memory[:count]), form.shaped(self._memory[count : 2 * count])
        self._runs = [*self._draws(table), *map(self._run, groups), *self._descents(deltas)]

    def _room(self, rows: int, form: Form, dtype: torch.dtype | None = None) -> Tensor:
        """Return zeros, (rows, entries), in which every row is aligned like a separate tensor."""
        kind = dtype or self._dtype
        unit = ALIGNED // kind.itemsize
        return torch.zeros(rows, -(-form.entries // unit) * unit, dtype=kind)

    def step(self) -> None:
        """Take one step of all rules."""
        self._taken += 1
        for beta, mean in zip(BETAS, MEANS, strict=True):
            due = 1.0 - beta**self._taken
            self._due[mean].fill_(due)
            self._due[f"root {mean}"].fill_(math.sqrt(due))
        if self._timed:
            self._find_due()
        for run in self._runs:
            run()

    def _find_due(self) -> None:
        """Compute everything that depends on how far the training is."""
        self._progress = replace(self._progress, step=self._taken - 1)
        one, nothing = torch.empty(0, dtype=self._dtype), dict[str, Any]()
        progress, sigma = self._progress, self._noise_sigma
        bucket = Bucket([one], [one], nothing, nothing, [], EPSILON, sigma, torch.Generator, progress=progress)
        for step in self._timed.values():
            for name, number in step.due(bucket):
                self._now[name] = number
                self._due[name].fill_(number)

    def _run(self, group: Group) -> Run:
        """Return what computes a group."""
        copies = list[tuple[Tensor, Tensor]]()  # which rows to copy, and where to
        arguments = [self._argument(group, argument, copies) for argument in group.reads]
        out, scales = self._memory[group.writes], dict(group.scales)
        function: Callable[..., object] = getattr(torch, group.name, torch.bitwise_and)
        if group.name == DROP:
            word = WORDS[self._dtype.itemsize]
            arguments, out = [each.view(word) for each in arguments if isinstance(each, Tensor)], out.view(word)
        elif not uniform(group.name, self._dtype, scaled=bool(scales)):
            function, arguments = self._one_by_one(group, arguments), []
        due = any(isinstance(each, Due) for each in arguments)

        def run() -> None:
            for index, target in copies:
                torch.index_select(self._memory, 0, index, out=target)
            function(*(map(self._as_due, arguments) if due else arguments), out=out, **scales)

        return run

    def _as_due(self, argument: Any) -> Any:
        """Return an argument, or the number that it is in this step."""
        return self._now[argument.name] if isinstance(argument, Due) else argument

    def _argument(self, group: Group, argument: Argument, copies: list[tuple[Tensor, Tensor]]) -> Tensor | float:
        """Return an argument for all rows of a group."""
        first = argument[0]
        if isinstance(first, Due):  # torch raises to a number otherwise than to a tensor that holds it
            return first if group.name == "pow" else self._due[first.name]
        if isinstance(first, float):
            free = group.name in BROADCAST and not group.scales
            return torch.tensor(argument, dtype=self._dtype)[:, None] if free else first
        if argument == list(range(first, first + len(argument))):
            return self._memory[first : first + len(argument)]
        target = torch.empty(len(argument), self._memory.shape[1], dtype=self._dtype)
        copies.append((torch.tensor(argument), target))
        return target

    def _one_by_one(self, group: Group, arguments: Sequence[Tensor | float]) -> Callable[..., None]:
        """Return what computes a function rule by rule, in the sizes that a rule alone would have."""
        given = [each for each in arguments if isinstance(each, Tensor)]
        index = None if self._index is None else self._index[group.rules]
        wide = given if index is None else [self._room(len(group.rules), self._whole) for _ in given]
        rooms = iter(wide)
        parts: list[Any] = [self._parted(next(rooms)) if isinstance(each, Tensor) else each for each in arguments]
        results = self._room(len(group.rules), self._whole)
        each_result, inplace = self._parted(results), FOREACH[group.name][1]

        def compute(**scales: float) -> None:
            if isinstance(parts[0], float):
                torch._foreach_copy_(each_result, torch._foreach_pow(*map(self._as_due, parts)))
            else:
                results.copy_(wide[0])
                inplace(each_result, *map(self._as_due, parts[1:]), **scales)

        def in_full(*, out: Tensor, **scales: float) -> None:
            compute(**scales)
            out.copy_(results)

        def in_part(*, out: Tensor, **scales: float) -> None:
            assert index is not None
            for room, narrow in zip(wide, given, strict=True):
                room.fill_(1.0).scatter_(1, index, narrow[:, : self._form.entries])
            compute(**scales)
            out[:, : self._form.entries] = results.gather(1, index)

        return in_full if index is None else in_part

    def _parted(self, rows: Tensor) -> list[Tensor]:
        """Return every parameter of every row."""
        return [part for row in rows for part in self._whole.flat(row)]

    def _descents(self, deltas: Sequence[int | float]) -> Iterator[Run]:
        """Yield what computes the step ``w ← w − λΔ`` of every rule; Δ is a row or a number."""
        moved, by, rates = list[Tensor](), list[Tensor](), list[Tensor]()
        shifted, numbers = list[Tensor](), list[Tensor]()
        one = float(self._rates) if self._rates.numel() == 1 else None  # RuleOptimizer also gets a number then
        for rule, delta in enumerate(deltas):
            own = self._form.shaped(self._memory[rule])
            rate = self._rates if self._index is None else self._rates.flatten()[self._rows[rule]]
            if isinstance(delta, int):
                moved += own
                by += self._form.shaped(self._memory[delta])
                rates += [rate] * len(own)
            else:
                shifted += own
                exact = torch.tensor(0.0 if one is None else one * delta, dtype=torch.float64)
                number = rate * delta if one is None else exact.to(self._dtype)
                numbers += [number] * len(own)
                if isinstance(delta, Due):
                    yield partial(self._scale, number, delta, rate if one is None else one)
        if moved and one is None:
            yield lambda: torch._foreach_addcmul_(moved, by, rates, value=-1.0)
        elif moved:
            yield partial(torch._foreach_add_, moved, by, alpha=-(one or 0.0))
        if shifted:
            yield lambda: torch._foreach_sub_(shifted, numbers)

    def _scale(self, out: Tensor, delta: Due, rate: Tensor | float) -> None:
        """Write λΔ of a rule whose Δ is a number that depends on a decay."""
        product = rate * self._now[delta.name]
        out.copy_(torch.tensor(product, dtype=torch.float64) if isinstance(product, float) else product)

    def _draws(self, table: Table) -> Iterator[Run]:
        """Yield what draws the rules' random values: once for all that draw alike from equal streams."""
        turns = [(stream, turn) for stream in dict.fromkeys(self._streams) for turn in range(len(stream[1]))]
        places = {turn: place for place, turn in enumerate(turns)}
        integers, numbers = (self._room(len(turns), self._whole, dtype) for dtype in (torch.int32, self._dtype))
        for (stream, turn), place in places.items():
            kind, generator = stream[1][turn], self._generators[stream]
            row = (integers if kind == INTEGERS else numbers)[place, : self._whole.entries]
            if kind == NOISE:
                yield partial(row.normal_, 0.0, self._noise_sigma, generator=generator)
            elif kind == ANNEAL:
                yield partial(self._anneal, row, generator)
            else:
                yield partial(row.random_, generator=generator)
        for noise in (True, False):
            drawn = [
                (places[stream, draw.turn], draw.threshold or 0, row, rule)
                for (stream, draw, _), (row, rule) in table.drawn.items()
                if (draw.threshold is None) == noise
            ]
            if drawn:
                yield self._delivery(numbers if noise else integers, drawn)

    def _anneal(self, row: Tensor, generator: torch.Generator) -> None:
        row.normal_(0.0, self._progress.deviation, generator=generator)

    def _delivery(self, rooms: Tensor, drawn: Sequence[tuple[int, int, int, int]]) -> Run:
        """Return what copies draws to where they are read, with integers as masks of drops."""
        chosen, thresholds, rows, rules = (torch.tensor(each) for each in zip(*drawn, strict=True))
        index = None if self._index is None else self._index[rules]
        word, limits = WORDS[self._dtype.itemsize], thresholds.to(torch.int32)[:, None]
        memory = self._memory.view(word)[:, : self._form.entries]

        def deliver() -> None:
            found = rooms.index_select(0, chosen)
            found = found[:, : self._whole.entries] if index is None else found.gather(1, index)
            if rooms.is_floating_point():
                memory.index_copy_(0, rows, found.view(word))
            else:
                memory.index_copy_(0, rows, kept_words(found, limits, self._dtype.itemsize))

        return deliver
