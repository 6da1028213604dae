"""Every random stream has a name: ``derive_seed(root, "what", index)``."""

from __future__ import annotations

import hashlib


def derive_seed(root: int, *path: str | int) -> int:
    """Derive the seed of one named stream from a root seed.

    Distinct paths give independent seeds, whatever the order of use and whatever other streams exist. ``seed + 1`` does
    not ensure that.

    Args:
        root: the root seed.
        path: the stream's name, in strings and integers; ``("a", 1)`` and ``("a", "1")`` differ.

    Returns:
        An integer in [0, 2**63).
    """
    digest = hashlib.sha256(repr((int(root), *path)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
