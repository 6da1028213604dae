"""A rule's step written down as calls of torch, and played over a large parameter piece by piece.

A rule is element-wise. A step of a large network waits for memory, so it is taken piece by piece, and every operation
finds in the processor's cache what the one before has left there. There are hundreds of pieces then, and a piece must
cost little besides its arithmetic: the kernels of ``optimizer.kernels`` run once, on stand-ins, and what they
call is called for every piece, with all results in the same memory. The step is the same to the bit::

    tape = record(program, bucket.only([place]), rate=0.01)
    tape.play([tensor.view(-1) for tensor in bucket.tensors(place)], entries=1 << 16)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from harness.tasks.optimizer.kernels import Bucket, descend
from harness.tasks.optimizer.program import Program
from harness.tasks.optimizer.tensors import plain

LEAST_ENTRIES = 1 << 12  # of a parameter: for fewer, a call costs more than its arithmetic
BROADCAST = frozenset({"add", "div", "mul", "sub"})  # these take a tensor of one number sooner than the number,
EXACT = (torch.float32, torch.float64)  # and in these types with the same result


@dataclass(frozen=True, slots=True)
class Call:
    """One call of torch.

    Attributes:
        function: of tensors, in place or with ``out``.
        reads: places of its arguments.
        out: the place of its result, maybe one of those read; None where it works in place.
        scales: its arguments by name.
    """

    function: Callable[..., Any]
    reads: tuple[int, ...]
    out: int | None
    scales: dict[str, float]


@dataclass(frozen=True, slots=True)
class Tape:
    """A step of one parameter, its λ and all numbers included.

    The places that calls name are the parameter, its gradient and its running means, then numbers; temporaries are
    counted from the end, from -1 down.

    Attributes:
        calls: in order.
        numbers: as torch takes them soonest.
        temporaries: how many results need memory of their own.
    """

    calls: tuple[Call, ...]
    numbers: tuple[Tensor | float, ...]
    temporaries: int

    def play(self, tensors: Sequence[Tensor], *, entries: int) -> None:
        """Take the step.

        Args:
            tensors: the parameter, its gradient and its running means, each as a vector.
            entries: of a piece, at most.
        """
        memory = [torch.empty_like(tensors[0][:entries]) for _ in range(self.temporaries)]
        for piece in zip(*(torch.split(tensor, entries) for tensor in tensors), strict=True):
            length = len(piece[0])
            places = (*piece, *self.numbers, *(each[:length] for each in memory))
            for call in self.calls:
                arguments = [places[place] for place in call.reads]
                if call.out is None:
                    call.function(*arguments, **call.scales)
                else:
                    call.function(*arguments, **call.scales, out=places[call.out])


def playable(bucket: Bucket, *, entries: int) -> list[int]:
    """The places of the parameters to step by a tape: on a processor, those that are worth it, unless all fit a piece.

    Args:
        bucket: any.
        entries: of a piece.
    """
    sizes = [param.numel() for param in bucket.params]
    if bucket.params[0].device.type != "cpu" or sum(sizes) <= entries:
        return []
    return [place for place, size in enumerate(sizes) if size >= LEAST_ENTRIES and _alike(bucket.tensors(place))]


def _alike(tensors: Sequence[Tensor]) -> bool:
    """Whether all can be cut as one vector is, and computed with in one dtype."""
    same = all(tensor.is_contiguous() and tensor.dtype is tensors[0].dtype for tensor in tensors)
    return same and plain(tensors)


def record(program: Program, bucket: Bucket, *, rate: float) -> Tape:
    """Write down the step ``w ← w − λΔ``.

    Args:
        program: the rule; it draws nothing at random.
        bucket: one parameter.
        rate: λ.
    """
    recorder = _Recorder(bucket.params[0].dtype)
    stand_ins = replace(
        bucket,
        params=[recorder.stand_in()],
        grads=[recorder.stand_in()],
        means={name: [recorder.stand_in()] for name in bucket.means},
        apply=recorder.write_down,
    )
    descend(stand_ins, program.run(stand_ins), rate)
    return recorder.tape(stand_ins.tensors(0))


@dataclass(slots=True)
class _Recorder:
    """Takes functions for computed, and writes them down.

    Tensors without entries stand in for the real ones.
    """

    dtype: torch.dtype
    calls: list[tuple[str, list[Tensor | float], Tensor, dict[str, float]]] = field(default_factory=list)

    def stand_in(self) -> Tensor:
        return torch.empty(0, dtype=self.dtype, device="cpu")

    def write_down(
        self, name: str, first: list[Tensor] | float, *rest: list[Tensor] | float, owned: bool, **scales: float
    ) -> list[Tensor]:
        """As ``kernels.together``."""
        result = first if owned and isinstance(first, list) else [self.stand_in()]
        arguments = [arg[0] if isinstance(arg, list) else float(arg) for arg in (first, *rest)]
        self.calls.append((name, arguments, result[0], scales))
        return result

    def tape(self, given: Sequence[Tensor]) -> Tape:
        """What was written down, with places for stand-ins.

        Args:
            given: those of the parameter, its gradient and its means.
        """
        places = {id(tensor): place for place, tensor in enumerate(given)}
        last = {id(arg): turn for turn, call in enumerate(self.calls) for arg in call[1]}
        calls, numbers = list[Call](), list[Tensor | float]()
        temporaries, free = 0, list[int]()
        for turn, (name, arguments, target, scales) in enumerate(self.calls):
            inplace = id(target) in places
            reads = list[int]()
            for arg in arguments:
                if isinstance(arg, float):
                    reads.append(len(given) + len(numbers))
                    numbers.append(self._number(arg, name, inplace=inplace))
                else:
                    reads.append(places[id(arg)])
            dying = {id(arg) for arg in arguments if last[id(arg)] == turn}
            free += [places[arg] for arg in dying if places.get(arg, 0) < 0]
            if not inplace:
                if not free:
                    temporaries += 1
                    free.append(-temporaries)
                places[id(target)] = free.pop()
            function = getattr(Tensor, f"{name}_") if inplace else getattr(torch, name)
            calls.append(Call(function, tuple(reads), None if inplace else places[id(target)], scales))
        return Tape(tuple(calls), tuple(numbers), temporaries)

    def _number(self, number: float, name: str, *, inplace: bool) -> Tensor | float:
        """A number as torch takes it soonest with the result that ``torch._foreach`` has."""
        own = torch.tensor(number, dtype=self.dtype, device="cpu")
        if name in BROADCAST and self.dtype in EXACT:
            return own
        return own.item() if name == "mul" and inplace else number
