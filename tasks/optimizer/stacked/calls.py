"""A rule's step recorded as calls of torch, each of which says where its arguments come from.

The kernels of ``optimizer.kernels`` run once, on stand-ins. Values that change between steps stay names: bias
corrections, random draws, and numbers that depend on a decay. So one list of calls works for all steps of a rule::

    step = written_down(Rule.parse("adam"), dtype=torch.float32)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.space.equivalence import canonical
from harness.space.expression import state
from harness.space.node import Node
from harness.space.primitives import operations
from harness.tasks.optimizer.decays import Progress
from harness.tasks.optimizer.kernels import Bucket, Value
from harness.tasks.optimizer.program import Program, compile_rule

NOISE, ANNEAL, INTEGERS, DROP = "noise", "anneal", "integers", "drop"
BETAS, EPSILON = (0.9, 0.999, 0.999), 1e-8  # the defaults of ``RuleOptimizer``


@dataclass(frozen=True, slots=True)
class Draw:
    """A random draw.

    Attributes:
        turn: how many draws of the step come before it.
        threshold: for a drop, the least integer that keeps an entry; None for noise and anneal.
    """

    turn: int
    threshold: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A place for a value; each value has its own.

    Attributes:
        holds: ``g``, ``w``, the name of a running mean, or empty for a value of this step alone.
        draw: the draw that fills it; None for a computed value.
    """

    holds: str = ""
    draw: Draw | None = None


class Due(float):
    """A number that differs in every step; ``name`` says which one it is.

    It is a float because kernels expect one, but it has no value.
    """

    name: str | Node

    @classmethod
    def of(cls, name: str | Node) -> Due:
        """Return the number of that name.

        Args:
            name: a running mean for its bias correction, with ``root`` before it for the correction's root; or what is
                computed from decays.
        """
        made = cls("nan")
        made.name = name
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of torch.

    Attributes:
        name: torch's name of the function, or ``DROP``.
        reads: its arguments; for a drop the value and the mask.
        scales: its keyword arguments.
        writes: where its result goes; for a call in place, one of the places that it reads.
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
        calls: the calls in order; each place is written once, and a running mean's only in place.
        draws: the draws in order: ``NOISE``, ``ANNEAL``, or ``INTEGERS`` for a drop.
        delta: the place of Δ, or Δ itself if it is a number.
        program: the rule's program.
        numbers: the values of its scalar operations in order, those that depend on a decay as ``Due``.
    """

    means: tuple[str, ...]
    program: Program
    calls: list[Call] = field(default_factory=list)
    draws: list[str] = field(default_factory=list)
    delta: Place | float = 0.0
    numbers: list[float] = field(default_factory=list)

    def due(self, bucket: Bucket) -> Iterator[tuple[str | Node, float]]:
        """Yield what the numbers that depend on a decay are now, as tensors can hold them.

        Args:
            bucket: of this dtype, with ε and the progress.
        """
        for number, value in zip(self.numbers, self.program.numbers(bucket), strict=True):
            if isinstance(number, Due):
                yield number.name, bucket.fit(value)


@lru_cache(maxsize=1024)
def written_down(rule: Rule, *, dtype: torch.dtype) -> Step:
    """Record the step of a rule, and return it.

    Args:
        rule: any rule.
        dtype: dtype of the weights.
    """
    node = canonical(rule)
    program = compile_rule(node)
    step = Step(state(node), program)
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
        progress=Progress(0, 1),
    )
    scalars = [part for part, does in zip(operations(node), program.instructions, strict=True) if does.scalar]
    moving = [does.moving for does in program.instructions if does.scalar]
    known = program.numbers(bucket)
    step.numbers = [Due.of(part) if due else now for part, due, now in zip(scalars, moving, known, strict=True)]
    step.delta = writer.read(program.run(bucket, iter(step.numbers)))
    return step


@dataclass(slots=True)
class _Writer:
    """Records functions instead of computing them; tensors without entries stand in for the real ones."""

    step: Step
    dtype: torch.dtype
    places: dict[int, tuple[Tensor, Place]] = field(default_factory=dict)  # keeping the tensors keeps their ids valid

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
        """Record a call like ``kernels.together``, but let it overwrite nothing except running means."""
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

    def anneal(self) -> Tensor:
        return self.writer.drawn(ANNEAL)[0]

    def split(self, flat: Tensor) -> list[Tensor]:
        return [flat]

    def dropped(self, value: Value, threshold: int, *, owned: bool) -> list[Tensor]:  # noqa: ARG002
        return self.writer.write_down(DROP, value, self.writer.drawn(INTEGERS, threshold), owned=False)
