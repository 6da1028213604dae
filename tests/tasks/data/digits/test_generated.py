"""The stand-in for MNIST: the same everywhere, and alike in what optimizers meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.registry import AUTOMATIC, BUILT_IN, STAND_INS, Kind, load
from harness.tasks.data.digits import auto, generated
from harness.tasks.data.images import ImageData


@pytest.fixture(scope="module")
def data() -> ImageData:
    return generated.generate(2_000, 500)


def test_the_pixels_are_frozen() -> None:
    # A change here moves every result on the stand-in: VERSION must rise with it.
    assert (generated.VERSION, generated.generate(500, 500).fingerprint) == (1, "a1776fec3b3eee2d6861039dcd054cc5")


def test_shapes_and_classes_are_those_of_mnist(data: ImageData) -> None:
    assert (generated.TRAIN, generated.TEST) == (10_000, 2_000)
    assert data.name == "synthetic-digits"
    assert data.train_images.shape == (2_000, 28, 28, 1)
    assert data.test_images.shape == (500, 28, 28, 1)
    assert data.train_images.dtype == data.train_labels.dtype == np.uint8
    assert np.bincount(data.train_labels).tolist() == [200] * 10


def test_pixels_are_as_often_black_and_as_bright_as_those_of_mnist(data: ImageData) -> None:
    images = data.train_images.astype(np.int64)
    assert 0.15 < (images > 0).mean() < 0.25  # MNIST: 0.19
    assert 28 < images.mean() < 43  # MNIST: 33
    assert 70 < images.std() < 85  # MNIST: 79
    assert (images[:, :, 0] == 0).mean() > 0.99, "strokes stay within the picture"


def test_no_image_comes_twice(data: ImageData) -> None:
    rows = np.concatenate([data.train_images, data.test_images]).reshape(2_500, -1)
    assert len(np.unique(rows, axis=0)) == 2_500


def test_the_mean_images_tell_digits_apart_about_as_well_as_mnists(data: ImageData) -> None:
    means = np.stack([data.train_images[data.train_labels == label].mean(0).ravel() for label in range(10)])
    rows = data.test_images.reshape(500, -1).astype(np.float64)
    distances = (means**2).sum(1) - 2 * rows @ means.T
    assert 0.7 < (distances.argmin(1) == data.test_labels).mean() < 0.92  # MNIST: 0.82


def test_fewer_images_are_the_beginning_of_more(data: ImageData) -> None:
    few = generated.generate(500, 500)
    np.testing.assert_array_equal(few.train_images, data.train_images[:500])
    np.testing.assert_array_equal(few.test_images, data.test_images)


def test_load_remembers_what_it_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "TRAIN", 20)
    monkeypatch.setattr(generated, "TEST", 10)
    lines: list[str] = []
    first = generated.load(None, lines.append)
    monkeypatch.setattr(generated, "generate", lambda *_, **__: pytest.fail("generated again"))
    assert generated.load(None, lines.append).fingerprint == first.fingerprint
    assert lines == []
    generated.load(Path("here"), lines.append)
    assert lines == ["The stand-in for MNIST is generated: --data-root here is not used"]


def test_the_registered_data_sets_of_digits_are_mnist_and_its_stand_in() -> None:
    assert {name for name, entry in BUILT_IN[Kind.DATA].items() if entry.inputs == "digits"} == {
        "mnist",
        "synthetic-digits",
    }
    assert load(Kind.DATA, STAND_INS["digits"]) is generated.load
    assert load(Kind.DATA, AUTOMATIC["digits"]) is auto.load
