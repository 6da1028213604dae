"""Small pictures that are soon learned, for workloads on images."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

FEW = {"train_examples": 60, "validation_examples": 40, "batch_size": 20, "epochs": 3, "learning_rates": (1e-3, 0.1)}


def coloured(count: int, side: int, seed: int = 0) -> tuple[Bytes, Bytes]:
    """Noise around ten colours, one a class: soon learned."""
    rng = np.random.default_rng(seed)
    colours = np.random.default_rng(99).integers(40, 216, (10, 3))
    labels = np.arange(count, dtype=np.uint8) % 10
    noisy = colours[labels][:, None, None, :] + rng.integers(-40, 40, (count, side, side, 3))
    return noisy.clip(0, 255).astype(np.uint8), labels


class Listed:
    """Pictures in memory."""

    def __init__(self, images: Bytes, labels: Bytes) -> None:
        self.images = images
        self.labels = labels.astype(np.uint16)

    def open(self, place: int) -> Image.Image:
        return Image.fromarray(self.images[place])

    def called(self, place: int) -> str:
        return f"picture {place}"
