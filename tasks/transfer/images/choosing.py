"""A data set as images in memory, or one line that says what it is instead."""

from __future__ import annotations

from harness.contracts import Dataset
from harness.errors import ProtocolError, message
from harness.tasks.data.images import ImageData


def as_images(data: Dataset) -> ImageData:
    """Return a data set as images in memory.

    Raises:
        ProtocolError: it is another kind of data.
    """
    if isinstance(data, ImageData):
        return data
    expected, hint = "images such as those of cifar10", "Choose another data set with --data"
    raise ProtocolError(message(f"data {data.name!r}", expected=expected, got=type(data).__name__, hint=hint))
