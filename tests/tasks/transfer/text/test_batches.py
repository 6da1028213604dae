"""Batches of pairs whose sources have one length."""

from __future__ import annotations

import numpy as np
import torch

from harness.tasks.data.text.subwords import BEGIN, PAD, EncodedPairs, Ragged
from harness.tasks.transfer.text.batches import Batch, by_length, chosen, filling, shuffled

CPU = torch.device("cpu")
LENGTHS = [(2, 3), (3, 2), (2, 9), (2, 2), (3, 4), (4, 4), (2, 4), (3, 3), (2, 2), (3, 2)]
PAIRS = EncodedPairs(
    Ragged.of([[10 + row] * source for row, (source, _) in enumerate(LENGTHS)]),
    Ragged.of([[20 + row] * target for row, (_, target) in enumerate(LENGTHS)]),
)


def test_short_enough_means_both_sides() -> None:
    assert chosen(PAIRS, longest=4).tolist() == [0, 1, 3, 4, 5, 6, 7, 8, 9]
    assert chosen(PAIRS, longest=3).tolist() == [0, 1, 3, 7, 8, 9]
    assert chosen(PAIRS, longest=0, count=3).tolist() == [0, 1, 2]


def test_training_pairs_are_those_that_fill_whole_batches_first() -> None:
    places = chosen(PAIRS, longest=4)
    groups = filling(PAIRS, places, size=2)
    assert [group.tolist() for group in groups] == [[0, 3, 6, 8], [1, 4, 7, 9]]
    assert [group.tolist() for group in filling(PAIRS, places, size=2, batches=3)] == [[0, 3, 6, 8], [1, 4]]
    assert [group.tolist() for group in filling(PAIRS, places, size=2, batches=1)] == [[0, 3]]
    assert [group.tolist() for group in filling(PAIRS, places, size=3)] == [[0, 3, 6], [1, 4, 7]]
    assert filling(PAIRS, places, size=5) == []
    assert filling(PAIRS, places[:0], size=2) == []


def test_an_epoch_holds_every_training_pair_once_in_batches_of_one_length() -> None:
    groups = filling(PAIRS, chosen(PAIRS, longest=4), size=2)
    epochs = [shuffled(groups, size=2, seed=seed) for seed in range(20)]
    for batches in epochs:
        assert sorted(np.concatenate(batches).tolist()) == [0, 1, 3, 4, 6, 7, 8, 9]
        assert all(len({LENGTHS[place][0] for place in batch}) == 1 for batch in batches)
    orders = [[sorted(batch.tolist()) for batch in batches] for batches in epochs]
    assert len({tuple(map(tuple, sorted(order))) for order in orders}) > 5, "other pairs are put together"
    assert len({LENGTHS[order[0][0]][0] for order in orders}) == 2, "and other batches come first"
    assert [batch.tolist() for batch in shuffled(groups, size=2, seed=3)] == [batch.tolist() for batch in epochs[3]]


def test_scoring_takes_every_pair_once_by_length() -> None:
    found = [group.tolist() for group in by_length(PAIRS, np.arange(10), words=6)]
    assert found == [[0, 2, 3], [6, 8], [1, 4], [7, 9], [5]]
    assert [len(group) for group in by_length(PAIRS, np.arange(10), words=1)] == [1] * 10


def test_a_batch_is_padded_where_translations_end() -> None:
    batch = Batch.of(PAIRS, [0, 2], CPU)
    assert batch.source.tolist() == [[10, 12], [10, 12]]
    assert batch.targets[:, 0].tolist() == [20] * 3 + [PAD] * 6
    assert batch.targets[:, 1].tolist() == [22] * 9
    assert batch.inputs[0].tolist() == [BEGIN, BEGIN]
    assert torch.equal(batch.inputs[1:], batch.targets[:-1])
