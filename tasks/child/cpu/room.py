"""The arrays of a step that the kernels read and write, channels-last, with borders of zeros."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Room(NamedTuple):
    """The arrays of a step, which it writes before it reads; borders and padding are never written and stay zero.

    B is the batch, S the side of an image, H = S/2 and Q = S/4 the sides after each pooling, C the channels, F the
    filters; W1 and W2 are the sides S and H rounded up to whole blocks.

    Attributes:
        padded: (B, S+2, (W1+2)·C), the images.
        rows: (2, W1, F), two rows of the first convolution.
        pooled: (B, H+2, W2+2, F), the first layer's result.
        codes1: (B, H, H, F), uint8, the entries that its pooling chose.
        out: (B, H, W2, F), the second convolution.
        kept: (B, Q, Q, F), the values of ``out`` that pooling chose.
        features: (B, Q, Q, F), the second layer's result.
        codes2: (B, Q, Q, F), uint8, the entries that its pooling chose.
        slope: (B, Q, Q, F), the gradient of ``features``.
        inner: (H+2, W2+2, F), the gradient of one image's ``out``.
        slope1: (H, W2, F), the gradient of one image's ``pooled``.
        strip: (2·STRIP, W1, F), the gradient of some rows of the first convolution, before batch norm.
        sums: (2, F), float64.
    """

    padded: Array
    rows: Array
    pooled: Array
    codes1: Array
    out: Array
    kept: Array
    features: Array
    codes2: Array
    slope: Array
    inner: Array
    slope1: Array
    strip: Array
    sums: Array
