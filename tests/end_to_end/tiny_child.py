"""A child of a fraction of a second, and its images, for commands that name them as ``module:attribute``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.contracts import ChildProtocol
from harness.tasks.data.images import ImageData

PROTOCOL = ChildProtocol(
    name="tiny",
    version=1,
    task="child",
    train_examples=60,
    validation_examples=40,
    batch_size=20,
    epochs=3,
    learning_rates=(1e-3, 1e-2, 1e-1),
    chance=0.1,
)


def images(root: Path | None, announce: Callable[[str], None]) -> ImageData:  # noqa: ARG001
    """Noise of 8×8 pixels around ten colours, one a class."""
    rng = np.random.default_rng(0)
    colours, labels = rng.integers(40, 216, (10, 3)), np.arange(200, dtype=np.uint8) % 10
    noisy = colours[labels][:, None, None, :] + rng.integers(-40, 40, (200, 8, 8, 3))
    drawn = noisy.clip(0, 255).astype(np.uint8)
    return ImageData.of(
        "tiny_child:images", train=(drawn[:150], labels[:150]), test=(drawn[150:], labels[150:]), source=""
    )
