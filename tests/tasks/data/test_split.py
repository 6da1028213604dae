from __future__ import annotations

import hashlib

import numpy as np
import pytest

from harness.contracts import ChildProtocol
from harness.errors import ProtocolError
from harness.tasks.data.images import ImageData
from harness.tasks.data.split import balanced_order, split

LABELS = np.repeat(np.arange(10, dtype=np.uint8), 200)


def protocol(train: int, validation: int) -> ChildProtocol:
    return ChildProtocol(
        name="mini",
        version=1,
        task="child",
        train_examples=train,
        validation_examples=validation,
        batch_size=10,
        epochs=1,
        learning_rates=(0.1,),
        chance=0.1,
    )


@pytest.fixture
def data() -> ImageData:
    images = np.zeros((len(LABELS), 4, 4, 3), np.uint8)
    return ImageData.of("mini", train=(images, LABELS), test=(images[:10], LABELS[:10]), source="")


def test_pool_and_validation_set_never_meet_and_are_balanced(data: ImageData) -> None:
    pool, validation = split(protocol(1_500, 500), data)
    assert sorted([*pool, *validation]) == list(range(2_000))
    assert np.bincount(LABELS[pool]).tolist() == [150] * 10
    assert np.bincount(LABELS[validation]).tolist() == [50] * 10


def test_a_smaller_protocol_uses_a_part_of_a_larger_ones_images(data: ImageData) -> None:
    small_pool, small_validation = split(protocol(100, 50), data)
    pool, validation = split(protocol(1_000, 500), data)
    assert small_pool.tolist() == pool[:100].tolist()
    assert set(small_validation) <= set(validation)


def test_too_few_images_are_an_error(data: ImageData) -> None:
    with pytest.raises(ProtocolError, match=r"at most 2,000 images.*got 2,010"):
        split(protocol(1_500, 510), data)


def test_every_stretch_is_balanced_even_where_the_classes_are_not() -> None:
    labels = np.repeat(np.array([0, 1], np.uint8), [300, 100])
    order = balanced_order(labels)
    assert sorted(order) == list(range(400))
    for start in range(0, 400, 40):
        assert abs(int(labels[order[start : start + 40]].sum()) - 10) <= 1


def test_images_of_a_class_are_shuffled() -> None:
    ranks = balanced_order(LABELS)
    first_class = ranks[LABELS[ranks] == 0]
    assert first_class.tolist() != sorted(first_class)


def test_the_order_is_frozen() -> None:
    # A change here is another pool and another validation set: every protocol's version must rise with it.
    order = balanced_order(np.repeat(np.arange(10, dtype=np.uint8), 5_000))
    assert hashlib.sha256(order.astype("<i8").tobytes()).hexdigest()[:16] == "7a106b1bb2e151cb"
