"""The file of a table: named arrays in one ``.npz``; the same arrays give the same bytes.

``numpy.load(path, allow_pickle=False)`` reads it, too. Texts are bytes in UTF-8. The member ``header`` is JSON with
sorted names::

    {"format": "harness table", "version": 2, "checksums": {array: SHA-256}, ...}

A checksum covers the array's type, its shape and its values in C order. Members have no time of day and are in the
order given, and unlike zlib, bzip2 packs alike on every machine, so equal content gives equal bytes. A new array or
another meaning raises ``version``.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from harness.errors import DataError, message

FORMAT, VERSION = "harness table", 2
HEADER = "header"
SUFFIX = ".npz"
MOST_BYTES = 1 << 30  # of all arrays together, unpacked
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest date in a zip file
HINT = "Fetch another copy of it, or pack it again with `harness table pack`"
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError, RuntimeError),
    *(TypeError, AttributeError),
)

Array = NDArray[Any]
Json = dict[str, Any]


def encode(header: Mapping[str, object], arrays: Mapping[str, Array]) -> bytes:
    """Return a table as the bytes of its file.

    Args:
        header: fields that JSON can hold; format, version and checksums are added.
        arrays: the arrays by name, in the order of the file.
    """
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    whole = dict(header) | {
        "format": FORMAT,
        "version": VERSION,
        "checksums": {name: checksum(array) for name, array in plain.items()},
    }
    text = json.dumps(whole, sort_keys=True, allow_nan=False)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, array in {HEADER: np.array(text.encode()), **plain}.items():
            member = zipfile.ZipInfo(f"{name}.npy", FIRST_DAY)
            member.create_system, member.external_attr = 3, 0o644 << 16  # as on Unix, wherever this runs
            member.compress_type = zipfile.ZIP_BZIP2
            content = io.BytesIO()
            npy.write_array(content, array, version=(1, 0), allow_pickle=False)
            file.writestr(member, content.getvalue(), compresslevel=9)
    return packed.getvalue()


def decode(path: Path) -> tuple[Json, dict[str, Array]]:
    """Read and check the file of a table, and return its content.

    Returns:
        Its header, and its arrays by name.

    Raises:
        DataError: it cannot be read, is damaged, is not a table, or has a newer version.
    """
    what = f"table {path}"
    try:
        with zipfile.ZipFile(path) as file:
            if sum(member.file_size for member in file.infolist()) > MOST_BYTES:
                got = "more when unpacked"
                raise DataError(message(what, expected=f"at most {MOST_BYTES:,} bytes", got=got, hint=HINT))
            header = _header(what, file)
            arrays = {name: _array(file, name) for name in header["checksums"]}
    except (OSError, *DAMAGE) as cause:
        if isinstance(cause, OSError) and cause.strerror:  # bzip2 also raises OSError for damaged content
            hint = "Check the path"
            raise DataError(message(what, expected="a file to read", got=cause.strerror, hint=hint)) from cause
        got = str(cause).strip("'\"") or type(cause).__name__
        raise DataError(message(what, expected="an undamaged file", got=got, hint=HINT)) from cause
    for name, array in arrays.items():
        if checksum(array) != header["checksums"][name]:
            expected = f"checksum {header['checksums'][name][:12]} of {name}"
            raise DataError(message(what, expected=expected, got=checksum(array)[:12], hint=HINT))
    return header, arrays


def checksum(array: Array) -> str:
    """Return the SHA-256 of an array's type, shape, and values in C order."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _header(what: str, file: zipfile.ZipFile) -> Json:
    """Return the header of an open file.

    Raises:
        DataError: it is not a table's header, or a newer one.
    """
    expected, hint = "a table that `harness table pack` wrote", "Name the file that it wrote"
    if f"{HEADER}.npy" not in file.namelist():
        raise DataError(message(what, expected=expected, got="another .npz", hint=hint))
    header: Json = json.loads(_array(file, HEADER).item())
    if not isinstance(header, dict) or header.get("format") != FORMAT or not isinstance(header.get("version"), int):
        raise DataError(message(what, expected=expected, got="another header", hint=hint))
    if header["version"] > VERSION:
        got = f"version {header['version']}, written by a newer harness"
        raise DataError(message(what, expected=f"version {VERSION}", got=got, hint="Upgrade this program"))
    if header["version"] < VERSION:
        got, hint = f"version {header['version']}, which lacks arrays", "Pack it again with `harness table pack`"
        raise DataError(message(what, expected=f"version {VERSION}", got=got, hint=hint))
    if not isinstance(header.get("checksums"), dict):
        raise DataError(message(what, expected="checksums in its header", got="none", hint=HINT))
    return header


def _array(file: zipfile.ZipFile, name: str) -> Array:
    with file.open(f"{name}.npy") as member:
        array: Array = npy.read_array(io.BytesIO(member.read()), allow_pickle=False)
    return array
