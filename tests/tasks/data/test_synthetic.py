from __future__ import annotations

import numpy as np
import pytest

from harness.tasks.data import synthetic
from harness.tasks.data.images import ImageData
from harness.tasks.data.textures import SIDE, Draw, scaled, waves, windows
from harness.tasks.transfer.images.protocols import WRN


@pytest.fixture(scope="module")
def data() -> ImageData:
    return synthetic.generate(1_500, 500)


def test_the_pixels_are_frozen() -> None:
    # A change here moves every score on the stand-in: VERSION must rise with it.
    assert synthetic.generate(500, 500).fingerprint == "58a48862e6b8ba7b947a7b1dc311a252"


def test_shapes_and_classes_are_those_of_cifar10(data: ImageData) -> None:
    assert (synthetic.TRAIN, synthetic.TEST) == (15_000, 10_000)
    assert data.name == "synthetic"
    assert data.train_images.shape == (1_500, 32, 32, 3)
    assert data.test_images.shape == (500, 32, 32, 3)
    assert data.train_images.dtype == data.train_labels.dtype == np.uint8
    assert np.bincount(data.train_labels).tolist() == [150] * 10


def test_pixels_use_the_range_and_neighbours_are_alike(data: ImageData) -> None:
    images = data.train_images.astype(np.int64)
    assert (images.min(), images.max()) == (0, 255)
    assert 50 < images.std() < 75  # CIFAR-10: 64
    neighbours = np.corrcoef(images[:, :, 1:].ravel(), images[:, :, :-1].ravel())[0, 1]
    channels = np.corrcoef(images[..., 0].ravel(), images[..., 2].ravel())[0, 1]
    assert neighbours > 0.7
    assert channels > 0.4


def test_no_image_comes_twice(data: ImageData) -> None:
    rows = np.concatenate([data.train_images, data.test_images]).reshape(2_000, -1)
    assert len(np.unique(rows, axis=0)) == 2_000


def test_classes_can_be_told_apart_but_not_by_their_mean_image(data: ImageData) -> None:
    means = np.stack([data.train_images[data.train_labels == label].mean(0).ravel() for label in range(10)])
    rows = data.test_images.reshape(500, -1).astype(np.float64)
    distances = (means**2).sum(1) - 2 * rows @ means.T
    accuracy = (distances.argmin(1) == data.test_labels).mean()
    assert 0.13 < accuracy < 0.35


def test_load_remembers_what_it_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "TRAIN", 20)
    monkeypatch.setattr(synthetic, "TEST", 10)
    lines: list[str] = []
    first = synthetic.load(None, lines.append)
    monkeypatch.setattr(synthetic, "generate", lambda *_, **__: pytest.fail("generated again"))
    assert synthetic.load(None, lines.append).fingerprint == first.fingerprint
    assert lines == []


def test_the_large_stand_in_begins_with_the_images_of_the_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has what the workloads need at the paper's size."""
    assert WRN.train_examples + WRN.validation_examples == synthetic.LARGE_TRAIN
    for name, count in (("TRAIN", 500), ("LARGE_TRAIN", 1_000), ("TEST", 10)):
        monkeypatch.setattr(synthetic, name, count)
    small, large = (load(None, lambda _: None) for load in (synthetic.load, synthetic.load_large))
    assert (small.name, large.name) == ("synthetic", "synthetic-50k")
    assert len(large.train_labels) == 1_000
    np.testing.assert_array_equal(large.train_images[:500], small.train_images)
    np.testing.assert_array_equal(large.test_images, small.test_images)


def test_draws_are_frozen_and_streams_apart() -> None:
    assert Draw(0, "a").below(1_000, 4).tolist() == [300, 712, 1, 881]
    assert Draw(0, "a").below(1_000, 4).tolist() != Draw(0, "b").below(1_000, 4).tolist()
    assert Draw(0, "a").below(1_000, 4).tolist() != Draw(1, "a").below(1_000, 4).tolist()


def test_a_bell_has_its_spread() -> None:
    # The stream is fixed, so these bounds can fail by a change of code alone.
    bell = Draw(0, "bell").bell(20, 10_000)
    assert abs(bell.mean()) < 1
    assert 19.5 < bell.std() < 21.5
    assert np.abs(bell).max() <= 60


def test_waves_repeat_and_scale() -> None:
    sheet = waves(np.array([3]), np.array([0]), np.array([0]), np.array([1]))
    assert sheet[0, 0] == 256
    assert (sheet == sheet[0]).all()
    assert abs(int(np.sqrt((scaled(sheet, 40) ** 2).mean())) - 40) <= 1


def test_windows_wrap_around_and_are_clipped() -> None:
    sheets = np.arange(2 * SIDE * SIDE).reshape(2, 1, SIDE, SIDE) % 500
    every = windows(sheets, 100, 8)
    assert every.shape == (2, SIDE, SIDE, 1, 8, 8)
    expected = np.roll(sheets[1, 0], (-(SIDE - 3), -5), (0, 1))[:8, :8].clip(-100, 100)
    np.testing.assert_array_equal(every[1, SIDE - 3, 5, 0], expected)
