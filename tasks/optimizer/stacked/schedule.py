"""Which calls of many rules are made at once, and which row of one array each value has.

::

    table = Table(steps, streams)
    groups = [group for calls in scheduled(steps) for group in table.placed(calls)]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.tasks.optimizer.kernels import MEANS
from harness.tasks.optimizer.stacked.calls import DROP, Call, Draw, Due, Place, Step

BROADCAST = frozenset({"add", "div", "mul", "sub", DROP})  # these accept a number for each row

Argument = list[int] | list[float]  # a row or a number for each call
Stream = tuple[int, tuple[str, ...]]  # a seed, and all draws of a step
Scales = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Calls of one function that are made at once.

    Attributes:
        name: name of the function.
        scales: its keyword arguments.
        rules: the rule of each call.
        reads: its arguments.
        writes: the rows of the results, one after another.
    """

    name: str
    scales: Scales
    rules: list[int]
    reads: list[Argument]
    writes: slice


def _kind(call: Call) -> tuple[object, ...]:
    """Return a value that is equal for calls that can be made at once."""
    broadcast = call.name in BROADCAST and not call.scales
    places = tuple(isinstance(read, Place) for read in call.reads)
    numbers = (
        read.name if isinstance(read, Due) else None if broadcast or isinstance(read, Place) else read.hex()
        for read in call.reads
    )
    return (call.name, call.scales, call.writes.holds, places, *numbers)


def scheduled(steps: Sequence[Step]) -> Iterator[list[tuple[int, Call]]]:
    """Yield all calls with their rule's place, arguments before their use; each time the most frequent kind."""
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
    """The row of every value: weights first, then gradients, running means, and values of a step.

    Args:
        steps: the steps of all rules.
        streams: the stream of each rule; rules with one stream and equal entries share draws.
        entries: a mark for which weights each rule has; rules that have all weights share one.

    Attributes:
        rows: how many rows there are.
        drawn: by stream, draw and entries, the destination and a rule that has them.
    """

    def __init__(self, steps: Sequence[Step], streams: Sequence[Stream], entries: Sequence[int]) -> None:
        self.rows = 0
        self.drawn: dict[tuple[Stream, Draw, int], tuple[int, int]] = {}
        self._streams, self._entries = streams, entries
        self._made: dict[tuple[int, Place], int] = {}
        self.held = {
            (name, rule): self._new()
            for name in ("w", "g", *MEANS)
            for rule, step in enumerate(steps)
            if name in ("w", "g", *step.means)
        }

    def _new(self) -> int:
        self.rows += 1
        return self.rows - 1

    def row(self, rule: int, place: Place) -> int:
        """Return the row of a rule's place."""
        if place.holds:
            return self.held[place.holds, rule]
        if place.draw is None:
            return self._made[rule, place]
        key = self._streams[rule], place.draw, self._entries[rule]
        if key not in self.drawn:
            self.drawn[key] = self._new(), rule
        return self.drawn[key][0]

    def placed(self, calls: Sequence[tuple[int, Call]]) -> Iterator[Group]:
        """Yield calls of one kind with the rows that they read and write; several groups if results are apart."""
        first, rules = calls[0][1], [rule for rule, _ in calls]
        reads = [
            [
                self.row(rule, read) if isinstance(read, Place) else read
                for rule, read in zip(rules, column, strict=True)
            ]
            for column in zip(*(call.reads for _, call in calls), strict=True)
        ]
        writes = list[int]()
        for rule, call in calls:
            if not call.writes.holds:
                self._made[rule, call.writes] = self._new()
            writes.append(self.row(rule, call.writes))
        breaks = [place for place in range(1, len(writes)) if writes[place] != writes[place - 1] + 1]
        for begin, end in pairwise((0, *breaks, len(writes))):
            parts: list[Argument] = [argument[begin:end] for argument in reads]
            yield Group(first.name, first.scales, rules[begin:end], parts, slice(writes[begin], writes[end - 1] + 1))
