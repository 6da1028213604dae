"""``--data auto`` where neural art is optimized: the user's pictures if there are some, else the generated stand-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.tasks.data.art import folder, generated
from harness.tasks.data.art.source import ArtData
from harness.tasks.data.roots import ROOT_VARIABLE, named_root


def load(root: Path | None, announce: Callable[[str], None]) -> ArtData:
    """Return the pictures and the network of a folder if they are there, else the generated stand-in, and say so.

    Args:
        root: as for ``harness.tasks.data.art.folder.load``; it may hold other data sets alone.
        announce: called with one line for the user.

    Raises:
        DataError: something is damaged or missing, or the folder that the user named does not exist.
    """
    if folder.find(root) is not None:
        return folder.load(root, announce)
    named, _ = named_root(root)
    where = f"in {named}" if named is not None else f"in the cache, and neither --data-root nor {ROOT_VARIABLE} is set"
    announce(
        f"Pictures for neural art are not {where}: using the generated stand-in. "
        "Its results are never ranked with real pictures'."
    )
    return generated.load(None, announce)
