"""Which code a child's steps run: the fast path where it can, PyTorch's own where not."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from harness.tasks.child.examples import Examples
from harness.tasks.child.plain import PlainNetwork

MOST_CHANNELS = 4  # the fast path keeps (9·channels)² numbers for each image
FUSED, PLAIN, STACKED = "fused 1", "plain", "stacked 1"
"""The paths' names in a run's record, for they round differently; the numbers count changes of the fast ones."""
MOST_STACKED = 128  # images of a batch, whose logits one program holds


class Network(Protocol):
    """A network with the examples that it is trained and scored on."""

    @property
    def parameters(self) -> Sequence[Tensor]:
        """The tensors to optimise: all that a rule sees, which steps every entry alike."""

    @property
    def layers(self) -> Sequence[Tensor]:
        """The same memory by layer: each parameter in its layer's shape, its gradient always where ``grad`` says."""

    def loss(self, chosen: Tensor) -> float:
        """Mean loss over the pool's examples at ``chosen`` (batch,); if it is finite, gradients are set."""

    @property
    def exact(self) -> Sequence[Tensor]:
        """What the last loss took from sums in float64, before they were rounded; empty where there are none."""

    def logits(self) -> Tensor:
        """What ``score`` judges, (validation examples, classes)."""

    def score(self) -> float:
        """Share of the validation set that is classified rightly; batch norm uses its running means."""

    def test(self) -> float:
        """The same share of the test set; only for examples that have one."""


Start = Callable[[int], Network]
"""Builds a network of the initial weights that a seed decides."""


def path_for(channels: int) -> str:
    """Which path trains on images of so many channels: FUSED, or PLAIN without Numba or with too many channels."""
    compiles = importlib.util.find_spec("numba") is not None and os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"
    return FUSED if compiles and channels <= MOST_CHANNELS else PLAIN


def stacks(device: torch.device, *, dtype: str, batch_size: int, channels: int, classes: int) -> bool:
    """Whether many children can train side by side there (``harness.tasks.child.stacked``): a GPU with Triton."""
    fits = channels <= MOST_CHANNELS and batch_size <= MOST_STACKED and classes <= MOST_STACKED
    return device.type == "cuda" and dtype == "float32" and fits and importlib.util.find_spec("triton") is not None


def starter(path: str, examples: Examples, *, batch_size: int, reduced: bool = False) -> Start:
    """Prepare what all children of a process share, and return what starts one.

    Args:
        path: FUSED or PLAIN.
        examples: what to train and score on.
        batch_size: of every batch.
        reduced: multiply in bfloat16 (``harness.tasks.child.cpu.reduced``).
    """
    if path == PLAIN:
        return lambda seed: PlainNetwork(examples, seed=seed, reduced=reduced)
    # Numba takes half a second to import, and only training needs it.
    from harness.tasks.child.cpu.network import FusedNetwork, PatchMoments
    from harness.tasks.child.cpu.reduced import ReducedNetwork

    moments = PatchMoments.of(examples.pool.images)
    network = ReducedNetwork if reduced else FusedNetwork
    return lambda seed: network(examples, moments, batch_size=batch_size, seed=seed)


def bfloat16_instructions() -> str:
    """What multiplies bfloat16 here: ``amx``, ``avx512_bf16``, or ``none`` as far as torch can tell."""
    for name, has in (("amx", "_is_amx_tile_supported"), ("avx512_bf16", "_is_avx512_bf16_supported")):
        if getattr(torch.cpu, has, lambda: False)():
            return name
    return "none"
