"""``--data auto`` where a problem reads digits: MNIST if it is available, else the generated stand-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.errors import DataError
from harness.tasks.data.digits import generated, mnist
from harness.tasks.data.images import ImageData
from harness.tasks.data.roots import named_root


def load(root: Path | None, announce: Callable[[str], None]) -> ImageData:
    """Return MNIST if it is on this machine or can be downloaded, else the generated stand-in, and say so.

    Nothing is downloaded if the user named a folder, which may hold other data sets alone.

    Args:
        root: as for ``harness.tasks.data.digits.mnist.load``.
        announce: called with one line for the user.

    Raises:
        DataError: files are damaged, some are missing, or the folder that the user named does not exist.
    """
    found = mnist.find(root)
    if found is not None and not found.is_own:
        return mnist.load(root, announce)
    named, _ = named_root(root)
    where = f"in {named}"
    if named is None:
        reason = "" if found is not None else mnist.obstacle()
        if not reason:
            try:
                return mnist.load(root, announce)
            except DataError as cause:
                reason = str(cause)
        where = f"on this machine and cannot be downloaded ({reason.rstrip('.')})"
    announce(f"MNIST is not {where}: using the generated stand-in. Its results are never ranked with MNIST's.")
    return generated.load(None, announce)
