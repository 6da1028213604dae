"""A rule's step written down as calls of torch, each of which says where its arguments come from.

The kernels of ``optimizer.kernels`` run once, on stand-ins. What changes from step to step, bias corrections and what
is drawn at random, stays a name; so one list of calls holds for all steps of one rule::

    step = written_down(Rule.parse("adam"), dtype=torch.float32)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.space.equivalence import canonical
from harness.space.expression import state
from harness.tasks.optimizer.kernels import Bucket, Value
from harness.tasks.optimizer.program import compile_rule

NOISE, INTEGERS, DROP = "noise", "integers", "drop"
BETAS, EPSILON = (0.9, 0.999, 0.999), 1e-8  # the defaults of ``RuleOptimizer``


@dataclass(frozen=True, slots=True)
class Draw:
    """What is drawn at random.

    Attributes:
        turn: how many draws of the step come before it.
        threshold: of a drop, the least integer that keeps an entry; None for noise.
    """

    turn: int
    threshold: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a value stands; each is a place of its own.

    Attributes:
        holds: ``g``, ``w``, the name of a running mean, or nothing for a value of this step alone.
        draw: what is drawn into it; None for what is computed.
    """

    holds: str = ""
    draw: Draw | None = None


class Due(float):
    """A bias correction, which is another number in every step; ``name`` says which.

    It is a float as kernels expect one, but not a number.
    """

    name: str

    @classmethod
    def of(cls, name: str) -> Due:
        """The correction of that name: a running mean's, or ``root`` and the mean's for its root."""
        made = cls("nan")
        made.name = name
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call.

    Attributes:
        name: torch's name of the function, or ``DROP``.
        reads: its arguments; of a drop the value and the mask.
        scales: its arguments by name.
        writes: where its result stands; a place that it reads, too, where it works in place.
    """

    name: str
    reads: tuple[Place | float, ...]
    scales: tuple[tuple[str, float], ...]
    writes: Place


@dataclass(slots=True)
class Step:
    """One step of a rule.

    Attributes:
        means: the running means that it keeps.
        calls: in order; a place is written once, and a running mean's in place alone.
        draws: what is drawn, in order: ``NOISE``, or ``INTEGERS`` for a drop.
        delta: where Δ stands, or the number that it is.
    """

    means: tuple[str, ...]
    calls: list[Call] = field(default_factory=list)
    draws: list[str] = field(default_factory=list)
    delta: Place | float = 0.0


@lru_cache(maxsize=1024)
def written_down(rule: Rule, *, dtype: torch.dtype) -> Step:
    """Write the step of a rule down.

    Args:
        rule: any.
        dtype: of the weights.
    """
    node = canonical(rule)
    step = Step(state(node))
    writer = _Writer(step, dtype)
    bucket = _StandIns(
        params=writer.stand_in("w"),
        grads=writer.stand_in("g"),
        means={name: writer.stand_in(name) for name in step.means},
        decays=dict(zip(("m", "v", "gamma"), BETAS, strict=True)),
        steps=[1],
        eps=EPSILON,
        noise_sigma=0.0,
        generator=torch.Generator,
        apply=writer.write_down,
        writer=writer,
    )
    step.delta = writer.read(compile_rule(node).run(bucket))
    return step


@dataclass(slots=True)
class _Writer:
    """Takes functions for computed and writes them down; tensors without entries stand in for the real ones."""

    step: Step
    dtype: torch.dtype
    places: dict[int, tuple[Tensor, Place]] = field(default_factory=dict)  # the tensors are kept, and so their ids

    def stand_in(self, holds: str = "", draw: Draw | None = None) -> list[Tensor]:
        tensor = torch.empty(0, dtype=self.dtype)
        self.places[id(tensor)] = tensor, Place(holds, draw)
        return [tensor]

    def read(self, value: Value | list[float]) -> Place | float:
        if isinstance(value, float | int):
            return value if isinstance(value, Due) else float(value)
        (tensor,) = value
        assert isinstance(tensor, Tensor), "every stand-in has seen equally many gradients"
        return self.places[id(tensor)][1]

    def write_down(
        self, name: str, first: Value, *rest: Value | list[float], owned: bool, **scales: float
    ) -> list[Tensor]:
        """As ``kernels.together``, but that nothing except a running mean is written over."""
        reads = tuple(map(self.read, (first, *rest)))
        result = first if owned and isinstance(first, list) else self.stand_in()
        written = reads[0]
        if not (result is first and isinstance(written, Place) and written.holds):
            written = Place()
            self.places[id(result[0])] = result[0], written
        self.step.calls.append(Call(name, reads, tuple(scales.items()), written))
        return result

    def drawn(self, kind: str, threshold: int | None = None) -> list[Tensor]:
        self.step.draws.append(kind)
        return self.stand_in(draw=Draw(len(self.step.draws) - 1, threshold))


@dataclass(slots=True)
class _StandIns(Bucket):
    """A bucket of one stand-in for each of its tensors."""

    writer: _Writer = field(kw_only=True)

    def correction(self, mean: str) -> Due:
        return Due.of(mean)

    def root(self, mean: str) -> Due:
        return Due.of(f"root {mean}")

    def noise(self) -> Tensor:
        return self.writer.drawn(NOISE)[0]

    def split(self, flat: Tensor) -> list[Tensor]:
        return [flat]

    def dropped(self, value: Value, threshold: int, *, owned: bool) -> list[Tensor]:  # noqa: ARG002
        return self.writer.write_down(DROP, value, self.writer.drawn(INTEGERS, threshold), owned=False)
