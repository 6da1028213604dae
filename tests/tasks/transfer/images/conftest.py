"""Tiny data and protocols: a child in a second or two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.tasks.data.images import ImageData
from harness.tasks.data.pictures.source import Labels, PictureData
from harness.tasks.transfer.images.protocols import (
    CONVNET_300,
    IMAGENET_MINI,
    WRN_MINI,
    NasnetProtocol,
    WideResnetProtocol,
)
from harness.tasks.transfer.workload import WorkloadProtocol

FEW = {"train_examples": 60, "validation_examples": 40, "batch_size": 20, "epochs": 3, "learning_rates": (1e-3, 0.1)}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's cache."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


def coloured(count: int, side: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise around ten colours, one a class: soon learned."""
    rng = np.random.default_rng(seed)
    colours = np.random.default_rng(99).integers(40, 216, (10, 3))
    labels = np.arange(count, dtype=np.uint8) % 10
    noisy = colours[labels][:, None, None, :] + rng.integers(-40, 40, (count, side, side, 3))
    return noisy.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="session")
def data() -> ImageData:
    """A hundred images to train and validate on, thirty to test."""
    return ImageData.of("tiny", train=coloured(100, 32), test=coloured(30, 32, seed=1), source="")


@pytest.fixture(scope="session")
def small_data() -> ImageData:
    """The same of 8×8 pixels, for the child's network."""
    return ImageData.of("tiny", train=coloured(100, 8), test=coloured(30, 8, seed=1), source="")


@pytest.fixture(scope="session")
def convnet() -> WorkloadProtocol:
    return replace(CONVNET_300, name="convnet-tiny", **FEW)


@pytest.fixture(scope="session")
def wrn() -> WideResnetProtocol:
    return replace(WRN_MINI, name="wrn-tiny", **FEW)


@pytest.fixture(scope="session")
def nasnet() -> NasnetProtocol:
    return replace(IMAGENET_MINI, name="imagenet-tiny", side=32, **{**FEW, "epochs": 2})


class Listed:
    """Pictures in memory."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images = images
        self.labels: Labels = labels.astype(np.uint16)

    def open(self, place: int) -> Image.Image:
        return Image.fromarray(self.images[place])

    def called(self, place: int) -> str:
        return f"picture {place}"


@pytest.fixture(scope="session")
def pictures() -> PictureData:
    """Coloured pictures of 40×40 pixels."""
    return PictureData(
        name="tiny",
        fingerprint="0123",
        classes=tuple("abcdefghij"),
        train=Listed(*coloured(100, 40)),
        test=Listed(*coloured(30, 40, seed=1)),
        source="",
    )
