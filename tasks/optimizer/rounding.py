"""Which functions of torch round alike wherever a number stands in memory, on this machine.

Torch computes most of a tensor by vector instructions and its last few entries one by one, by other code. What IEEE 754
rounds exactly is the same by either. Of the rest, powers are mostly not, and whether a product and a sum are rounded once
or twice is up to how torch was built; so that is tried out::

    uniform("addcmul", torch.float32)  # True where tensors may be laid end to end without changing a bit
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

EXACT = frozenset({"abs", "add", "clamp_max", "clamp_min", "div", "mul", "neg", "reciprocal", "sign", "sqrt", "sub"})
NUMBERS = 1 << 15  # to try; of two ways to compute a power or a logarithm, a share of 1 in 1,000 or more differs
ENDS = 130  # twice what any vector loop takes at once, and more
SCALE = 0.1  # of what is added; no power of 2, which no rounding would betray


@cache
def uniform(name: str, dtype: torch.dtype, *, scaled: bool = False) -> bool:
    """Whether a function gives a number the same result in the midst of a tensor, at its end, and with gaps around.

    Args:
        name: torch's name of it.
        dtype: of the tensors.
        scaled: whether it has arguments by name.
    """
    return (name in EXACT and not scaled) or _tried(name, dtype)


def _tried(name: str, dtype: torch.dtype) -> bool:
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(3, NUMBERS, generator=generator, dtype=dtype).mul_(3.0)
    if name in ("log", "pow"):  # rules give them no negative numbers
        numbers[0].abs_()
    apart = numbers.repeat_interleave(2, 1)[:, ::2]
    whole = _computed(name, numbers)
    return torch.equal(whole, _computed(name, apart)) and all(
        torch.equal(whole[..., :end], _computed(name, numbers[:, :end].contiguous())) for end in range(1, ENDS)
    )


def _computed(name: str, numbers: Tensor) -> Tensor:
    if name == "add":
        return torch.add(numbers[0], numbers[1], alpha=SCALE)
    if name == "addcmul":
        return torch.addcmul(numbers[0], numbers[1], numbers[2], value=SCALE)
    if name == "pow":
        return torch.stack([numbers[0].pow(numbers[1]), numbers[0].pow(SCALE), torch.pow(SCALE, numbers[1])])
    result: Tensor = getattr(torch, name)(numbers[0])
    return result
