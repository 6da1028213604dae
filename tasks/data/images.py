"""A labelled image set in memory, which the image loaders return and the child reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ImageData:
    """Decoded images with their labels, and a fingerprint of the content.

    Attributes:
        name: the registry name by which it was loaded.
        fingerprint: ``fingerprint_of`` the four arrays: equal fingerprints mean equal examples.
        train_images: (train, height, width, channels), uint8.
        train_labels: (train,), uint8, class indices.
        test_images: (test, height, width, channels), uint8; no search ever reads them.
        test_labels: (test,), uint8.
        source: where it came from, for people.
    """

    name: str
    fingerprint: str
    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    source: str

    @classmethod
    def of(cls, name: str, *, train: tuple[Bytes, Bytes], test: tuple[Bytes, Bytes], source: str) -> Self:
        """Return the data set of (images, labels) of each part, with their fingerprint."""
        return cls(
            name=name,
            fingerprint=fingerprint_of(*train, *test),
            train_images=train[0],
            train_labels=train[1],
            test_images=test[0],
            test_labels=test[1],
            source=source,
        )


def fingerprint_of(*arrays: Bytes) -> str:
    """Return a hash of decoded arrays, shapes and bytes: 32 hexadecimal digits of BLAKE2b.

    It depends on the pixels, not the files: a copy that was re-encoded as JPEG has another hash, and a copy that was
    only moved has the same.
    """
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
