"""Which code takes the steps of a stack, Triton's kernels or PyTorch's operations, and how wide it may be."""

from __future__ import annotations

import torch

from harness.tasks.child.examples import Examples
from harness.tasks.child.stacked.by_pytorch import AT_ONCE as AT_ONCE
from harness.tasks.child.stacked.by_pytorch import PyTorchGround
from harness.tasks.child.stacked.stack import Ground
from harness.tasks.child.step import STACKED

USED = 0.9  # of the free memory: the rest is for what torch and compiled kernels need


def ground(path: str, examples: Examples, *, batch_size: int) -> Ground:
    """Return what all stacks of a process share.

    Args:
        path: STACKED or BATCHED (``harness.tasks.child.step``).
        examples: what to train and score on, on the device.
        batch_size: size of every batch.
    """
    if path == STACKED:
        from harness.tasks.child.stacked.by_triton import TritonGround  # Triton is installed only with GPU builds

        return TritonGround(examples, batch_size=batch_size)
    return PyTorchGround(examples, batch_size=batch_size)


def fitting(
    most: int,
    *,
    path: str,
    device: torch.device,
    images: tuple[int, ...],
    count: int,
    batch_size: int,
    classes: int,
    rates: int,
) -> int:
    """Return how many rules fit side by side into the free memory of a GPU: ``most``, or half as often as it takes.

    Args:
        most: how many at most.
        path: STACKED or BATCHED; what BATCHED needs at once does not depend on the number of rules.
        device: where they train.
        images: shape of the images, (…, side, side, channels).
        count: how many images there are.
        batch_size: size of every batch.
        classes: number of classes.
        rates: how many λs a rule is tried at.
    """
    if path != STACKED or device.type != "cuda":
        return most
    from harness.tasks.child.stacked.network import Shape

    shape = Shape(batch_size, images[-2], images[-1], classes)
    free, _ = torch.cuda.mem_get_info(device)
    return halved(most, each=rates * shape.cell_bytes, room=round(USED * free) - count * shape.image_bytes)


def halved(most: int, *, each: int, room: int) -> int:
    """Return ``most``, halved until so many of ``each`` bytes fit into the room; at least 1."""
    while most > 1 and most * each > room:
        most //= 2
    return most
