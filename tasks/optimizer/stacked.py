"""Many rules' steps at once: each steps weights of its own, to the very bits of ``RuleOptimizer``.

The weights of each rule are a row of one memory, and so are gradients, running means and all values in between. Of what
the rules call (``optimizer.calls``), every function is taken at once over all rows that wait for it. That a processor
rounds alike wherever a number stands is certain only of what IEEE 754 rounds exactly. Any other function, such as a
power, is computed rule by rule, on tensors of just the sizes that ``RuleOptimizer`` has; so no rule notices what is
stepped beside it::

    stepper = StackedRules(rules, seeds, weights, rates, noise_sigma=0.01)
    stepper.gradients[0].copy_(slopes)  # (rules, ...)
    stepper.step()
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.seeds import derive_seed
from harness.tasks.optimizer.calls import BETAS, DROP, INTEGERS, NOISE, Call, Draw, Due, Place, Step, written_down
from harness.tasks.optimizer.kernels import FOREACH, MEANS, WORDS, kept_words

EXACT = frozenset({"abs", "add", "clamp_max", "clamp_min", "div", "mul", "neg", "reciprocal", "sign", "sqrt", "sub"})
BROADCAST = frozenset({"add", "div", "mul", "sub", DROP})  # these take a number for each row
ALIGNED = 64  # bytes: torch begins a tensor at their multiples
Run = Callable[[], object]


class StackedRules:
    """The weights of some rules, and a way to step them all.

    Args:
        rules: any.
        seeds: of each rule's random streams; equal ones draw alike.
        weights: where every rule starts, a contiguous tensor a parameter.
        rates: λ, which broadcasts against every parameter.
        noise_sigma: standard deviation of ``noise``.

    Attributes:
        weights: of all rules, (rules, ...) a parameter.
        gradients: to be written before every step, of the same shapes.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        seeds: Sequence[int],
        weights: Sequence[Tensor],
        rates: Tensor,
        *,
        noise_sigma: float,
    ) -> None:
        self._taken, self._dtype = 0, weights[0].dtype
        self._shapes = [weight.shape for weight in weights]
        self._ends = list(accumulate(weight.numel() for weight in weights))
        steps = [written_down(rule, dtype=self._dtype) for rule in rules]
        table = Table(steps, seeds)
        groups = [group for calls in scheduled(steps) for group in table.placed(calls)]
        deltas = [table.row(rule, d) if isinstance(d := step.delta, Place) else d for rule, step in enumerate(steps)]
        unit = ALIGNED // self._dtype.itemsize
        self._memory = torch.zeros(table.rows, -(-self._ends[-1] // unit) * unit, dtype=self._dtype)
        self.weights, self.gradients = (
            [part.unflatten(1, shape) for part, shape in zip(self._parts(rows), self._shapes, strict=True)]
            for rows in (slice(0, len(rules)), slice(len(rules), 2 * len(rules)))
        )
        for own, start in zip(self.weights, weights, strict=True):
            own.copy_(start)
        self._due = {name: torch.zeros((), dtype=self._dtype) for mean in MEANS for name in (mean, f"root {mean}")}
        self._draws = Draws(table, self._memory, entries=self._ends[-1], noise_sigma=noise_sigma)
        self._runs = [self._run(group) for group in groups]
        self._runs += self._descents(deltas, rates)

    def step(self) -> None:
        """Take a step."""
        self._taken += 1
        for beta, mean in zip(BETAS, MEANS, strict=True):
            due = 1.0 - beta**self._taken
            self._due[mean].fill_(due)
            self._due[f"root {mean}"].fill_(math.sqrt(due))
        self._draws.draw()
        for run in self._runs:
            run()

    def _parts(self, rows: slice | int) -> list[Tensor]:
        """Rows cut into parameters."""
        begins = (0, *self._ends)
        return [self._memory[rows, begin:end] for begin, end in zip(begins, self._ends, strict=False)]

    def _run(self, group: Group) -> Run:
        """How a group is computed, all that can be made ready beforehand."""
        out = self._memory[group.start : group.start + group.count]
        if not _exact(group.name, group.scales):
            return self._one_by_one(group, out)
        copies = list[tuple[Tensor, Tensor]]()  # rows to copy, and where to
        arguments = [self._argument(group, argument, copies) for argument in group.reads]

        function = getattr(torch, group.name, torch.bitwise_and)

        def together() -> None:
            for index, target in copies:
                torch.index_select(self._memory, 0, index, out=target)
            function(*arguments, out=out)

        if group.name == DROP:
            word = WORDS[self._dtype.itemsize]
            arguments, out = [each.view(word) for each in arguments], out.view(word)
        return together

    def _argument(self, group: Group, argument: Argument, copies: list[tuple[Tensor, Tensor]]) -> Tensor | float:
        """An argument for all rows of a group."""
        first = argument[0]
        if isinstance(first, Due):
            return self._due[first.name]
        if isinstance(first, float):
            return torch.tensor(argument, dtype=self._dtype)[:, None] if group.name in BROADCAST else first
        if argument == list(range(first, first + len(argument))):
            return self._memory[first : first + len(argument)]
        target = torch.empty(len(argument), self._memory.shape[1], dtype=self._dtype)
        copies.append((torch.tensor(argument), target))
        return target

    def _one_by_one(self, group: Group, out: Tensor) -> Run:
        """Compute a function that may round by where a number stands, in the sizes that a rule alone would have."""
        rows = [part for row in range(group.start, group.start + group.count) for part in self._parts(row)]
        first, *rest = (
            [part for row in argument for part in self._parts(row)] if isinstance(argument[0], int) else argument[0]
            for argument in group.reads
        )
        scales, inplace = dict(group.scales), FOREACH[group.name][1]
        if isinstance(first, float):
            (exponents,) = rest

            def of_number() -> None:
                for row, exponent in zip(rows, exponents, strict=True):
                    torch.pow(first, exponent, out=row)

            return of_number
        if group.reads[0] == list(range(group.start, group.start + group.count)):
            return lambda: inplace(rows, *rest, **scales)
        copies = list[tuple[Tensor, Tensor]]()
        source = self._argument(group, group.reads[0], copies)
        assert isinstance(source, Tensor)

        def copied() -> None:
            for index, target in copies:
                torch.index_select(self._memory, 0, index, out=target)
            out.copy_(source)
            inplace(rows, *rest, **scales)

        return copied

    def _descents(self, deltas: Sequence[int | float], rates: Tensor) -> Iterator[Run]:
        """The step ``w ← w − λΔ`` of every rule; Δ is a row or a number."""
        moved, by, shifted, numbers = list[Tensor](), list[Tensor](), list[Tensor](), list[Tensor]()
        for rule, delta in enumerate(deltas):
            if isinstance(delta, int):
                moved += self._shaped(rule)
                by += self._shaped(delta)
            else:
                shifted += self._shaped(rule)
                numbers += [rates * delta] * len(self._shapes)
        if moved:
            stacked = [rates] * len(moved)
            yield lambda: torch._foreach_addcmul_(moved, by, stacked, value=-1.0)
        if shifted:
            yield lambda: torch._foreach_sub_(shifted, numbers)

    def _shaped(self, row: int) -> list[Tensor]:
        return [part.view(shape) for part, shape in zip(self._parts(row), self._shapes, strict=True)]


Argument = list[int] | list[float]  # a row or a number for each call


@dataclass(frozen=True, slots=True)
class Group:
    """Calls of one function that are taken at once.

    Attributes:
        name: of the function.
        scales: its arguments by name.
        reads: its arguments.
        start: the row of the first result; the others follow.
        count: how many calls.
    """

    name: str
    scales: tuple[tuple[str, float], ...]
    reads: list[Argument]
    start: int
    count: int


def _exact(name: str, scales: object) -> bool:
    return name == DROP or (name in EXACT and not scales)


def _kind(call: Call) -> tuple[object, ...]:
    """Equal for calls that can be taken at once."""
    free = call.name in BROADCAST and _exact(call.name, call.scales)
    reads = (
        read.name if isinstance(read, Due) else None if free or isinstance(read, Place) else read.hex()
        for read in call.reads
    )
    places = tuple(isinstance(read, Place) for read in call.reads)
    return (call.name, call.scales, call.writes.holds, places, *reads)


def scheduled(steps: Sequence[Step]) -> Iterator[list[tuple[int, Call]]]:
    """All rules' calls, every argument before its use: each time the kind that most rules wait for."""
    waiting: dict[tuple[int, int], int] = {}  # rule and call: how many calls must come before
    users = defaultdict[tuple[int, int], list[int]](list)
    ready = defaultdict[tuple[object, ...], list[tuple[int, int]]](list)
    for rule, step in enumerate(steps):
        last: dict[Place, int] = {}
        for turn, call in enumerate(step.calls):
            before = {last[read] for read in call.reads if isinstance(read, Place) and read in last}
            for each in before:
                users[rule, each].append(turn)
            last[call.writes] = turn
            waiting[rule, turn] = len(before)
            if not before:
                ready[_kind(call)].append((rule, turn))
    while ready:
        kind = max(ready, key=lambda kind: len(ready[kind]))
        taken = sorted(ready.pop(kind))
        yield [(rule, steps[rule].calls[turn]) for rule, turn in taken]
        for rule, turn in taken:
            for user in users[rule, turn]:
                waiting[rule, user] -= 1
                if not waiting[rule, user]:
                    ready[_kind(steps[rule].calls[user])].append((rule, user))


class Table:
    """Which row of the memory a value has: weights first, then gradients, running means, and what a step makes."""

    def __init__(self, steps: Sequence[Step], seeds: Sequence[int]) -> None:
        self.rows = 0
        self._held: dict[tuple[str, int], int] = {}
        for name in ("w", "g", *MEANS):
            for rule, step in enumerate(steps):
                if name in ("w", "g", *step.means):
                    self._held[name, rule] = self._new()
        self._made: dict[Place, int] = {}
        self._streams = [(seed, tuple(step.draws)) for seed, step in zip(seeds, steps, strict=True)]
        self.drawn: dict[tuple[tuple[int, tuple[str, ...]], Draw], int] = {}

    def _new(self) -> int:
        self.rows += 1
        return self.rows - 1

    def row(self, rule: int, place: Place) -> int:
        """That of a rule's place."""
        if place.holds:
            return self._held[place.holds, rule]
        if place.draw is not None:
            key = self._streams[rule], place.draw
            if key not in self.drawn:
                self.drawn[key] = self._new()
            return self.drawn[key]
        return self._made[place]

    def placed(self, calls: Sequence[tuple[int, Call]]) -> Iterator[Group]:
        """Calls of one kind with rows for all that they read and write; several groups if results lie apart."""
        first = calls[0][1]
        reads = [
            [
                self.row(rule, read) if isinstance(read, Place) else read
                for rule, call in calls
                for read in [call.reads[place]]
            ]
            for place in range(len(first.reads))
        ]
        writes = list[int]()
        for rule, call in calls:
            if not call.writes.holds:
                self._made[call.writes] = self._new()
            writes.append(self.row(rule, call.writes))
        breaks = [place for place in range(1, len(writes)) if writes[place] != writes[place - 1] + 1]
        for begin, end in pairwise((0, *breaks, len(writes))):
            parts = [argument[begin:end] for argument in reads]
            yield Group(first.name, first.scales, parts, writes[begin], end - begin)


class Draws:
    """What rules draw at random in a step: once for all that draw alike from streams that begin alike.

    Args:
        table: says what is drawn, and where to.
        memory: of all rules.
        entries: of a row, the padding left aside.
        noise_sigma: standard deviation of ``noise``.
    """

    def __init__(self, table: Table, memory: Tensor, *, entries: int, noise_sigma: float) -> None:
        self._noise_sigma = noise_sigma
        self._words = memory.view(WORDS[memory.element_size()])
        streams = dict.fromkeys(stream for stream, _ in table.drawn)
        generators = {
            stream: torch.Generator().manual_seed(derive_seed(stream[0], "rule", "cpu")) for stream in streams
        }
        turns = {(stream, turn): 0 for stream in streams for turn, kind in enumerate(stream[1]) if kind == INTEGERS}
        places = {turn: place for place, turn in enumerate(turns)}
        self._integers = torch.zeros(len(places), memory.shape[1], dtype=torch.int32)
        self._drawn = [
            (generators[stream], memory[table.drawn[stream, Draw(turn)], :entries])
            if kind == NOISE
            else (generators[stream], self._integers[places[stream, turn], :entries])
            for stream in streams
            for turn, kind in enumerate(stream[1])
        ]
        masks = [
            (places[stream, draw.turn], draw.threshold, row)
            for (stream, draw), row in table.drawn.items()
            if draw.threshold is not None
        ]
        self._sources = torch.tensor([source for source, _, _ in masks], dtype=torch.int64)
        self._thresholds = torch.tensor([threshold for _, threshold, _ in masks], dtype=torch.int32)[:, None]
        self._targets = torch.tensor([target for _, _, target in masks], dtype=torch.int64)

    def draw(self) -> None:
        """Draw for the next step."""
        for generator, row in self._drawn:
            if row.is_floating_point():
                row.normal_(0.0, self._noise_sigma, generator=generator)
            else:
                row.random_(generator=generator)
        if len(self._targets):
            chosen = self._integers.index_select(0, self._sources)
            self._words.index_copy_(0, self._targets, kept_words(chosen, self._thresholds, self._words.element_size()))
