"""What a compiled rule is made of: operations that each run once for all tensors of a bucket (``torch._foreach``).

Every kernel has one signature, ``kernel(bucket, arguments, owned)``: an argument that is ``owned`` is a temporary that
nobody reads again, and its memory may take the result. Other arguments are never written to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

Value = list[Tensor] | float
"""One tensor for each parameter of the bucket, or a number that stands for tensors filled with it."""

CLIPS = {"clip5": 1e-5, "clip4": 1e-4, "clip3": 1e-3}
DROPS = {"drop1": 0.1, "drop3": 0.3, "drop5": 0.5}
MEANS = {"m": "mean_m", "v": "mean_v", "gamma": "mean_gamma"}
WORDS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # the integer as wide as a floating-point number


@dataclass(slots=True)
class Bucket:
    """The tensors of one parameter group that share a device and a dtype, and what a step needs to know about them.

    Attributes:
        params: the weights before the step.
        grads: their gradients, same length and shapes.
        means: running mean by name (``m``, ``v``, ``gamma``), same length and shapes.
        decays: β of each running mean.
        steps: how many gradients each parameter has seen, this one included.
        eps: ε of log, division and ADAM.
        noise_sigma: standard deviation of the noise operand.
        generator: the device's stream, for noise and drop.
    """

    params: list[Tensor]
    grads: list[Tensor]
    means: dict[str, list[Tensor]]
    decays: dict[str, float]
    steps: list[int]
    eps: float
    noise_sigma: float
    generator: Callable[[], torch.Generator]
    largest: float = field(init=False)

    def __post_init__(self) -> None:
        self.largest = torch.finfo(self.params[0].dtype).max

    def correction(self, mean: str) -> float | list[float]:
        """The bias correction 1 − βᵗ, one number if every parameter has seen equally many gradients."""
        beta, first = self.decays[mean], self.steps[0]
        if self.steps.count(first) == len(self.steps):
            return 1.0 - beta**first
        return [1.0 - beta**step for step in self.steps]

    def fit(self, number: float) -> float:
        """The number as the tensors' dtype sees it: infinite when too large, where torch would refuse it."""
        return number if not abs(number) > self.largest else math.copysign(math.inf, number)

    def split(self, flat: Tensor) -> list[Tensor]:
        """Cut one vector of all entries into views shaped like the parameters."""
        parts = torch.split(flat, [param.numel() for param in self.params])
        return [part.view(param.shape) for part, param in zip(parts, self.params, strict=True)]

    def pieces(self, most: int) -> Iterator[Bucket]:
        """The same entries as buckets of at most ``most`` of them, as far as that goes without copying.

        A rule is element-wise, so it may be run piece by piece: every operation then finds its arguments in the
        processor's cache, where operations on whole networks would fetch them from memory again and again.
        """
        whole: list[int] = []
        for place, param in enumerate(self.params):
            count = param.numel()
            tensors = [param, self.grads[place], *(mean[place] for mean in self.means.values())]
            if count > most and all(tensor.is_contiguous() for tensor in tensors):
                parts = zip(*(torch.split(tensor.view(-1), most) for tensor in tensors), strict=True)
                for own, grad, *means in parts:
                    named = {name: [mean] for name, mean in zip(self.means, means, strict=True)}
                    steps = self.steps[place : place + 1]
                    yield replace(self, params=[own], grads=[grad], means=named, steps=steps)
                continue
            if whole and sum(self.params[each].numel() for each in whole) + count > most:
                yield self._only(whole)
                whole = []
            whole.append(place)
        if whole:
            yield self if len(whole) == len(self.params) else self._only(whole)

    def _only(self, places: Sequence[int]) -> Bucket:
        return replace(
            self,
            params=[self.params[place] for place in places],
            grads=[self.grads[place] for place in places],
            means={name: [mean[place] for place in places] for name, mean in self.means.items()},
            steps=[self.steps[place] for place in places] if self.steps else [],
        )

    def empty(self, dtype: torch.dtype) -> Tensor:
        """An uninitialised vector with one entry for each weight."""
        total = sum(param.numel() for param in self.params)
        return torch.empty(total, dtype=dtype, device=self.params[0].device)

    def integers(self) -> Tensor:
        """An integer in [0, 2³¹) for each weight, from the device's stream; drop zeroes those below its threshold."""
        return self.empty(torch.int32).random_(generator=self.generator())

    def noise(self) -> Tensor:
        """The noise operand, drawn from the device's stream."""
        flat = self.empty(self.params[0].dtype)
        return flat.normal_(0.0, self.noise_sigma, generator=self.generator())


Kernel = Callable[[Bucket, list[Any], Sequence[bool]], Value]
"""(bucket, arguments, which arguments may be overwritten) → value."""


def _unary(name: str) -> Kernel:
    fresh, inplace = getattr(torch, f"_foreach_{name}"), getattr(torch, f"_foreach_{name}_")

    def kernel(_bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
        return _into(fresh, inplace, args[0], owned[0])

    return kernel


def _into(fresh: Any, inplace: Any, first: list[Tensor], owned: bool, *rest: Any) -> list[Tensor]:
    """Apply an operation, writing over ``first`` when it is ours to write on."""
    if owned:
        inplace(first, *rest)
        return first
    return list(fresh(first, *rest))


def _commutative(name: str) -> Kernel:
    fresh, inplace = getattr(torch, f"_foreach_{name}"), getattr(torch, f"_foreach_{name}_")

    def kernel(_bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
        (left, right), (left_owned, right_owned) = args, owned
        if isinstance(left, float) or right_owned:
            left, right, left_owned = right, left, right_owned
        return _into(fresh, inplace, left, left_owned, right)

    return kernel


def _subtract(_bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
    left, right = args
    if isinstance(left, float):
        negative = _into(torch._foreach_neg, torch._foreach_neg_, right, owned[1])
        torch._foreach_add_(negative, left)
        return negative
    return _into(torch._foreach_sub, torch._foreach_sub_, left, owned[0], right)


def _over(_bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
    return _into(torch._foreach_div, torch._foreach_div_, args[0], owned[0], args[1])


def _divide(bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
    left, right = args
    if isinstance(right, float):
        return _into(torch._foreach_div, torch._foreach_div_, left, owned[0], bucket.fit(right + bucket.eps))
    divisor = _into(torch._foreach_add, torch._foreach_add_, right, owned[1], bucket.eps)
    if isinstance(left, float):
        torch._foreach_reciprocal_(divisor)
        torch._foreach_mul_(divisor, left)
        return divisor
    return _into(torch._foreach_div, torch._foreach_div_, left, owned[0], divisor)


def _power(_bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
    base, exponent = args
    if isinstance(base, float):
        result = list(torch._foreach_pow(abs(base), exponent))
        torch._foreach_mul_(result, math.copysign(float(base != 0.0), base))
        return result
    signs = torch._foreach_sign(base)
    result = _into(torch._foreach_abs, torch._foreach_abs_, base, owned[0])
    torch._foreach_pow_(result, exponent)
    torch._foreach_mul_(result, signs)
    return result


def _log(bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
    result = _into(torch._foreach_abs, torch._foreach_abs_, args[0], owned[0])
    torch._foreach_add_(result, bucket.eps)
    torch._foreach_log_(result)
    return result


def _square_root(_bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
    result = _into(torch._foreach_abs, torch._foreach_abs_, args[0], owned[0])
    torch._foreach_sqrt_(result)
    return result


def _clip(limit: float) -> Kernel:
    def kernel(_bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
        result = _into(torch._foreach_clamp_min, torch._foreach_clamp_min_, args[0], owned[0], -limit)
        torch._foreach_clamp_max_(result, limit)
        return result

    return kernel


def drop_threshold(name: str) -> int:
    """The integers below it are the share of ``Bucket.integers`` that a drop function sets to 0."""
    return round(DROPS[name] * 2**31)


def _drop(name: str) -> Kernel:
    threshold = drop_threshold(name)

    def kernel(bucket: Bucket, args: list[Any], owned: Sequence[bool]) -> Value:
        value = args[0]
        if isinstance(value, float):
            flat = bucket.empty(bucket.params[0].dtype).fill_(value)
        elif len(value) == 1:
            flat = value[0].reshape(-1) if owned[0] else value[0].flatten().clone()
        else:
            flat = torch.cat([tensor.reshape(-1) for tensor in value])
        # Integers below 2³¹, less the threshold: the sign bit, spread over the word, is the mask. On a CPU this takes a
        # third of bernoulli_ and masked_fill_, and unlike a product with 0 it turns an infinite entry into 0, not NaN.
        dropped = bucket.integers().sub_(threshold).bitwise_right_shift_(31)
        word = WORDS[flat.element_size()]
        flat.view(word).bitwise_and_(dropped.bitwise_not_().to(word))
        return bucket.split(flat)

    return kernel


def _noise(bucket: Bucket, _args: list[Any], _owned: Sequence[bool]) -> Value:
    return bucket.split(bucket.noise())


def _mean(name: str) -> Kernel:
    def kernel(bucket: Bucket, args: list[Any], _owned: Sequence[bool]) -> Value:
        mean, beta = bucket.means[name], bucket.decays[name]
        torch._foreach_mul_(mean, beta)
        if len(args) == 1:
            torch._foreach_add_(mean, args[0], alpha=1.0 - beta)
        else:
            torch._foreach_addcmul_(mean, args[0], args[1], value=1.0 - beta)
        return mean

    return kernel


def _unbias(name: str) -> Kernel:
    def kernel(bucket: Bucket, args: list[Any], _owned: Sequence[bool]) -> Value:
        return list(torch._foreach_div(args[0], bucket.correction(name)))

    return kernel


def _root_mean_square(bucket: Bucket, args: list[Any], _owned: Sequence[bool]) -> Value:
    correction = bucket.correction("v")
    root = list(torch._foreach_sqrt(args[0]))
    torch._foreach_div_(
        root, math.sqrt(correction) if isinstance(correction, float) else [math.sqrt(part) for part in correction]
    )
    torch._foreach_add_(root, bucket.eps)
    return root


KERNELS: dict[str, Kernel] = {
    "g": lambda bucket, _args, _owned: bucket.grads,
    "w": lambda bucket, _args, _owned: bucket.params,
    "noise": _noise,
    **{name: _clip(limit) for name, limit in CLIPS.items()},
    **{name: _drop(name) for name in DROPS},
    **{name: _unary(name) for name in ("neg", "exp", "sign")},
    **{name: _commutative(name) for name in ("add", "mul")},
    **{mean: _mean(name) for name, mean in MEANS.items()},
    **{f"unbias_{name}": _unbias(name) for name in MEANS},
    "log": _log,
    "sqrt": _square_root,
    "sub": _subtract,
    "div": _divide,
    "pow": _power,
    "over": _over,
    "rms": _root_mean_square,
}
"""The kernel of every primitive of ``harness.space.primitives`` but ``const``."""
