"""Decoded data on disk, so that a second start takes a fraction of a second.

An entry is one file: arrays in NumPy's ``.npy`` format one after another, the first with the names of the others, then
the CRC-32 of all of them, so that damage is noticed and the data is decoded again. Its arrays are views of the mapped
file, which is several times as fast as reading them. A file is written beside its place and renamed, so two processes
can do this at once, and a mapped file never changes. Another program that writes to the file during a run would change
the run's data.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import mmap
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import platformdirs
from numpy.typing import NDArray

from harness.errors import DataError, message
from harness.tasks.data.images import ImageData

FORMAT = 3  # rises when the layout of an entry changes, so that older entries are not read
CHECKSUM = 4  # bytes of the checksum, at the end of the file, lowest first
TICK_SECONDS = 0.05  # Linux counts the times of files in ticks of at most 0.01
VARIABLE = "HARNESS_CACHE"
ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")

Arrays = Mapping[str, NDArray[Any]]


def folder() -> Path:
    """Return the cache folder: ``HARNESS_CACHE`` if set, else the user's own.

    Raises:
        DataError: there is none, because the user has no home folder.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return expanded(Path(chosen), VARIABLE)
    try:
        own = Path(platformdirs.user_cache_dir("harness"))
    except RuntimeError:  # from versions of platformdirs that do not leave ~ unchanged
        own = Path("~")
    if own.parts[0].startswith("~"):
        hint = f"Name a folder for the cache with {VARIABLE}"
        raise DataError(message("cache", expected="a home folder for it", got="a user without one", hint=hint))
    return own


def expanded(path: Path, origin: str) -> Path:
    """Return the path with ``~`` and ``~user`` replaced by the home folder they stand for.

    Args:
        path: the path, as the user named it.
        origin: the option or variable that named it.

    Raises:
        DataError: there is no such home folder.
    """
    try:
        return path.expanduser()
    except RuntimeError as cause:
        got, hint = f"{path}, whose home folder is unknown", "Write the path in full"
        raise DataError(message(origin, expected="a folder", got=got, hint=hint)) from cause


def states(stats: Iterable[os.stat_result]) -> str:
    """Return a hash of the sizes and times of files in a given order, which changes if any of them changes.

    The time of the last change to a file's entry counts, too, because it cannot be set back: it reveals that a file was
    rewritten in place even if size and modification time were kept. File systems keep times in ticks, so this returns
    when the newest file's tick is over; any later change is then visible.
    """
    digest, newest = hashlib.blake2b(digest_size=16), 0
    for stat in stats:
        digest.update(b"%d %d %d " % (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        newest = max(newest, stat.st_mtime_ns, stat.st_ctime_ns)
    if time.time_ns() - newest < TICK_SECONDS * 1e9:
        time.sleep(TICK_SECONDS)
    return digest.hexdigest()


def remembered(
    name: str, signature: str, source: str, decode: Callable[[], ImageData], announce: Callable[[str], None]
) -> ImageData:
    """Return the cached images that ``decode`` returned, or decode and cache them.

    Args:
        name: registry name of the data.
        signature: what the decoded arrays depend on; each signature has its own entry.
        source: where the data came from, for people.
        decode: reads and decodes the data.
        announce: called with one line for the user.
    """

    def arrays() -> Arrays:
        data = decode()
        return {"fingerprint": np.array(data.fingerprint), **{array: getattr(data, array) for array in ARRAYS}}

    found = kept(name, signature, arrays, announce)
    return ImageData(
        name=name, source=source, fingerprint=str(found["fingerprint"]), **{array: found[array] for array in ARRAYS}
    )


def kept(name: str, signature: str, make: Callable[[], Arrays], announce: Callable[[str], None]) -> Arrays:
    """Return the cached arrays that ``make`` returned, or make and cache them.

    If an entry is damaged, the arrays are made again; if the folder cannot be written, nothing is cached. Both are
    announced in one line.

    Args:
        name: what the arrays are, a part of the file's name.
        signature: what the arrays depend on; each signature has its own entry.
        make: returns arrays by name.
        announce: called with one line for the user.
    """
    digest = hashlib.blake2b(repr((FORMAT, name, signature)).encode(), digest_size=8).hexdigest()
    try:
        path = folder() / "decoded" / f"{name}-{digest}.arrays"
    except DataError as cause:
        announce(f"The decoded {name} is not cached: {cause}")
        return make()
    try:
        return _read(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except Exception:  # a damaged file fails in as many ways as it has bytes
        announce(f"The cached copy of {name} in {path} is damaged; decoding it again.")
    arrays = make()
    try:
        _write(path, arrays)
    except OSError as cause:
        announce(f"Cannot cache the decoded {name} in {path.parent} ({cause.strerror or cause}); continuing without.")
    return arrays


def _read(path: Path) -> Arrays:
    with path.open("rb") as stream:
        whole = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY))
        body, checksum = whole[:-CHECKSUM], whole[-CHECKSUM:]
        if zlib.crc32(body) != int.from_bytes(checksum, "little"):
            raise ValueError("the checksum does not match")
        names = np.load(stream, allow_pickle=False)
        return {str(name): _mapped(stream, body) for name in names}


def _mapped(stream: BinaryIO, body: memoryview) -> NDArray[Any]:
    """Return a view of the array at the stream's position, and move the stream behind it."""
    np.lib.format.read_magic(stream)
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    array: NDArray[Any] = np.frombuffer(body, dtype, count=math.prod(shape), offset=stream.tell()).reshape(shape)
    stream.seek(array.nbytes, os.SEEK_CUR)
    return array


def _write(path: Path, arrays: Arrays) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with os.fdopen(handle, "w+b") as stream:
            np.save(stream, np.array(list(arrays)))
            for array in arrays.values():
                np.save(stream, np.asarray(array, order="C"))
            stream.flush()
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as body:
                checksum = zlib.crc32(body)
            stream.write(checksum.to_bytes(CHECKSUM, "little"))
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
