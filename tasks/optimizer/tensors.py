"""What kind of tensor a parameter is: plain, sharded, or another subclass that only its own operations may touch.

The fast paths of ``RuleOptimizer`` cut tensors to pieces and write into their memory. A subclass may answer a view with
a copy, and the step would be lost without a word.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import Parameter

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

KINDS = frozenset({Tensor, Parameter})


def plain(tensors: Iterable[Tensor]) -> bool:
    """Whether none of them is of a subclass that may compute in its own way."""
    return KINDS.issuperset(map(type, tensors))  # every step asks


def here(tensor: Tensor, like: Tensor) -> Tensor:
    """A sharded tensor's part on this process, which shares its memory; any other tensor itself.

    Rules are element-wise, so that a step of the parts is the step of the whole.

    Args:
        tensor: a parameter, its gradient, or a running mean.
        like: the parameter, which says how it is sharded.
    """
    if plain((tensor,)):
        return tensor
    whole, model = _sharded(tensor), _sharded(like)
    if whole is None or model is None:
        return tensor
    if whole.placements != model.placements:
        whole = whole.redistribute(placements=model.placements)
    return whole.to_local()


def _sharded(tensor: Tensor) -> DTensor | None:
    if plain((tensor,)) or not torch.distributed.is_available():
        return None
    from torch.distributed.tensor import DTensor  # a second to import, which whoever has such a tensor has spent

    return tensor if isinstance(tensor, DTensor) else None
