"""Which code a child's steps run: the fast path if possible, otherwise PyTorch's own operations."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from harness.tasks.child.examples import Examples
from harness.tasks.child.plain import PlainNetwork

MOST_CHANNELS = 4  # the fast path keeps (9·channels)² numbers for each image
FUSED, PLAIN, STACKED, BATCHED = "fused 1", "plain", "stacked 1", "batched 1"
"""The paths' names in a run's record, since they round differently; the numbers count changes of the fast ones."""
TOGETHER = frozenset({STACKED, BATCHED})  # on these paths many children train side by side
MOST_STACKED = 128  # images per batch, since one program holds their logits


class Network(Protocol):
    """A network with its training and scoring examples."""

    @property
    def parameters(self) -> Sequence[Tensor]:
        """The tensors to optimise, which are all that a rule sees; it treats all entries alike."""

    @property
    def layers(self) -> Sequence[Tensor]:
        """The same memory by layer: each parameter in its layer's shape, with its gradient always in ``grad``."""

    def loss(self, chosen: Tensor) -> float:
        """Return the mean loss over the pool's examples at ``chosen`` (batch,); if it is finite, gradients are set."""

    @property
    def exact(self) -> Sequence[Tensor]:
        """Return the last loss's float64 sums before rounding; empty if there are none."""

    def logits(self) -> Tensor:
        """Return the logits of the validation set, (validation examples, classes), which ``score`` uses."""

    def score(self) -> float:
        """Return the accuracy on the validation set; batch norm uses its running means."""

    def test(self) -> float:
        """Return the accuracy on the test set; only for examples that have one."""

    def state(self) -> dict[str, Tensor]:
        """Return a copy of what training has changed: weights and running means."""

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore what ``state`` returned, in a network of the same path."""


Start = Callable[[int], Network]
"""Builds a network with the initial weights that a seed decides."""


def path_for(channels: int) -> str:
    """Return the path for images of so many channels: FUSED, or PLAIN without Numba or with too many channels."""
    compiles = importlib.util.find_spec("numba") is not None and os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"
    return FUSED if compiles and channels <= MOST_CHANNELS else PLAIN


def stacks(device: torch.device, *, dtype: str, batch_size: int, channels: int, classes: int) -> bool:
    """Whether Triton's kernels (``harness.tasks.child.stacked``) can train children on a device."""
    fits = channels <= MOST_CHANNELS and batch_size <= MOST_STACKED and classes <= MOST_STACKED
    return device.type == "cuda" and dtype == "float32" and fits and importlib.util.find_spec("triton") is not None


def stacked_path(device: torch.device, *, dtype: str, batch_size: int, channels: int, classes: int) -> str | None:
    """Return the path on which many children train side by side on a device; None for products in bfloat16."""
    if stacks(device, dtype=dtype, batch_size=batch_size, channels=channels, classes=classes):
        return STACKED
    return BATCHED if dtype != "bfloat16" else None


def starter(path: str, examples: Examples, *, batch_size: int, reduced: bool = False) -> Start:
    """Prepare what all children of a process share, and return what builds a child's network.

    Args:
        path: FUSED or PLAIN.
        examples: what to train and score on.
        batch_size: size of every batch.
        reduced: whether to multiply in bfloat16 (``harness.tasks.child.cpu.reduced``).
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
    """Return what multiplies bfloat16 here: ``amx``, ``avx512_bf16``, or ``none``, as far as torch knows."""
    for name, has in (("amx", "_is_amx_tile_supported"), ("avx512_bf16", "_is_avx512_bf16_supported")):
        if getattr(torch.cpu, has, lambda: False)():
            return name
    return "none"
