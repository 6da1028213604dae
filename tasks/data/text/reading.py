"""Text files, plain or compressed by gzip: where they are, and their lines."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

from harness.errors import DataError, message
from harness.tasks.data.roots import ROOT_VARIABLE, default_root, named_root

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def lines_of(path: Path, hint: str) -> bytes:
    r"""Return a text file as valid UTF-8, in which every line ends in ``\n`` and nothing else ends a line.

    Args:
        path: the file, compressed by gzip if its name ends in ``.gz``.
        hint: how to get an intact copy, a sentence without its full stop.

    Raises:
        DataError: it cannot be read, is empty or damaged, or is not UTF-8.
    """
    what = f"file {path}"
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as cause:
        raise DataError(message(what, expected="an intact gzip file", got=cause, hint=hint)) from cause
    except OSError as cause:
        got = cause.strerror or cause
        raise DataError(message(what, expected="a readable text file", got=got, hint=hint)) from cause
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as cause:
        line = content.count(b"\n", 0, cause.start) + 1
        got = f"the byte 0x{content[cause.start]:02x} in line {line:,}"
        advice = f"Convert it, for example by: iconv -f latin1 -t utf-8 {path.name}"
        raise DataError(message(what, expected="text in UTF-8", got=got, hint=advice)) from cause
    content = content.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n")
    if not content.strip():
        raise DataError(message(what, expected="lines of text", got="an empty file", hint=hint))
    return content if content.endswith(b"\n") else content + b"\n"


def present(folder: Path, name: str) -> Path | None:
    """Return the file of that name in a folder, plain or with ``.gz``; None if there is neither.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
    except OSError as cause:
        got, hint = cause.strerror or cause, "Check the path and its permissions"
        raise DataError(message(f"folder {folder}", expected="a readable folder", got=got, hint=hint)) from cause


def folders(root: Path | None, subfolders: Sequence[str]) -> list[Path]:
    """Return the folders to look in: the root and some of its subfolders.

    Args:
        root: the folder that was given; None for the one that ``HARNESS_DATA_ROOT`` names, or the user's cache.
        subfolders: names of subfolders, the most likely first.

    Raises:
        DataError: the folder that the user named does not exist.
    """
    named, origin = named_root(root)
    if named is None:
        try:
            named = default_root()
        except DataError:  # a user without a cache has nothing in it
            return []
    elif not named.is_dir():
        hint = f"Correct {origin}, or leave it out to use the generated stand-in"
        raise DataError(message(f"data in {named}", expected="a folder", got="no such folder", hint=hint))
    return [named, *(named / name for name in subfolders)]


def missing(title: str, root: Path | None, *, expected: str, hint: str) -> DataError:
    """Return the error of a data set that was asked for by name and is in none of its folders.

    Args:
        title: the data set, for people.
        root: as for ``folders``.
        expected: the files that it consists of.
        hint: how to get it, and what to use instead, without a full stop.
    """
    named, _ = named_root(root)
    where = f"{title} in {named}" if named is not None else title
    got = "no such files" if named is not None else f"no --data-root, nor a folder in {ROOT_VARIABLE}"
    return DataError(message(where, expected=expected, got=got, hint=hint))
