"""The training pool and the validation set, drawn once from a data set's training images (protocol §2).

**D**: all images have one fixed order, which is random within each class and takes the classes in turn, so that every
part of it is balanced. The training pool is its beginning and the validation set its end. So the two never overlap, a
smaller protocol uses a part of the larger one's images, and a network that always answers one class scores chance.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import ProtocolError, message
from harness.seeds import derive_seed

SPLIT_ROOT = 0  # fixed forever: another value would give another pool and another validation set
Labels = NDArray[np.uint8] | NDArray[np.uint16]


class Sizes(Protocol):
    """A protocol's numbers of images."""

    @property
    def name(self) -> str:
        """The protocol's name."""

    @property
    def train_examples(self) -> int:
        """Size of the training pool."""

    @property
    def validation_examples(self) -> int:
        """Size of the validation set."""


class Labelled(Protocol):
    """A data set with labelled training images."""

    @property
    def name(self) -> str:
        """The data set's name."""

    @property
    def train_labels(self) -> Labels:
        """Class indices, (n,)."""


def split(protocol: Sizes, data: Labelled) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a protocol's training pool and validation set.

    Returns:
        Indices into the training images of ``data``: (train_examples,) and (validation_examples,), disjoint.

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


def balanced_order(labels: Labels) -> NDArray[np.int64]:
    """Return a random order of examples in which every part holds all classes in proportion.

    Args:
        labels: (n,) class indices.

    Returns:
        A permutation of 0 … n−1, (n,). It depends only on raw PCG64 output, which NumPy never changes.
    """
    raw = np.random.PCG64(derive_seed(SPLIT_ROOT, "split")).random_raw(len(labels))
    shuffled = np.argsort(raw, kind="stable")
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.lexsort((labels, place))
