"""Batches of sentence pairs whose sources have one length, so that only translations are padded (**D**).

A protocol's training pairs are those that fill whole batches first, in the order of the data. Every epoch puts the
pairs of a length together anew, and then shuffles the batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from harness.tasks.data.text.subwords import BEGIN, PAD, EncodedPairs

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some pairs as the network reads them.

    Attributes:
        source: (source words, pairs), without padding.
        inputs: the translations after the mark of a beginning, (target words, pairs), padded by ``PAD``.
        targets: the translations with their end, (target words, pairs), padded by ``PAD``.
    """

    source: Tensor
    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, pairs: EncodedPairs, places: Sequence[int] | Places, device: torch.device) -> Batch:
        """Return the pairs at these places, whose sources have one length."""
        source = torch.from_numpy(np.stack([pairs.source[place] for place in places], 1).astype(np.int64))
        rows = [pairs.target[place] for place in places]
        targets = torch.full((max(map(len, rows)), len(rows)), PAD)
        for column, row in enumerate(rows):
            targets[: len(row), column] = torch.from_numpy(row)
        inputs = torch.cat([torch.full((1, len(rows)), BEGIN), targets[:-1]])
        return cls(source.to(device), inputs.to(device), targets.to(device))


def chosen(pairs: EncodedPairs, *, longest: int, count: int = 0) -> Places:
    """Return the places of the first pairs whose sentences are short enough, in order.

    Args:
        pairs: the pairs.
        longest: subwords of the longest sentence, its end included; 0 for no limit.
        count: how many, at most; 0 for all.
    """
    lengths = np.maximum(pairs.source.lengths, pairs.target.lengths)
    places: Places = np.flatnonzero(lengths <= (longest or lengths.max(initial=0)))
    return places[: count or None]


def filling(pairs: EncodedPairs, places: Places, *, size: int, batches: int = 0) -> list[Places]:
    """Return the pairs that fill whole batches of one source length first, grouped by length.

    Args:
        pairs: the pairs.
        places: those that may be chosen, in order.
        size: pairs in a batch.
        batches: how many batches; 0 for all that are filled.

    Returns:
        For each length, places whose number is a multiple of ``size``; together fewer than ``batches`` batches if there
        are no more.
    """
    lengths = pairs.source.lengths[places]
    order = np.argsort(lengths, kind="stable")
    groups = np.split(places[order], np.flatnonzero(np.diff(lengths[order])) + 1)
    filled = sorted(group[size - 1 :: size][batch] for group in groups for batch in range(len(group) // size))
    last = filled[batches - 1] if batches and len(filled) > batches else places[-1] if len(places) else 0
    kept = [group[: int((group <= last).sum()) // size * size] for group in groups]
    return [group for group in kept if len(group)]


def shuffled(groups: Sequence[Places], *, size: int, seed: int) -> list[Places]:
    """Return the batches of an epoch in random order, each of random pairs of one length."""
    generator = Generator().manual_seed(seed)
    batches = [
        part
        for group in groups
        for part in np.split(group[torch.randperm(len(group), generator=generator).numpy()], len(group) // size)
    ]
    return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]


def by_length(pairs: EncodedPairs, places: Places, *, words: int) -> Iterator[Places]:
    """Yield places in batches of one source length, shorter sentences first, of at most ``words`` words to read."""
    lengths = pairs.source.lengths[places]
    for length in np.unique(lengths):
        group, size = places[lengths == length], max(1, words // int(length))
        yield from np.split(group, range(size, len(group), size))
