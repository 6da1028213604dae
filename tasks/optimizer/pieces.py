"""A bucket cut into pieces that a processor's cache holds.

A rule is element-wise. A step of a large network waits for memory, so it is taken piece by piece, and every operation
finds in the cache what the one before has left there. Temporaries are as small as a piece. The weights are the same::

    for piece in pieces(bucket, entries=1 << 17):
        descend(piece, program.run(piece), rate)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from harness.tasks.optimizer.kernels import Bucket
from harness.tasks.optimizer.tensors import plain


def pieces(bucket: Bucket, *, entries: int) -> Iterator[Bucket]:
    """Cut a bucket: a large parameter into several pieces, small ones together into one.

    A parameter that cannot be viewed as a vector stays whole, and so does a bucket that is small or on another device.

    Args:
        bucket: of a rule that draws nothing at random: draws are made for a whole bucket at once.
        entries: of a piece, at most; a multiple of 64, since the last entries, which fill no vector register, may be
            rounded in another way.

    Yields:
        views of the bucket's tensors, which together hold every entry once.
    """
    sizes = [param.numel() for param in bucket.params]
    if bucket.params[0].device.type != "cpu" or sum(sizes) <= entries:
        yield bucket
        return
    small, total = list[int](), 0
    for place, size in enumerate(sizes):
        if size > entries and _alike(bucket.tensors(place)):
            yield from _cut(bucket.only([place]), entries)
            continue
        if small and total + size > entries:
            yield bucket.only(small)
            small, total = [], 0
        small.append(place)
        total += size
    if small:
        yield bucket.only(small)


def _cut(bucket: Bucket, entries: int) -> Iterator[Bucket]:
    """Cut a bucket of one parameter."""
    vectors = [tensor.view(-1).split(entries) for tensor in bucket.tensors(0)]
    for param, grad, *means in zip(*vectors, strict=True):
        named = zip(bucket.means, means, strict=True)
        yield replace(bucket, params=[param], grads=[grad], means={name: [mean] for name, mean in named})


def _alike(tensors: Sequence[Tensor]) -> bool:
    """Whether all can be cut as one vector is, and computed with in one dtype."""
    same = all(tensor.is_contiguous() and tensor.dtype is tensors[0].dtype for tensor in tensors)
    return same and plain(tensors)
