"""A digest of how this process computes, which a task pins beside the names of processor features and libraries.

The names in a record cannot reveal all differences in rounding. Processors with the same vector width can take
different branches of a BLAS library, and variables such as ``MKL_CBWR`` or ``NUMBA_CPU_NAME`` choose among them
silently. So a task does a small fixed computation with the same code that its children train with, and pins the bits of
the result. The digest does not reveal all, either: last bits of a toy differed between AVX2 and AVX-512 where it was
equal. Only environments that are equal in every name count as one.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

from torch import Tensor

from harness.contracts import Rule

# Every kind of operation and every running mean. The last rule also reveals whether tiny numbers become zero.
RULES = (
    "adam * exp(sign(g) * sign(m))",
    "drop(rmsprop, 0.3) + noise",
    "drop(m, 0.1) / exp(g2)",
    "(log(v) - sqrt(m)) * rmsprop ^ v",
    "gamma - exp(1e-1w)",
    "clip(m, 1e-3) + sign(g3 * g3 * (g3 * g3))",
)
STEPS = 2  # by each rule: the second step starts from running means
RATE = 0.01
SEED = 0


def rules() -> list[Rule]:
    """Return the rules that the fixed computation uses."""
    return [Rule.parse(text) for text in RULES]


def digest(results: Iterable[Tensor | float]) -> str:
    """Return a hash of the computed bits: 16 hexadecimal digits of BLAKE2b."""
    hashed = hashlib.blake2b(digest_size=8)
    for result in results:
        if isinstance(result, Tensor):
            hashed.update(repr((tuple(result.shape), str(result.dtype))).encode())
            hashed.update(result.detach().cpu().contiguous().numpy().tobytes())
        else:
            hashed.update(struct.pack("<d", result))
    return hashed.hexdigest()
