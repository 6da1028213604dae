"""Minibatches: training images with their labels, which follow from a problem's seed and the step alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.contracts import Dataset
from harness.errors import DataError
from harness.tasks.data.images import ImageData
from harness.tasks.learned.lstm import CPU
from harness.tasks.learned.problems.examples import AHEAD, BATCH, Examples, Resident, as_images, entropies


def labelled(*, classes: int = 10, side: int = 8) -> ImageData:
    """Forty training images whose pixels say their number, and test images of 255."""
    images = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None, None], (40, side, side, 3))
    labels = (np.arange(40) % classes).astype(np.uint8)
    unseen = (np.full((10, side, side, 3), 255, np.uint8), np.zeros(10, np.uint8))
    return ImageData.of("numbered", train=(images, labels), test=unseen, source="")


def drawn(examples: Examples, seed: int, step: int) -> list[int]:
    """The numbers of the images of a minibatch."""
    images, _ = examples.batch([seed], step)
    return [int(number) for number in (images[0, :, 0, 0, 0] * 255).round()]


def test_a_minibatch_holds_training_images_in_0_to_1_with_their_labels() -> None:
    images, labels = Examples.of(labelled()).batch([1, 2, 3], 0)
    assert images.shape == (3, BATCH, 8, 8, 3)
    assert images.dtype == torch.float32
    assert images.max() <= 39 / 255
    assert torch.equal(labels, (images[..., 0, 0, 0] * 255).round().long() % 10)


def test_a_minibatch_follows_from_its_problems_seed_and_the_step_alone() -> None:
    examples = Examples.of(labelled())
    first = drawn(examples, 1, 0)
    assert first == drawn(examples, 1, 0)
    assert first != drawn(examples, 1, 1)
    assert first != drawn(examples, 2, 0)
    assert torch.equal(examples.batch([5, 1], 0)[0][1], examples.batch([1], 0)[0][0])


def test_images_are_drawn_uniformly_and_with_replacement() -> None:
    """The seeds are fixed. With others, one of the 40 counts would be off by 4 sigma or more in 1 of 400 tests."""
    examples = Examples.of(labelled())
    counts = np.bincount([number for step in range(160) for number in drawn(examples, 0, step)], minlength=40)
    assert np.abs(counts - 512).max() < 4 * 512**0.5
    assert len(set(drawn(examples, 0, 0))) < BATCH


@pytest.mark.parametrize("labels", [range(5), range(2), range(5, 10), range(2, 10)])
def test_some_labels_are_taken_alone_and_counted_from_0(labels: range) -> None:
    examples = Examples.of(labelled(), labels)
    images, found = examples.batch([0, 1, 2, 3], 0)
    originals = (images[..., 0, 0, 0] * 255).round().long() % 10
    assert set(originals.flatten().tolist()) == set(labels)
    assert torch.equal(found, originals - labels.start)
    assert examples.classes == len(labels)


@pytest.mark.parametrize("labels", [None, range(2, 10)])
def test_examples_that_a_device_holds_are_the_same(labels: range | None) -> None:
    examples = Examples.of(labelled(), labels)
    resident = Resident(examples, CPU)
    assert (resident.shape, resident.classes) == (examples.shape, examples.classes)
    for seeds, step in (([5, 1], 0), ([1, 2, 3], 0), ([5, 1], AHEAD - 1), ([5, 1], AHEAD), ([5, 1], 3 * AHEAD + 7)):
        for ours, theirs in zip(resident.batch(seeds, step), examples.batch(seeds, step), strict=True):
            assert ours.dtype == theirs.dtype
            assert torch.equal(ours, theirs)


def test_cross_entropies_are_means_over_each_problems_examples() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(3, 5, 8, generator=generator), torch.randint(5, (3, 8), generator=generator)
    expected = [float(torch.nn.functional.cross_entropy(logits[place].mT, labels[place])) for place in range(3)]
    assert entropies(logits, labels).tolist() == pytest.approx(expected)


def test_labels_that_no_image_has_are_one_line() -> None:
    with pytest.raises(DataError, match=r"data 'numbered': expected images with the labels 5 to 9, got 3 classes\. "):
        Examples.of(labelled(classes=3), range(5, 10))


def test_data_of_another_kind_is_one_line() -> None:
    class Text:
        name, fingerprint = "novel", "0"

    nothing = (np.zeros((0, 8, 8, 3), np.uint8), np.zeros(0, np.uint8))
    none = ImageData.of("bare", train=nothing, test=nothing, source="")
    cases: list[tuple[Dataset | None, str]] = [
        (None, "data of problems: expected images of at least 8×8 pixels, got none"),
        (Text(), "data 'novel': expected images of at least 8×8 pixels, got Text"),
        (labelled(side=4), "data 'numbered': expected images of at least 8×8 pixels, got 40 of 4×4"),
        (none, "data 'bare': expected images of at least 8×8 pixels, got 0 of 8×8"),
    ]
    for data, expected in cases:
        with pytest.raises(DataError) as refusal:
            as_images(data, least=8)
        assert str(refusal.value) == f"{expected}. Choose another data set with --data."
