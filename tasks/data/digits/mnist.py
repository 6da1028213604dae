"""MNIST (LeCun et al. 1998) from this machine, or from torchvision's download.

Its four files are looked for in the folder that was given, else in the one that ``HARNESS_DATA_ROOT`` names, else in
the data folder of the user's cache; in each directly, or where torchvision puts them, in ``MNIST/raw``. A folder that
the user named must hold them: downloads go only to the cache.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import DataError, message
from harness.tasks.data import cache, download
from harness.tasks.data.images import Bytes, ImageData
from harness.tasks.data.roots import ROOT_VARIABLE, default_root, named_root
from harness.tasks.data.text import reading

NAME = "mnist"
PARTS = ("train", "t10k")
FILES = tuple(f"{part}-{what}-ubyte" for part in PARTS for what in ("images-idx3", "labels-idx1"))
RAW = Path("MNIST", "raw")  # where torchvision puts the files
SUBFOLDERS = (str(RAW), RAW.name, NAME, f"{NAME}/{RAW}")
FINGERPRINT = "6c3d9910b42d19fbf144e4de9082708c"  # of the published images and labels
ADDRESS = f"https://ossci-datasets.s3.amazonaws.com/mnist/{FILES[0]}.gz"  # torchvision's; repeated to avoid its import
HINT = f"Get a complete copy, or leave out --data-root and {ROOT_VARIABLE} to have torchvision download it"
ELSEWHERE = "Name the folder of your own copy with --data-root, or use --data synthetic-digits"


@dataclass(frozen=True, slots=True)
class Found:
    """A folder that holds MNIST, or a part of it.

    Attributes:
        folder: the folder with the files themselves.
        paths: those that are there, plain or as ``.gz``.
        is_own: whether it is a download in the cache, so that damaged files can be downloaded again.
    """

    folder: Path
    paths: tuple[Path, ...]
    is_own: bool


def load(root: Path | None, announce: Callable[[str], None]) -> ImageData:
    """Return MNIST; torchvision downloads it if no folder is named and the cache lacks a complete copy.

    Args:
        root: a folder that holds the four files, plain or as ``.gz``, directly, in ``MNIST/raw`` or in its subfolder
            ``mnist``; None for the usual places.
        announce: called with one line for the user.

    Returns:
        Images (n, 28, 28, 1) and labels.

    Raises:
        DataError: the named folder does not hold a complete MNIST, or it cannot be downloaded.
    """
    found = find(root)
    if found is None:
        named, origin = named_root(root)
        if named is not None:
            hint = f"Correct {origin}, or leave it out to have torchvision download MNIST"
            raise reading.missing("MNIST", root, expected=f"{', '.join(FILES)}, plain or as .gz", hint=hint)
        found = _fetched(default_root())
    try:
        return _load(found, announce)
    except DataError:
        if not found.is_own:
            raise
    announce(f"The copy of MNIST in {found.folder} is incomplete; downloading it again.")
    return _load(_fetched(default_root()), announce)


def find(root: Path | None) -> Found | None:
    """Find MNIST, or what there is of it, and return the place; None if there is none of its files.

    Raises:
        DataError: the folder that the user named does not exist, or cannot be read.
    """
    named, _ = named_root(root)
    for folder in reading.folders(root, SUBFOLDERS):
        paths = tuple(path for name in FILES if (path := reading.present(folder, name)) is not None)
        if paths:
            return Found(folder, paths, is_own=named is None and folder == default_root() / RAW)
    return None


def obstacle() -> str:
    """Return in a few words why MNIST cannot be downloaded now; empty if its server answers within five seconds."""
    return download.obstacle_at(ADDRESS)


def _fetched(root: Path) -> Found:
    """Download MNIST with torchvision, in place of what the folder has of it.

    Raises:
        DataError: the server cannot be reached, or the folder cannot be written.
    """
    reason, expected = obstacle(), f"an answer from {ADDRESS}"
    try:
        if not reason:
            expected = f"its files in {root / RAW}"
            with download.writing(root, NAME):
                shutil.rmtree(root / RAW, ignore_errors=True)  # torchvision keeps any files that have the right names
                _datasets().MNIST(str(root), download=True)
    except (OSError, RuntimeError, EOFError) as cause:
        reason = " ".join(str(cause).split()) or type(cause).__name__
    if reason:
        raise DataError(message("MNIST's download", expected=expected, got=reason, hint=ELSEWHERE))
    return Found(root / RAW, tuple(root / RAW / name for name in FILES), is_own=True)


def _load(found: Found, announce: Callable[[str], None]) -> ImageData:
    what, source = f"MNIST in {found.folder}", str(found.folder)
    if len(found.paths) < len(FILES):
        lacking = ", ".join(name for name in FILES if not any(path.name.startswith(name) for path in found.paths))
        raise DataError(message(what, expected=", ".join(FILES), got=f"none named {lacking}", hint=HINT))
    try:
        signature = f"{[str(path) for path in found.paths]} {cache.states(path.stat() for path in found.paths)}"
    except OSError as cause:
        raise DataError(message(what, expected="readable files", got=cause.strerror or cause, hint=HINT)) from cause

    def decode() -> ImageData:
        images, labels, test_images, test_labels = (_read(path) for path in found.paths)
        data = ImageData.of(NAME, train=(images, labels), test=(test_images, test_labels), source=source)
        if data.fingerprint != FINGERPRINT:  # Fashion-MNIST's files, for one, have the same names
            got = "other images or labels"
            raise DataError(message(what, expected="the published images and labels", got=got, hint=HINT))
        return data

    return cache.remembered(NAME, signature, source, decode, announce)


def _read(path: Path) -> Bytes:
    """Return the images (n, height, width, 1), or the labels (n,), of a file.

    Raises:
        DataError: it is damaged.
    """
    reader = _datasets().mnist
    try:
        with tempfile.TemporaryDirectory() as folder:
            plain = path
            if path.suffix == ".gz":  # torchvision reads unpacked files
                plain = Path(folder, path.stem)
                with gzip.open(path) as packed, plain.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
            if "images" in path.name:
                images: Bytes = reader.read_image_file(str(plain)).numpy()[..., None]
                return images
            labels: Bytes = reader.read_label_file(str(plain)).numpy().astype(np.uint8)
            return labels
    except (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError, RuntimeError, AssertionError) as cause:
        got = getattr(cause, "strerror", None) or "a damaged one"
        raise DataError(message(f"file {path}", expected="an intact file of MNIST", got=got, hint=HINT)) from cause


def _datasets() -> Any:
    from harness.tasks.data import torchvision_import  # here and not above: a cached start does not need it

    return torchvision_import.datasets()
