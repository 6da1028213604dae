"""The kind of tensor that a parameter is: plain, sharded, or another subclass with its own operations.

The fast paths of ``RuleOptimizer`` cut tensors into pieces and write to their memory. A subclass may return a copy
instead of a view, and the step would be lost silently.
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
    """Whether none of the tensors is of a subclass that may compute in its own way."""
    return KINDS.issuperset(map(type, tensors))  # called in every step


def here(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a sharded tensor's part on this process, which shares its memory; any other tensor unchanged.

    Rules are element-wise, so a step of the parts is a step of the whole.

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
    from torch.distributed.tensor import (
        DTensor,
    )  # a second to import; users of such tensors have imported it

    return tensor if isinstance(tensor, DTensor) else None
