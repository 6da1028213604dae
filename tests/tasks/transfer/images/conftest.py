"""Tiny data and protocols: a child in a second or two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from coloured_images import FEW, Listed, coloured

from harness.tasks.data.images import ImageData
from harness.tasks.data.pictures.source import PictureData
from harness.tasks.transfer.images.protocols import (
    CONVNET_300,
    IMAGENET_MINI,
    WRN_MINI,
    NasnetProtocol,
    WideResnetProtocol,
)
from harness.tasks.transfer.workload import WorkloadProtocol


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's cache."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


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
