"""The operations of a compiled rule, each of which runs once for all tensors of a bucket (``torch._foreach``).

There is a kernel for each primitive of ``harness.space.word``; words are expressed in primitives beforehand. All
kernels have one signature, ``kernel(bucket, arguments, owned)``: an ``owned`` argument is a temporary that is not read
again, so its memory may hold the result. Other arguments are never written to. All arithmetic except that on random
draws goes through ``Bucket.apply``, so that ``optimizer.tape`` can record it instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from harness.space.word import DECAYS
from harness.tasks.optimizer.decays import Progress

Value = list[Tensor] | float
"""One tensor for each parameter of the bucket, or a number that stands for tensors filled with it."""
Numbers = float | list[float]

MEANS = {"m": "mean_m", "v": "mean_v", "gamma": "mean_gamma"}
FUNCTIONS = (
    *("abs", "add", "addcmul", "clamp_max", "clamp_min", "div", "exp", "log"),
    *("mul", "neg", "pow", "reciprocal", "sign", "sqrt", "sub"),
)
FOREACH: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {  # function → new tensors, in place
    name: (getattr(torch, f"_foreach_{name}"), getattr(torch, f"_foreach_{name}_")) for name in FUNCTIONS
}
WORDS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # the integer as wide as a floating-point number


def together(
    name: str, first: list[Tensor] | float, *rest: list[Tensor] | Numbers, owned: bool, **scales: float
) -> list[Tensor]:
    """Compute an element-wise torch function for all tensors of a bucket, and return the results.

    Args:
        name: torch's name of the function.
        first: its first argument; a number only if torch accepts one.
        rest: its other arguments: tensors, a number for all tensors, or one for each.
        owned: whether the result overwrites ``first``.
        scales: its ``alpha`` or ``value``.
    """
    fresh, inplace = FOREACH[name]
    if owned and isinstance(first, list):
        inplace(first, *rest, **scales)
        return first
    return list(fresh(first, *rest, **scales))


@dataclass(slots=True)
class Bucket:
    """The tensors of a parameter group that share a device and a dtype, and what a step needs to know about them.

    Attributes:
        params: the weights before the step.
        grads: their gradients, same length and shapes.
        means: running mean by name (``m``, ``v``, ``gamma``), same length and shapes.
        decays: β of each running mean.
        steps: how many gradients each parameter has seen, including this one.
        eps: ε of log, division and ADAM.
        noise_sigma: standard deviation of the noise operand.
        generator: the device's random stream, for noise, anneal and drop.
        apply: what applies an element-wise function.
        progress: how far the training is; None unless a rule depends on it.
    """

    params: list[Tensor]
    grads: list[Tensor]
    means: dict[str, list[Tensor]]
    decays: dict[str, float]
    steps: list[int]
    eps: float
    noise_sigma: float
    generator: Callable[[], torch.Generator]
    apply: Callable[..., list[Tensor]] = together
    progress: Progress | None = None
    largest: float = field(init=False)

    def __post_init__(self) -> None:
        self.largest = torch.finfo(self.params[0].dtype).max

    def correction(self, mean: str) -> Numbers:
        """Return the bias correction 1 − βᵗ: one number if all parameters have seen equally many gradients."""
        beta, first = self.decays[mean], self.steps[0]
        if self.steps.count(first) == len(self.steps):
            return 1.0 - beta**first
        return [1.0 - beta**step for step in self.steps]

    def root(self, mean: str) -> Numbers:
        """Return the root of the bias correction."""
        correction = self.correction(mean)
        return math.sqrt(correction) if isinstance(correction, float) else [math.sqrt(part) for part in correction]

    @property
    def known_progress(self) -> Progress:
        """How far the training is, for a rule that depends on it."""
        assert self.progress is not None, "an optimizer that does not know T rejects such rules"
        return self.progress

    def fit(self, number: float) -> float:
        """Return a number, or infinity if it is too large for the tensors' dtype, which torch would reject."""
        return number if not abs(number) > self.largest else math.copysign(math.inf, number)

    def split(self, flat: Tensor) -> list[Tensor]:
        """Cut one vector of all entries into views shaped like the parameters."""
        parts = torch.split(flat, [param.numel() for param in self.params])
        return [part.view(param.shape) for part, param in zip(parts, self.params, strict=True)]

    def tensors(self, place: int) -> list[Tensor]:
        """Return one parameter, its gradient and its running means."""
        return [self.params[place], self.grads[place], *(mean[place] for mean in self.means.values())]

    def only(self, places: Sequence[int]) -> Bucket:
        """Return a bucket of only the parameters at these places."""
        return replace(
            self,
            params=[self.params[place] for place in places],
            grads=[self.grads[place] for place in places],
            means={name: [mean[place] for place in places] for name, mean in self.means.items()},
            steps=[self.steps[place] for place in places] if self.steps else [],
        )

    def empty(self, dtype: torch.dtype) -> Tensor:
        """Return an uninitialised vector with one entry for each weight."""
        total = sum(param.numel() for param in self.params)
        return torch.empty(total, dtype=dtype, device=self.params[0].device)

    def integers(self) -> Tensor:
        """Return a random integer in [0, 2³¹) for each weight; drop zeroes entries with one below its threshold."""
        return self.empty(torch.int32).random_(generator=self.generator())

    def noise(self) -> Tensor:
        """Return the noise operand, drawn from the device's stream."""
        flat = self.empty(self.params[0].dtype)
        return flat.normal_(0.0, self.noise_sigma, generator=self.generator())

    def anneal(self) -> Tensor:
        """Return the anneal operand, drawn from the device's stream."""
        flat = self.empty(self.params[0].dtype)
        return flat.normal_(0.0, self.known_progress.deviation, generator=self.generator())

    def dropped(self, value: Value, threshold: int, *, owned: bool) -> list[Tensor]:
        """Return the value with 0 wherever the device's stream gives an integer below the threshold."""
        if isinstance(value, float):
            flat = self.empty(self.params[0].dtype).fill_(value)
        elif len(value) == 1:
            flat = value[0].reshape(-1) if owned else value[0].flatten().clone()
        else:
            flat = torch.cat([tensor.reshape(-1) for tensor in value])
        kept = kept_words(self.integers(), threshold, flat.element_size())
        flat.view(kept.dtype).bitwise_and_(kept)
        return self.split(flat)


Kernel = Callable[[Bucket, list[Any], Sequence[bool]], Value]
"""(bucket, arguments, which arguments may be overwritten) → value."""


def _unary(name: str) -> Kernel:
    def kernel(bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
        return bucket.apply(name, args[0], owned=owned[0])

    return kernel


def _commutative(name: str) -> Kernel:
    def kernel(bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
        (left, right), (left_owned, right_owned) = args, owned
        if isinstance(left, float) or right_owned:
            left, right, left_owned = right, left, right_owned
        return bucket.apply(name, left, right, owned=left_owned)

    return kernel


def _subtract(bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
    left, right = args
    if isinstance(left, float):
        negative = bucket.apply("neg", right, owned=owned[1])
        return bucket.apply("add", negative, left, owned=True)
    return bucket.apply("sub", left, right, owned=owned[0])


def _over(bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
    left, right = args
    if isinstance(left, float):
        inverse = bucket.apply("reciprocal", right, owned=owned[1])
        return bucket.apply("mul", inverse, left, owned=True)
    return bucket.apply("div", left, right, owned=owned[0])


def _plus_epsilon(bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
    return bucket.apply("add", args[0], bucket.eps, owned=owned[0])


def _decay(name: str) -> Kernel:
    return lambda bucket, _args, _owned: bucket.known_progress.factor(name)


def _raised(bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
    return bucket.apply("pow", args[0], args[1], owned=owned[0])


def _clamp(limit: float) -> Kernel:
    def kernel(bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
        return bucket.apply("clamp_max", bucket.apply("clamp_min", args[0], -limit, owned=owned[0]), limit, owned=True)

    return kernel


def drop_threshold(rate: float) -> int:
    """Return the threshold below which ``Bucket.integers`` make a drop function set entries to 0."""
    return round(rate * 2**31)


def kept_words(integers: Tensor, threshold: int | Tensor, size: int) -> Tensor:
    """Return masks as wide as a number: all bits set where an integer, which is overwritten, reaches the threshold.

    The threshold is subtracted from integers below 2³¹, and the sign bit, spread over the word, is the mask. On a CPU
    this takes a third of the time of bernoulli_ and masked_fill_, and unlike a product with 0 it turns an infinite
    entry into 0, not NaN.
    """
    return integers.sub_(threshold).bitwise_right_shift_(31).bitwise_not_().to(WORDS[size])


def _drop(rate: float) -> Kernel:
    threshold = drop_threshold(rate)
    return lambda bucket, args, owned: bucket.dropped(args[0], threshold, owned=owned[0])


def _mean(name: str) -> Kernel:
    def kernel(bucket: Bucket, args: list[Any], _owned: Sequence[bool]) -> Value:
        mean, beta = bucket.means[name], bucket.decays[name]
        bucket.apply("mul", mean, beta, owned=True)
        if len(args) == 1:
            return bucket.apply("add", mean, args[0], owned=True, alpha=1.0 - beta)
        return bucket.apply("addcmul", mean, *args, owned=True, value=1.0 - beta)

    return kernel


def _unbias(name: str) -> Kernel:
    def kernel(bucket: Bucket, args: list[Any], _owned: Sequence[bool]) -> Value:
        return bucket.apply("div", args[0], bucket.correction(name), owned=False)

    return kernel


def _root_mean_square(bucket: Bucket, args: list[Any], _owned: Sequence[bool]) -> Value:
    root = bucket.apply("sqrt", args[0], owned=False)
    bucket.apply("div", root, bucket.root("v"), owned=True)
    return bucket.apply("add", root, bucket.eps, owned=True)


def descend(bucket: Bucket, delta: Value, rate: float) -> None:
    """Take the step ``w ← w − λΔ`` ([NOS] §3.1)."""
    if isinstance(delta, float):
        bucket.apply("add", bucket.params, bucket.fit(-rate * delta), owned=True)
    else:
        bucket.apply("add", bucket.params, delta, owned=True, alpha=-rate)


KERNELS: dict[str, Kernel] = {
    "g": lambda bucket, _args, _owned: bucket.grads,
    "w": lambda bucket, _args, _owned: bucket.params,
    "noise": lambda bucket, _args, _owned: bucket.split(bucket.noise()),
    "anneal": lambda bucket, _args, _owned: bucket.split(bucket.anneal()),
    **{name: _decay(name) for name in DECAYS},
    **{mean: _mean(name) for name, mean in MEANS.items()},
    **{f"unbias_{name}": _unbias(name) for name in MEANS},
    "rms": _root_mean_square,
    **{name: _unary(name) for name in ("neg", "abs", "exp", "sign")},
    "ln": _unary("log"),
    "root": _unary("sqrt"),
    "plus_eps": _plus_epsilon,
    **{name: _commutative(name) for name in ("add", "mul")},
    "sub": _subtract,
    "over": _over,
    "raised": _raised,
}
"""The kernels of the primitives without a level."""

LEVELLED_KERNELS: dict[str, Callable[[float], Kernel]] = {
    "const": lambda number: lambda _bucket, _args, _owned: number,
    "clamp": _clamp,
    "drop": _drop,
}
"""The kernels of the primitives that have a level, by that level."""
