"""What a network sees: flips and crops of images in memory, and crops of pictures that are read one by one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from coloured_images import Listed, coloured
from PIL import Image
from scipy import stats

from harness.tasks.child.examples import Choice
from harness.tasks.data.images import ImageData
from harness.tasks.transfer.images.classifier import Batch
from harness.tasks.transfer.images.crops import PADDING, Crops
from harness.tasks.transfer.images.loading import DEVIATION, DRAWS, MEAN, Loader, Part, crop, cut, middle
from harness.tasks.transfer.images.wide_resnet import Cropped

CPU = torch.device("cpu")


def test_a_window_in_the_middle_is_the_image_and_a_mirrored_one_its_mirror_image() -> None:
    images, _ = coloured(6, 8)
    crops = Crops(images)
    chosen = np.array([4, 0])
    here = np.array([[PADDING, PADDING, 0], [PADDING, PADDING, 1]])
    found = crops.cut(chosen, here)
    assert np.array_equal(found[0], images[4])
    assert np.array_equal(found[1], images[0, :, ::-1])
    assert np.array_equal(images, coloured(6, 8)[0]), "the images themselves stay"


def test_windows_are_cut_from_a_black_border() -> None:
    images = np.full((1, 8, 8, 3), 200, np.uint8)
    images[0, 3, 5] = 100
    for top in range(2 * PADDING + 1):
        for left in range(2 * PADDING + 1):
            (found,) = Crops(images).cut(np.array([0]), np.array([[top, left, 0]]))
            inside = max(0, 8 - abs(top - PADDING)) * max(0, 8 - abs(left - PADDING))
            assert (found != 0).all(2).sum() == inside
            row, column = 3 + PADDING - top, 5 + PADDING - left
            if 0 <= row < 8 and 0 <= column < 8:
                assert found[row, column].tolist() == [100, 100, 100]


def test_draws_are_even_over_places_and_mirrors() -> None:
    drawn = Crops.draw(90_000, 3).numpy()
    assert drawn.shape == (90_000, 3)
    sides = 2 * PADDING + 1
    # the draws are the same every time; for another seed, a false alarm once in 10,000
    for column, kinds in ((0, sides), (1, sides), (2, 2)):
        assert stats.chisquare(np.bincount(drawn[:, column], minlength=kinds)).pvalue > 1e-4
    pairs = np.histogram2d(drawn[:, 0], drawn[:, 1], bins=sides)[0]
    assert stats.chisquare(pairs.ravel()).pvalue > 1e-4
    assert torch.equal(Crops.draw(50, 3), Crops.draw(50, 3))
    assert not torch.equal(Crops.draw(50, 3), Crops.draw(50, 4))


@pytest.fixture
def cropped(data: ImageData, wrn: Any) -> Cropped:
    return Cropped(Choice.of(wrn, data, test=True), 20, CPU)


def together(batches: Iterator[Batch]) -> Batch:
    images, labels = zip(*batches, strict=True)
    return torch.cat(images), torch.cat(labels)


def test_an_epoch_shows_every_training_image_once_in_an_order_of_its_own(cropped: Cropped, data: ImageData) -> None:
    epochs = [together(cropped.batches(1, epoch)) for epoch in (0, 1, 0)]
    for images, labels in epochs:
        assert images.shape == (60, 3, 32, 32)
        assert sorted(labels.tolist()) == sorted(label for label in range(10) for _ in range(6))
    assert torch.equal(epochs[0][0], epochs[2][0])
    assert not torch.equal(epochs[0][1], epochs[1][1])
    assert not torch.equal(together(cropped.batches(2, 0))[1], epochs[0][1])
    assert epochs[0][0].stride()[1] == 1, "channels last"
    assert len(data.train_labels) == 100, "forty are held out"


def test_scored_images_are_normalised_and_otherwise_unchanged(cropped: Cropped, data: ImageData) -> None:
    images, labels = together(cropped.test())
    assert labels.tolist() == data.test_labels.tolist()
    pool = Choice.of(_sizes(60, 40), data).pool_images.reshape(-1, 3).astype(np.float64)
    expected = (data.test_images - pool.mean(0)) / pool.std(0)
    np.testing.assert_allclose(images.permute(0, 2, 3, 1).numpy(), expected, rtol=1e-4, atol=1e-5)
    assert len(together(cropped.validation())[1]) == 40


def _sizes(train: int, validation: int) -> Any:
    class Sizes:
        name, train_examples, validation_examples = "sizes", train, validation

    return Sizes


@pytest.mark.parametrize("size", [(500, 375), (64, 64), (40, 300)])
def test_a_crop_lies_in_the_picture_and_has_the_share_and_ratio_that_were_drawn(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    width, height = size
    areas, ratios = [], []
    for draws in rng.random((2_000, DRAWS)):
        left, top, right, bottom = crop(size, draws, 0.08)
        assert -1e-12 <= left < right <= 1 + 1e-12
        assert -1e-12 <= top < bottom <= 1 + 1e-12
        areas.append((right - left) * (bottom - top))
        ratios.append((right - left) * width / ((bottom - top) * height))
        if right - left < 1 and bottom - top < 1:
            assert areas[-1] == pytest.approx(0.08 + 0.92 * draws[0])
            assert ratios[-1] == pytest.approx((4 / 3) ** (2 * draws[1] - 1))
        else:
            assert areas[-1] <= 0.08 + 0.92 * draws[0] + 1e-9, "it ends at the edge"
    assert min(areas) < 0.15
    whole = crop(size, np.array([1.0, 0.5, 0.0, 0.0, 0.0]), 0.08)
    assert max(whole) <= 1 + 1e-12


def test_the_middle_is_a_square_of_seven_eighths_of_the_shorter_side() -> None:
    assert middle((256, 256)) == pytest.approx((1 / 16, 1 / 16, 15 / 16, 15 / 16))
    left, top, right, bottom = middle((500, 250))
    assert (right - left) * 500 == pytest.approx((bottom - top) * 250)
    assert (bottom - top) == pytest.approx(7 / 8)
    assert left + right == pytest.approx(1)


def test_cutting_scales_a_part_and_keeps_a_whole_picture() -> None:
    image = coloured(1, 40)[0][0]
    assert np.array_equal(cut(Image.fromarray(image), (0.0, 0.0, 1.0, 1.0), 40), image)
    halves = np.zeros((40, 40, 3), np.uint8)
    halves[:, 20:] = 255
    # the outermost pixels blend with what lies beside the part
    assert (cut(Image.fromarray(halves), (0.5, 0.0, 1.0, 1.0), 8)[:, 1:] == 255).all()
    assert (cut(Image.fromarray(halves), (0.0, 0.0, 0.5, 1.0), 8)[:, :-1] == 0).all()
    grey = cut(Image.fromarray(halves).convert("L"), (0.5, 0.0, 1.0, 1.0), 8)
    assert grey.shape == (8, 8, 3)
    assert (grey[:, 1:] == 255).all()


def test_of_a_large_jpeg_no_more_is_decoded_than_is_needed() -> None:
    """A fraction of the decoding, and nearly the same picture."""
    ramp = np.linspace(0, 255, 512)[None, :, None] * np.ones((512, 1, 3))
    stored = io.BytesIO()
    Image.fromarray(ramp.astype(np.uint8)).save(stored, "JPEG", quality=95)
    picture = Image.open(stored)
    small = cut(picture, (0.0, 0.0, 1.0, 1.0), 64)
    assert picture.size == (64, 64)
    expected = np.linspace(0, 255, 64)
    np.testing.assert_allclose(small[32, :, 0], expected, atol=6)
    corner = cut(Image.open(io.BytesIO(stored.getvalue())), (0.75, 0.0, 1.0, 0.25), 64)
    np.testing.assert_allclose(corner[32, :, 0], np.linspace(191, 255, 64), atol=6)


def loader(threads: int = 1, *, tested: bool = True, batch_size: int = 8) -> Loader:
    pictures, other = Listed(*coloured(60, 40)), Listed(*coloured(20, 40, seed=1))
    return Loader(
        Part(pictures, np.arange(0, 40)[::-1].copy()),
        Part(pictures, np.arange(40, 60)),
        Part(other, np.arange(20)) if tested else None,
        side=32,
        batch_size=batch_size,
        least_area=0.3,
        device=CPU,
        threads=threads,
    )


def test_the_number_of_threads_changes_no_bit() -> None:
    one, three = (together(loader(threads).batches(5, 2)) for threads in (1, 3))
    assert all(torch.equal(*pair) for pair in zip(one, three, strict=True))


def test_an_epoch_of_pictures_has_each_once_and_its_own_crops() -> None:
    found = loader(batch_size=16)
    assert (found.steps, found.examples) == (3, 40)
    batches = list(found.batches(1, 0))
    assert [len(labels) for _, labels in batches] == [16, 16, 8]
    images, labels = together(iter(batches))
    assert sorted(labels.tolist()) == sorted(label for label in range(10) for _ in range(4))
    assert images.shape == (40, 3, 32, 32)
    assert torch.equal(images, together(found.batches(1, 0))[0])
    others = together(found.batches(1, 1)), together(found.batches(2, 0))
    assert all(not torch.equal(each[1], labels) for each in others)


def test_scored_pictures_come_in_order_and_are_normalised() -> None:
    images, labels = together(loader().test())
    assert labels.tolist() == [place % 10 for place in range(20)]
    whole = coloured(20, 40, seed=1)[0][3]
    scaled = cut(Image.fromarray(whole), middle((40, 40)), 32) / 255.0
    expected = (scaled - np.array(MEAN)) / np.array(DEVIATION)
    np.testing.assert_allclose(images[3].permute(1, 2, 0).numpy(), expected, rtol=1e-4, atol=1e-4)
    assert len(together(loader().validation())[1]) == 20
    assert list(loader(tested=False).test()) == []


def test_a_loader_that_is_left_early_leaves_no_thread() -> None:
    import threading

    before = threading.active_count()
    for _ in loader(3).batches(0, 0):
        break
    assert threading.active_count() == before


def test_about_half_of_the_pictures_are_mirrored() -> None:
    """Pictures whose left half is dark: 400 draws, 5 standard deviations."""
    halves = np.zeros((400, 40, 40, 3), np.uint8)
    halves[:, :, 20:] = 255
    pictures = Listed(halves, np.zeros(400, np.uint8))
    found = Loader(
        Part(pictures, np.arange(400)),
        Part(pictures, np.arange(1)),
        None,
        side=32,
        batch_size=100,
        least_area=0.9,
        device=CPU,
        threads=1,
    )
    images, _ = together(found.batches(0, 0))
    mirrored = (images[:, 0, 16, 0] > images[:, 0, 16, -1]).double().mean().item()
    assert mirrored == pytest.approx(0.5, abs=0.125)
