"""A labelled image set in memory: what the image loaders return and the child reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ImageData:
    """Decoded images with their labels, and a fingerprint that tells one copy from another.

    Attributes:
        name: the registry name it was loaded by.
        fingerprint: ``fingerprint_of`` the four arrays: equal fingerprints, equal examples.
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
        """Take (images, labels) of each part as they are, and fingerprint them."""
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
    """Hash decoded arrays, shapes and bytes: 32 hexadecimal digits of BLAKE2b.

    The pixels count, not the files: a copy that was re-encoded as JPEG is told from the original, and a copy that was
    only moved is not.
    """
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
