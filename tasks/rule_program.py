"""A rule compiled into a short list of ``torch._foreach`` operations: each runs once for all tensors of a group.

``compile_rule`` lowers the canonical expression to primitive operations, merges equal sub-expressions, and notes for
every operation which of its arguments nobody reads again, so that their memory is reused in place. Gradients, weights
and running means are borrowed and never overwritten, except the means by their own update::

    program = compile_rule(canonical(Rule.parse("g * exp(sign(g) * sign(m))")))
    delta = program.run(bucket)  # Δ, one tensor for each parameter, or one number
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.space.expression import CONSTANT, Node, constant
from tasks.rule_kernels import DROPS, KERNELS, MEANS, Bucket, Kernel, Value

BORROWED = frozenset({"g", "w", *MEANS.values()})  # gradients, weights and state: never a place to write results
WEIGHT_DECAYS = {"1e-4w": 1e-4, "1e-3w": 1e-3, "1e-2w": 1e-2, "1e-1w": 1e-1}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One operation: read the values at ``reads``, append the result.

    Attributes:
        token: the primitive's name.
        kernel: what to do.
        reads: places of the arguments among the values computed so far.
        owned: for each argument, whether it may be overwritten.
        scalar: whether it and all arguments are plain numbers.
        frees: places of values that nobody reads after this operation.
    """

    token: str
    kernel: Kernel
    reads: tuple[int, ...]
    owned: tuple[bool, ...]
    scalar: bool
    frees: tuple[int, ...]

    @property
    def draws(self) -> bool:
        """Whether it draws at random."""
        return self.token == "noise" or self.token in DROPS

    def number(self, bucket: Bucket, args: list[float]) -> float:
        """The value of a scalar operation, in double precision."""
        exact = [[torch.tensor(arg, dtype=torch.float64)] for arg in args]
        result = self.kernel(bucket, exact, self.owned)
        return result if isinstance(result, float) else result[0].item()


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled rule.

    Attributes:
        instructions: in order of execution; the last one's value is Δ.
        random: whether it draws noise or masks, which are drawn for a whole bucket at once.
    """

    instructions: tuple[Instruction, ...]
    random: bool

    def run(self, bucket: Bucket) -> Value:
        """Update the bucket's running means and compute Δ.

        Returns:
            One tensor for each parameter, possibly the gradients or the state themselves; or one number.
        """
        values: list[Any] = []
        for instruction in self.instructions:
            args = [values[place] for place in instruction.reads]
            if instruction.scalar:
                values.append(instruction.number(bucket, args))
            else:
                args = [bucket.fit(arg) if isinstance(arg, float) else arg for arg in args]
                values.append(instruction.kernel(bucket, args, instruction.owned))
            for place in instruction.frees:
                values[place] = None
        result = values[-1]
        return bucket.fit(result) if isinstance(result, float) else list(result)

    def numbers(self, bucket: Bucket) -> list[float]:
        """The values of the scalar operations, in order of execution; they depend on the bucket's ε alone."""
        values: dict[int, float] = {}
        for place, instruction in enumerate(self.instructions):
            if instruction.scalar:
                values[place] = instruction.number(bucket, [values[each] for each in instruction.reads])
        return list(values.values())

    def draws(self, bucket: Bucket) -> list[list[Tensor]]:
        """What ``run`` would draw, in its order: for each noise a tensor a parameter, for each drop its integers."""
        noise_or_integers = (
            bucket.noise() if instruction.token == "noise" else bucket.integers()
            for instruction in self.instructions
            if instruction.draws
        )
        return [bucket.split(flat) for flat in noise_or_integers]


def compile_rule(node: Node) -> Program:
    """Compile a rule's expression, canonical or literal.

    Operations are listed arguments first, left to right, so the order in which noise and masks are drawn is a property
    of the expression alone.
    """
    order: dict[Node, int] = {}

    def visit(part: Node) -> None:
        if part not in order:
            for arg in part.args:
                visit(arg)
            order[part] = len(order)

    root = lower(node)
    visit(root)
    last_read: dict[Node, int] = {}
    for part, place in order.items():
        last_read.update(dict.fromkeys(part.args, place))
    scalar: dict[Node, bool] = {}
    instructions = []
    for part, place in order.items():
        scalar[part] = part.token == CONSTANT or (
            bool(part.args) and part.token not in DROPS and all(scalar[arg] for arg in part.args)
        )
        dying = {arg for arg in part.args if last_read[arg] == place}
        instructions.append(
            Instruction(
                token=part.token,
                kernel=_kernel(part),
                reads=tuple(order[arg] for arg in part.args),
                owned=tuple(
                    arg in dying and arg.token not in BORROWED and not scalar[arg] and part.args.count(arg) == 1
                    for arg in part.args
                ),
                scalar=scalar[part],
                frees=tuple(order[arg] for arg in dying),
            )
        )
    return Program(tuple(instructions), random=any(instruction.draws for instruction in instructions))


def lower(node: Node) -> Node:
    """Rewrite an expression in primitive operations, so that hidden parts become shared sub-expressions.

    ``m`` becomes the bias correction of a running mean, ``adam`` the quotient of ``m`` and √v̂+ε, and so on. Primitives
    are ``g w noise const mean_* unbias_* rms over`` and the vocabulary's functions, of one or two arguments each.
    """
    gradient = Node("g")
    square = Node("mul", (gradient, gradient))
    cube = Node("mul", (square, gradient))
    mean = {
        "m": Node("mean_m", (gradient,)),
        "v": Node("mean_v", (gradient, gradient)),
        "gamma": Node("mean_gamma", (square, gradient)),
    }
    rms = Node("rms", (mean["v"],))

    def rewritten(part: Node) -> Node:
        match part.token:
            case "g" | "noise" | "const":
                return part
            case "1" | "2":
                return constant(float(part.token))
            case "g2":
                return square
            case "g3":
                return cube
            case "m" | "v" | "gamma":
                return Node(f"unbias_{part.token}", (mean[part.token],))
            case "sign(g)":
                return Node("sign", (gradient,))
            case "sign(m)":
                return Node("sign", (mean["m"],))
            case "adam":
                return Node("over", (rewritten(Node("m")), rms))
            case "rmsprop":
                return Node("over", (gradient, rms))
            case "id" | "left":
                return rewritten(part.args[0])
        if part.token in WEIGHT_DECAYS:
            return Node("mul", (Node("w"), constant(WEIGHT_DECAYS[part.token])))
        args = [rewritten(arg) for arg in part.args]
        if part.token == "sign" and args[0].token == "unbias_m":
            return Node("sign", args[0].args)  # the correction is positive
        while part.token in ("add", "mul") and len(args) > 2:
            args[:2] = [Node(part.token, (args[0], args[1]))]
        return Node(part.token, tuple(args))

    return rewritten(node)


def _kernel(node: Node) -> Kernel:
    if node.token == CONSTANT:
        return lambda _bucket, _args, _owned: node.value
    return KERNELS[node.token]
