"""A miniature image tree, and a cache folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.tasks.data import cifar10
from harness.tasks.data.image_folder import Layout

Write = Callable[[Path], Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the user's cache, and from a CIFAR-10 that the environment names."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("HARNESS_CACHE", str(folder))
    monkeypatch.delenv(cifar10.ROOT_VARIABLE, raising=False)
    return folder


@pytest.fixture
def layout(monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Two classes of 8×8 pixels, in place of CIFAR-10's own layout too."""
    mini = Layout(classes=("ant", "bee"), counts={"train": 3, "test": 2}, size=8, hint="Get a complete copy")
    monkeypatch.setattr(cifar10, "LAYOUT", mini)
    return mini


@pytest.fixture
def write_tree(layout: Layout) -> Write:
    """Write a whole tree to a folder; the pixels are the same on every call."""

    def write(root: Path) -> Path:
        rng = np.random.default_rng(0)
        for part, count in layout.counts.items():
            for name in layout.classes:
                folder = root / part / name
                folder.mkdir(parents=True)
                for index in range(count):
                    pixels = rng.integers(0, 256, (layout.size, layout.size, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(folder / f"{index:04d}.png")
        return root

    return write
