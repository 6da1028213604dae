from __future__ import annotations

import dataclasses

import numpy as np
import torch

from harness.contracts import ChildProtocol
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.data.images import ImageData
from harness.tasks.data.split import split


def test_channels_are_normalised_by_the_pool_alone(protocol: ChildProtocol, data: ImageData) -> None:
    choice = Choice.of(protocol, data)
    examples = Examples.of(choice, torch.float32)
    torch.testing.assert_close(examples.pool.images.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(examples.pool.images.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)
    brighter = dataclasses.replace(choice, validation_images=choice.validation_images // 2)
    assert torch.equal(Examples.of(brighter, torch.float32).pool.images, examples.pool.images)
    pixels = choice.pool_images.reshape(-1, 3).astype(np.float64)
    expected = (choice.validation_images - pixels.mean(0)) / pixels.std(0)
    found = examples.validation.images.permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_channel_without_contrast_stays_finite(protocol: ChildProtocol, data: ImageData) -> None:
    grey = dataclasses.replace(Choice.of(protocol, data), pool_images=np.full((60, 8, 8, 3), 9, np.uint8))
    assert bool((Examples.of(grey, torch.float32).pool.images == 0).all())


def test_images_keep_their_labels_and_lie_channels_last(protocol: ChildProtocol, data: ImageData) -> None:
    pool, validation = split(protocol, data)
    choice = Choice.of(protocol, data)
    np.testing.assert_array_equal(choice.pool_images, data.train_images[pool])
    np.testing.assert_array_equal(choice.validation_labels, data.train_labels[validation])
    examples = Examples.of(choice, torch.float64)
    assert examples.classes == 10
    assert examples.pool.images.dtype == torch.float64
    assert examples.pool.images.shape == (60, 3, 8, 8)
    assert examples.pool.images.is_contiguous(memory_format=torch.channels_last)
    assert examples.pool.labels.tolist() == data.train_labels[pool].tolist()


def test_test_images_are_not_looked_at(protocol: ChildProtocol, data: ImageData) -> None:
    blind = dataclasses.replace(data, test_images=None, test_labels=None)  # type: ignore[arg-type]
    np.testing.assert_array_equal(Choice.of(protocol, blind).pool_images, Choice.of(protocol, data).pool_images)
