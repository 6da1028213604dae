"""The training pool and the validation set, drawn once and for all from a set's training images (protocol §2).

**D**: all images stand in one fixed order, shuffled within each class and the classes taken in turn, so that every
stretch of it is balanced. The training pool is its beginning and the validation set its end: the two never meet, a
smaller protocol uses a part of the larger one's images, and a network that always answers one class scores chance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.contracts import ChildProtocol
from harness.errors import ProtocolError, message
from harness.seeds import derive_seed
from harness.tasks.data.images import Bytes, ImageData

SPLIT_ROOT = 0  # fixed for ever: another value would be another pool and another validation set


def split(protocol: ChildProtocol, data: ImageData) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose a protocol's training pool and validation set.

    Returns:
        indices into ``data.train_images``: (train_examples,) and (validation_examples,), disjoint.

    Raises:
        ProtocolError: the data has fewer training images than the protocol needs.
    """
    order = balanced_order(data.train_labels)
    needed = protocol.train_examples + protocol.validation_examples
    if needed > len(order):
        raise ProtocolError(
            message(
                f"protocol {protocol.name!r}",
                expected=f"at most {len(order):,} images for training and validation, all that {data.name} has",
                got=f"{needed:,}",
                hint="Choose a smaller protocol or another data set",
            )
        )
    return order[: protocol.train_examples], order[len(order) - protocol.validation_examples :]


def balanced_order(labels: Bytes) -> NDArray[np.int64]:
    """Order examples so that any stretch holds every class in proportion, at random otherwise.

    Args:
        labels: (n,) class indices.

    Returns:
        (n,) a permutation of 0 … n−1. It rests on raw PCG64 output alone, which NumPy never changes.
    """
    raw = np.random.PCG64(derive_seed(SPLIT_ROOT, "split")).random_raw(len(labels))
    shuffled = np.argsort(raw, kind="stable")
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.lexsort((labels, place))
