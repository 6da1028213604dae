"""A rule compiled into a short list of ``torch._foreach`` operations: each runs once for all tensors of a group.

``compile_rule`` turns the canonical expression into primitive operations (``harness.space.primitives``), and notes for
every operation which of its arguments are not read again, so that their memory is reused. Gradients, weights and
running means are borrowed and never overwritten, except that the means are updated in place::

    program = compile_rule(canonical(Rule.parse("g * exp(sign(g) * sign(m))")))
    delta = program.run(bucket)  # Δ, one tensor for each parameter, or one number
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from harness.space.node import CONSTANT, Node
from harness.space.primitives import operations
from harness.space.word import DECAYS, RANDOM, TIMED
from harness.tasks.optimizer.kernels import KERNELS, LEVELLED_KERNELS, MEANS, Bucket, Kernel, Value, together

BORROWED = frozenset({"g", "w", *MEANS.values()})  # gradients, weights and state: results are never written there


@dataclass(frozen=True, slots=True)
class Instruction:
    """One operation: read the values at ``reads``, append the result.

    Attributes:
        token: the primitive's name.
        level: its level; 0 if it has none.
        kernel: its kernel.
        reads: places of the arguments among the values computed so far.
        owned: for each argument, whether it may be overwritten.
        scalar: whether the result and all arguments are plain numbers.
        moving: whether it is such a number that depends on a decay, so that it changes from step to step.
        frees: places of values that are not read after this operation.
    """

    token: str
    level: float
    kernel: Kernel
    reads: tuple[int, ...]
    owned: tuple[bool, ...]
    scalar: bool
    moving: bool
    frees: tuple[int, ...]

    @property
    def draws(self) -> bool:
        """Whether it draws at random."""
        return self.token in RANDOM

    def number(self, bucket: Bucket, args: list[float]) -> float:
        """Return the value of a scalar operation, in double precision."""
        exact = [[torch.tensor(arg, dtype=torch.float64, device="cpu")] for arg in args]
        computing = replace(bucket, apply=together) if exact else bucket  # ``apply`` may be a recorder
        result = self.kernel(computing, exact, self.owned)
        return result if isinstance(result, float) else result[0].item()


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled rule.

    Attributes:
        instructions: its operations in order of execution; the last one's value is Δ.
        random: whether it draws noise or masks; they are drawn for a whole bucket at once.
        timed: what it needs to know the training's length for, such as ``ld``.
    """

    instructions: tuple[Instruction, ...]
    random: bool
    timed: tuple[str, ...]

    def run(self, bucket: Bucket, numbers: Iterator[float] | None = None) -> Value:
        """Update the bucket's running means, and compute Δ.

        Args:
            bucket: the tensors.
            numbers: values of the scalar operations in order of execution; None to compute them.

        Returns:
            One tensor for each parameter, possibly the gradients or the state themselves; or one number.
        """
        values: list[Any] = []
        for instruction in self.instructions:
            args = [values[place] for place in instruction.reads]
            if instruction.scalar:
                values.append(instruction.number(bucket, args) if numbers is None else next(numbers))
            else:
                args = [bucket.fit(arg) if isinstance(arg, float) else arg for arg in args]
                values.append(instruction.kernel(bucket, args, instruction.owned))
            for place in instruction.frees:
                values[place] = None
        result = values[-1]
        return bucket.fit(result) if isinstance(result, float) else list(result)

    def numbers(self, bucket: Bucket) -> list[float]:
        """Return the values of the scalar operations in order of execution, from the bucket's ε and progress."""
        values: dict[int, float] = {}
        for place, instruction in enumerate(self.instructions):
            if instruction.scalar:
                values[place] = instruction.number(bucket, [values[each] for each in instruction.reads])
        return list(values.values())

    def draws(self, bucket: Bucket) -> list[list[Tensor]]:
        """Return what ``run`` would draw, in order: a tensor per parameter, of integers for a drop."""
        draw = {"noise": bucket.noise, "anneal": bucket.anneal, "drop": bucket.integers}
        return [bucket.split(draw[instruction.token]()) for instruction in self.instructions if instruction.draws]


def compile_rule(node: Node) -> Program:
    """Compile a rule's expression, canonical or literal, and return the program.

    The order of operations, and so of the draws of noise and masks, depends only on the expression.
    """
    order = {part: place for place, part in enumerate(operations(node))}
    last_read: dict[Node, int] = {}
    for part, place in order.items():
        last_read.update(dict.fromkeys(part.args, place))
    scalar: dict[Node, bool] = {}
    moving: dict[Node, bool] = {}
    instructions = []
    for part, place in order.items():
        scalar[part] = part.token in (CONSTANT, *DECAYS) or (
            bool(part.args) and part.token not in RANDOM and all(scalar[arg] for arg in part.args)
        )
        moving[part] = scalar[part] and (part.token in DECAYS or any(moving[arg] for arg in part.args))
        dying = {arg for arg in part.args if last_read[arg] == place}
        instructions.append(
            Instruction(
                token=part.token,
                level=part.value,
                kernel=_kernel(part),
                reads=tuple(order[arg] for arg in part.args),
                owned=tuple(
                    arg in dying and arg.token not in BORROWED and not scalar[arg] and part.args.count(arg) == 1
                    for arg in part.args
                ),
                scalar=scalar[part],
                moving=moving[part],
                frees=tuple(order[arg] for arg in dying),
            )
        )
    return Program(
        tuple(instructions),
        random=any(instruction.draws for instruction in instructions),
        timed=tuple(dict.fromkeys(instruction.token for instruction in instructions if instruction.token in TIMED)),
    )


def _kernel(part: Node) -> Kernel:
    levelled = LEVELLED_KERNELS.get(part.token)
    return KERNELS[part.token] if levelled is None else levelled(part.value)
