"""A tiny protocol and tiny data: a child in a fraction of a second."""

from __future__ import annotations

import numpy as np
import pytest

from harness.contracts import ChildProtocol
from harness.tasks.data.images import ImageData


@pytest.fixture(scope="session")
def protocol() -> ChildProtocol:
    return ChildProtocol(
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


@pytest.fixture(scope="session")
def data() -> ImageData:
    """Noise of 8×8 pixels around ten colours, one a class: soon learned."""
    rng = np.random.default_rng(0)
    colours = rng.integers(40, 216, (10, 3))
    labels = np.arange(200, dtype=np.uint8) % 10
    noisy = colours[labels][:, None, None, :] + rng.integers(-40, 40, (200, 8, 8, 3))
    images = noisy.clip(0, 255).astype(np.uint8)
    return ImageData.of("tiny", train=(images[:150], labels[:150]), test=(images[150:], labels[150:]), source="")
