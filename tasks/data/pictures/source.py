"""A labelled set of pictures that are opened one by one, which the picture loaders return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Labels = NDArray[np.uint16]


class Pictures(Protocol):
    """The pictures of one part."""

    @property
    def labels(self) -> Labels:
        """Class indices, (pictures,)."""

    def open(self, place: int) -> Image.Image:
        """Return a picture; reading its pixels may raise what Pillow raises for damaged files."""

    def called(self, place: int) -> str:
        """Return what people call a picture, such as its path."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PictureData:
    """Pictures with their labels, and a fingerprint of the content.

    Attributes:
        name: the registry name by which it was loaded.
        fingerprint: equal fingerprints mean equal pictures.
        classes: names of the classes, in the order of the class indices.
        train: pictures for training and validation.
        test: pictures that no choice depends on.
        source: where it came from, for people.
    """

    name: str
    fingerprint: str
    classes: tuple[str, ...]
    train: Pictures
    test: Pictures
    source: str

    @property
    def train_labels(self) -> Labels:
        """Class indices of the pictures for training and validation, (pictures,)."""
        return self.train.labels
