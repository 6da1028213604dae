"""``--data auto`` where a workload reads pictures: ImageNet if it is on this machine, else the generated stand-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.tasks.data.pictures import generated, imagenet
from harness.tasks.data.pictures.source import PictureData
from harness.tasks.data.roots import ROOT_VARIABLE, named_root


def load(root: Path | None, announce: Callable[[str], None]) -> PictureData:
    """Return ImageNet if it is on this machine, else the generated stand-in, and say so.

    Args:
        root: as for ``harness.tasks.data.pictures.imagenet.load``; it may hold other data sets alone.
        announce: called with one line for the user.

    Raises:
        DataError: some pictures are missing, or the folder that the user named does not exist.
    """
    if imagenet.find(root) is not None:
        return imagenet.load(root, announce)
    named, _ = named_root(root)
    where = f"in {named}" if named is not None else f"in the cache, and neither --data-root nor {ROOT_VARIABLE} is set"
    announce(f"ImageNet is not {where}: using the generated stand-in. Its results are never ranked with ImageNet's.")
    return generated.load(None, announce)
