"""A rule's whole step as one function for ``torch.compile``: running means, Δ and descent in a single pass.

The ordinary path (``optimizer.program``) runs one operation after another, each over many tensors. Here the same
instructions become a graph of formulas over single tensors, which the compiler turns into one loop::

    step = FusedStep(program)
    taken = step.take(bucket, rate=0.01)  # False if compiling failed: the bucket is then untouched

Values that change between steps (λ, ε, decays, bias corrections) are passed as tensors, and so are random draws, from
the same streams as on the ordinary path. So neither a scheduler nor noise makes it compile again.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from harness.tasks.optimizer.kernels import Bucket, drop_threshold
from harness.tasks.optimizer.program import Instruction, Program
from harness.tasks.optimizer.tensors import plain

Options = dict[str, str | int | bool | Callable[..., Any]]
PLAIN: dict[str, Callable[..., Tensor]] = {
    "neg": torch.neg,
    "abs": torch.abs,
    "exp": torch.exp,
    "sign": torch.sign,
    "ln": torch.log,
    "root": torch.sqrt,
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "over": torch.div,
    "raised": torch.pow,
}
LEAST_ENTRIES = 1 << 15  # of a tensor on a processor: for smaller ones, a call and its threads cost more than they save
# All threads, whatever the size of the first tensor that the code is compiled for.
COMPILER: Options = {"cpp.dynamic_threads": True}
ROUNDING = "emulate_precision_casts"  # after every operation, like the ordinary path; matters in half precision


class FusedStep:
    """Takes an optimizer's steps with compiled code until that fails; the first step looks for a compiler.

    On a processor, one function for any length handles the flattened tensors one at a time. Small tensors run the same
    formulas uncompiled, and a bucket of only small ones is left to the ordinary path. On other devices a call costs
    more than its work, so one function handles all tensors of a bucket.

    Args:
        program: the rule.
    """

    def __init__(self, program: Program) -> None:
        self.works = True
        self._program = program
        self._compiled: dict[GraphModule, Callable[..., Any]] = {}

    def take(self, bucket: Bucket, *, rate: float) -> bool:
        """Take the step ``w ← w − λΔ``, for every tensor exactly once, whatever happens.

        Args:
            bucket: the tensors; weights and running means are updated in place.
            rate: λ.

        Returns:
            Whether the step was taken. If not, the bucket and its random stream are unchanged. If the reason is that
            compiling failed, a warning was given and ``works`` is False.
        """
        sizes = [param.numel() for param in bucket.params]
        alone = _alone(bucket)
        if (alone and max(sizes) < LEAST_ENTRIES) or not all(
            plain(bucket.tensors(place)) for place in range(len(sizes))
        ):
            return False
        options = _options(bucket.params[0].dtype)
        if options is None:
            return False
        before = bucket.generator().get_state() if self._program.random else None
        rows = self._rows(bucket, rate)
        # The longest first: code compiled for it works well for the others.
        order = sorted(range(len(rows)), key=lambda place: -sizes[place])
        calls = [[place] for place in order] if alone else [order]
        for done, call in enumerate(calls):
            graph = _graph(self._program, tuple(bucket.means), bucket.params[0].dtype, len(call))
            arguments = [tensor for place in call for tensor in rows[place]]
            if not self.works or (alone and sizes[call[0]] < LEAST_ENTRIES):
                graph(*arguments)
                continue
            try:
                self._compiled_of(graph, options)(*arguments)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # compilers fail in many ways: torch's own, the toolchain's, the file system's
                self.works = False
                _warn(error)
                if done == 0:
                    if before is not None:
                        bucket.generator().set_state(before)
                    return False
                graph(*arguments)  # earlier tensors have taken the step: finish it with the same formulas
        return True

    def _compiled_of(self, graph: GraphModule, options: Options) -> Callable[..., Any]:
        if graph not in self._compiled:
            self._compiled[graph] = torch.compile(graph, dynamic=True, fullgraph=True, options=options)
        return self._compiled[graph]

    def _rows(self, bucket: Bucket, rate: float) -> list[list[Tensor]]:
        """Return the graph's arguments for each parameter: its numbers, the weight, the gradient, the means, the draws.

        New values are copied out of the vectors that they are computed in, since compiled code depends on a tensor's
        offset.
        """
        exact = bucket.params[0].dtype is torch.float64
        numbers = torch.tensor(
            _numbers(bucket, [rate, bucket.eps, *map(bucket.fit, self._program.numbers(bucket))]),
            dtype=torch.float64 if exact else torch.float32,
            device=bucket.params[0].device,
        )
        draws = [[part.clone() for part in parts] for parts in self._program.draws(bucket)]
        sets = [bucket.params, bucket.grads, *bucket.means.values(), *draws]
        return [[own.clone(), *_flat(tensors)] for own, *tensors in zip(numbers.unbind(), *sets, strict=True)]


def _alone(bucket: Bucket) -> bool:
    """Whether the tensors are handled one at a time."""
    return bucket.params[0].device.type == "cpu"


def _options(dtype: torch.dtype) -> Options | None:
    """Return the compiler's options; None if compiled code cannot compute like the ordinary path.

    In half precision that path rounds after every operation, so that 1e-8 becomes 0 and 255² infinite. Code that rounds
    only at the end would give numbers where it gives NaN.
    """
    if dtype.itemsize > 2:
        return COMPILER
    return COMPILER | {ROUNDING: True} if ROUNDING in torch._inductor.list_options() else None


def _numbers(bucket: Bucket, shared: list[float]) -> list[list[float]]:
    """Return for each parameter λ, ε, the rule's constants, and for every mean β, 1 − β, 1 − βᵗ and its root."""
    rows = [list(shared) for _ in bucket.params]
    for name in bucket.means:
        beta, correction = bucket.decays[name], bucket.correction(name)
        each = [correction] * len(rows) if isinstance(correction, float) else correction
        for row, part in zip(rows, each, strict=True):
            row += [beta, 1.0 - beta, part, math.sqrt(part)]
    return rows


def _flat(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return one-dimensional views, so that one function works for all shapes; other memory layouts stay unchanged."""
    return [each.view(-1) for each in tensors] if all(each.is_contiguous() for each in tensors) else tensors


@lru_cache(maxsize=64)
def _graph(program: Program, means: tuple[str, ...], dtype: torch.dtype, count: int) -> GraphModule:
    """Return the step of ``count`` parameters as a graph.

    A graph contains only tensor operations, so that little must be checked before each call, and the compiler's limit
    on recompilation applies to one rule, dtype and count alone.
    """
    constants = sum(instruction.scalar for instruction in program.instructions)
    draws = sum(instruction.draws for instruction in program.instructions)
    width = 3 + len(means) + draws  # arguments per parameter

    def step(*arguments: Tensor) -> None:
        for first in range(0, count * width, width):
            numbers, param, grad, *rest = arguments[first : first + width]
            start = 2 + constants
            parts = _Parts(
                borrowed={"g": grad, "w": param},
                means={
                    name: (mean, [numbers[start + 4 * place + each] for each in range(4)])
                    for place, (name, mean) in enumerate(zip(means, rest, strict=False))
                },
                draws=iter(rest[len(means) :]),
                constants=iter([numbers[2 + place] for place in range(constants)]),
                eps=numbers[1],
            )
            param.sub_(numbers[0] * _delta(program, parts))

    numbers = torch.ones(2 + constants + 4 * len(means), device="cpu")
    example = [numbers, *(torch.ones(2, dtype=dtype, device="cpu") for _ in range(width - 1))]
    return make_fx(step)(*(tensor.clone() for _ in range(count) for tensor in example))


@dataclass(slots=True)
class _Parts:
    """The inputs of one parameter's formulas; a mean comes with β, 1 − β, 1 − βᵗ and its root."""

    borrowed: dict[str, Tensor]
    means: dict[str, tuple[Tensor, list[Tensor]]]
    draws: Iterator[Tensor]
    constants: Iterator[Tensor]
    eps: Tensor


def _delta(program: Program, parts: _Parts) -> Tensor:
    """Return Δ of one parameter, after updating its running means."""
    values: list[Tensor] = []
    for instruction in program.instructions:
        args = [values[place] for place in instruction.reads]
        number = bool(args) and program.instructions[instruction.reads[0]].scalar
        formula = partial(_formula, instruction, args, parts, number=number)
        values.append(next(parts.constants) if instruction.scalar else formula())
    return values[-1]


def _formula(instruction: Instruction, args: list[Tensor], parts: _Parts, *, number: bool) -> Tensor:
    """Compute a primitive over single tensors, as its kernel in ``kernels`` does over many.

    The operations and their order are the kernel's, so that the same values overflow or become NaN.

    Args:
        instruction: the primitive.
        args: its arguments.
        parts: the inputs of the formulas.
        number: whether its first argument is a number.
    """
    token, level = instruction.token, instruction.level
    kind, _, name = token.partition("_")
    match kind:
        case "g" | "w":
            return parts.borrowed[token]
        case "noise" | "anneal":
            return next(parts.draws)
        case "mean":
            mean, (decay, rest, *_) = parts.means[name]
            return mean.mul_(decay).add_(math.prod(args, start=rest))
        case "unbias":
            return args[0] / parts.means[name][1][2]
        case "rms":
            return args[0].sqrt() / parts.means["v"][1][3] + parts.eps
        case "plus":
            return args[0] + parts.eps
        case "over" if number:
            return args[1].reciprocal() * args[0]
        case "clamp":
            return args[0].clamp(-level, level)
        case "drop":
            return torch.where(next(parts.draws) < drop_threshold(level), torch.zeros_like(args[0]), args[0])
    return PLAIN[token](*args)


def _warn(error: Exception) -> None:
    reason = str(error).strip().partition("\n")[0] or "no reason given"
    warnings.warn(
        f"RuleOptimizer(compile=True): torch.compile failed here ({type(error).__name__}: {reason[:200]}). The rule is "
        "run uncompiled, with the same result. Install a C++ compiler (for a GPU: Triton), or pass compile=False.",
        RuntimeWarning,
        stacklevel=2,
    )
