from __future__ import annotations

import numpy as np
import pytest

from harness.contracts import Dataset
from harness.tasks.data.images import Bytes, ImageData, fingerprint_of


def part(count: int, seed: int = 0) -> tuple[Bytes, Bytes]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8), rng.integers(0, 10, count, dtype=np.uint8)


def test_equal_arrays_have_one_fingerprint_wherever_they_came_from() -> None:
    here = ImageData.of("a", train=part(6), test=part(2), source="here")
    there = ImageData.of("b", train=part(6), test=part(2), source="there")
    assert here.fingerprint == there.fingerprint
    assert isinstance(here, Dataset)


@pytest.mark.parametrize("which", ["train pixel", "train label", "test pixel", "test label"])
def test_any_change_changes_the_fingerprint(which: str) -> None:
    train, test = part(6), part(2)
    before = fingerprint_of(*train, *test)
    array = (train if which.startswith("train") else test)[which.endswith("label")]
    array.flat[-1] ^= 1
    assert fingerprint_of(*train, *test) != before


def test_a_fingerprint_depends_on_shapes_and_not_on_memory_layout() -> None:
    images, _ = part(6)
    assert fingerprint_of(images) != fingerprint_of(images.reshape(3, 8, 4, 3))
    assert fingerprint_of(images) == fingerprint_of(np.asfortranarray(images))
