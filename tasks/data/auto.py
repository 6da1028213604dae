"""``--data auto``: CIFAR-10 if it is available, else the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.errors import DataError
from harness.tasks.data import cifar10, download, synthetic
from harness.tasks.data.images import ImageData


def load(root: Path | None, announce: Callable[[str], None]) -> ImageData:
    """Return CIFAR-10 if it is on this machine or can be downloaded, else the generated stand-in, and say so.

    A folder that the user named must hold CIFAR-10: a typing error must not lead to another data set.

    Args:
        root: as for ``harness.tasks.data.cifar10.load``.
        announce: called with one line for the user.

    Raises:
        DataError: the named folder does not hold a complete CIFAR-10.
    """
    found = cifar10.find(root)
    if found is not None and not found.is_own:
        return cifar10.load(root, announce)
    reason = "" if found is not None else download.obstacle()
    if not reason:
        try:
            return cifar10.load(root, announce)
        except DataError as cause:
            reason = str(cause)
    announce(
        f"CIFAR-10 is not on this machine and cannot be downloaded ({reason.rstrip('.')}): "
        "using the generated stand-in. Its results are never ranked with CIFAR-10's."
    )
    return synthetic.load(None, announce)
