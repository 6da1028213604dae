"""Decoded images on disk, so that a second start takes a fraction of a second.

An entry is one uncompressed ``.npz`` file: its format checks every array by CRC-32 as it is read, so damage is noticed
and the images are decoded again. A file is written aside and renamed into place, so two processes may do so at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs

from tasks.data.images import ImageData

FORMAT = 1  # rises when the layout of an entry changes, so that older entries are not read
ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


def folder() -> Path:
    """The cache folder: ``HARNESS_CACHE`` if set, else the user's own."""
    chosen = os.environ.get("HARNESS_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("harness"))


def remembered(
    name: str, signature: str, source: str, decode: Callable[[], ImageData], announce: Callable[[str], None]
) -> ImageData:
    """Return the cached result of ``decode``, or decode and remember it.

    A damaged entry is decoded again, and a folder that cannot be written does without; both are announced in one line.

    Args:
        name: registry name of the data.
        signature: what the decoded arrays depend on; another signature is another entry.
        source: where the data came from, for people.
        decode: reads the data itself.
        announce: takes one line for the user.
    """
    digest = hashlib.blake2b(repr((FORMAT, name, signature)).encode(), digest_size=8).hexdigest()
    path = folder() / "decoded" / f"{name}-{digest}.npz"
    try:
        return _read(path, name, source)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except Exception:  # a damaged file fails in as many ways as it has bytes
        announce(f"The cached copy of {name} in {path} is damaged; decoding it again.")
    data = decode()
    try:
        _write(path, data)
    except OSError as cause:
        announce(f"Cannot keep the decoded {name} in {path.parent} ({cause.strerror or cause}); going on without.")
    return data


def _read(path: Path, name: str, source: str) -> ImageData:
    with np.load(path, allow_pickle=False) as stored:
        arrays = {array: stored[array] for array in ARRAYS}
        return ImageData(name=name, source=source, fingerprint=str(stored["fingerprint"]), **arrays)


def _write(path: Path, data: ImageData) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            arrays = {array: getattr(data, array) for array in ARRAYS}
            np.savez(stream, fingerprint=np.array(data.fingerprint), **arrays)
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
