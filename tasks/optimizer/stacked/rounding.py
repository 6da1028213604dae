"""Which torch functions round alike on this machine, wherever a number is in memory.

Torch computes most of a tensor with vector instructions and its last few entries one by one, with other code. Both give
the same result for operations that IEEE 754 rounds exactly. Powers mostly differ, and whether a product and a sum are
rounded once or twice depends on how torch was built. So this is tried out::

    uniform("addcmul", torch.float32, scaled=True)  # True where tensors may be laid end to end without changing a bit
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

EXACT = frozenset({"abs", "add", "clamp_max", "clamp_min", "div", "mul", "neg", "reciprocal", "sign", "sqrt", "sub"})
NUMBERS = 1 << 14  # numbers to try: two ways to round a power or a logarithm differ for at least 1 in 1,000
ENDS = 130  # sizes of tensors to try, more than twice what any vector loop handles at once
SCALE = 0.1  # not a power of 2, which would hide any rounding
SPECIAL = (0.0, -0.0, 1.0, math.inf, -math.inf, math.nan, 1e-42, 1e-30, 1e30, -1e30, 88.0, -104.0)


@cache
def uniform(name: str, dtype: torch.dtype, *, scaled: bool = False) -> bool:
    """Whether a function gives a number the same result in the middle of a tensor, at its end, and with gaps around.

    Args:
        name: torch's name of the function.
        dtype: dtype of the tensors.
        scaled: whether it is called with keyword arguments.
    """
    return (name in EXACT and not scaled) or _tried(name, dtype)


def _tried(name: str, dtype: torch.dtype) -> bool:
    numbers = torch.randn(3, NUMBERS, generator=torch.Generator().manual_seed(0), dtype=dtype).mul_(3.0)
    for row, step in zip(numbers, (5, 7, 11), strict=True):
        places = row[::step]
        places.copy_(torch.tensor(SPECIAL, dtype=dtype).repeat(len(places))[: len(places)])
    if name in ("log", "pow"):  # rules never pass them values below 0
        numbers[0].abs_()
    whole, apart = _computed(name, numbers), numbers.repeat_interleave(2, 1)[:, ::2]
    return _same(whole, _computed(name, apart)) and all(
        _same(whole[..., :end], _computed(name, numbers[:, :end].contiguous())) for end in range(1, ENDS)
    )


def _computed(name: str, numbers: Tensor) -> Tensor:
    one, two, three = numbers
    if name == "add":
        return torch.add(one, two, alpha=SCALE)
    if name == "addcmul":
        return torch.addcmul(one, two, three, value=SCALE)
    if name == "pow":
        return torch.stack([one.pow(two), one.pow(SCALE), torch.pow(SCALE, two)])
    result: Tensor = getattr(torch, name)(one)
    return result


def _same(one: Tensor, other: Tensor) -> bool:
    return bool(((one == other) | (one.isnan() & other.isnan())).all())
