"""Read labelled images from a tree of folders, ``train/<class>/*.jpg`` and ``test/<class>/*.jpg``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from harness.errors import DataError, message
from harness.tasks.data import cache
from harness.tasks.data.images import Bytes

SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a tree of images must contain.

    Attributes:
        classes: names of the class folders, in the order of the class indices.
        counts: images per class, by name of the part.
        size: height and width of every image, in pixels.
        hint: how to get a complete copy, a sentence without its full stop.
    """

    classes: Sequence[str]
    counts: Mapping[str, int]
    size: int
    hint: str


def listing(root: Path, layout: Layout) -> dict[str, list[list[os.DirEntry[str]]]]:
    """Return each part's images, as a list for each class, sorted by file name.

    Raises:
        DataError: a class folder is missing, unknown or unreadable, or holds a wrong number of images.
    """
    return {part: _part(root / part, layout, layout.counts[part]) for part in layout.counts}


def signature(layout: Layout, files: Mapping[str, list[list[os.DirEntry[str]]]]) -> str:
    """Return a hash that changes if any image changes, without reading them: of all names and ``cache.states``.

    For CIFAR-10's 60,000 files this takes a fraction of a second; reading them would take several seconds.

    Raises:
        DataError: an image cannot be accessed.
    """
    names = hashlib.blake2b(digest_size=16)
    for part, classes in files.items():
        for name, entries in zip(layout.classes, classes, strict=True):
            names.update(repr((part, name, [entry.name for entry in entries])).encode())
    every = (entry for classes in files.values() for entries in classes for entry in entries)
    return f"{names.hexdigest()} {cache.states(_stat(entry, layout) for entry in every)}"


def _stat(entry: os.DirEntry[str], layout: Layout) -> os.stat_result:
    try:
        return entry.stat()
    except OSError as cause:
        raise _refusal(f"image {entry.path}", "an intact image file", cause.strerror or cause, layout) from cause


def decode(
    classes: Sequence[Sequence[os.DirEntry[str]]], layout: Layout, advance: Callable[[], None]
) -> tuple[Bytes, Bytes]:
    """Decode one part: the first class's images, then the second's, and so on.

    Args:
        classes: the files of each class.
        layout: what the images must be like.
        advance: called after each image.

    Returns:
        Images (n, size, size, 3) and labels (n,), uint8.

    Raises:
        DataError: an image cannot be decoded, or has another size.
    """
    count = sum(map(len, classes))
    images = np.empty((count, layout.size, layout.size, 3), np.uint8)
    labels = np.repeat(np.arange(len(classes), dtype=np.uint8), [len(entries) for entries in classes])
    for index, entry in enumerate(entry for entries in classes for entry in entries):
        try:
            with Image.open(entry.path) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as cause:
            raise _refusal(f"image {entry.path}", "an intact image file", cause, layout) from cause
        if pixels.shape != images.shape[1:]:
            size = f"{pixels.shape[1]}×{pixels.shape[0]}"
            raise _refusal(f"image {entry.path}", f"{layout.size}×{layout.size} pixels", size, layout)
        images[index] = pixels
        advance()
    return images, labels


def _part(folder: Path, layout: Layout, count: int) -> list[list[os.DirEntry[str]]]:
    present = {entry.name for entry in _visible(folder, layout) if entry.is_dir()}
    strangers = present - set(layout.classes)
    if strangers:
        raise _refusal(f"folder {folder / min(strangers)}", "only the class folders beside it", "one more", layout)
    classes = []
    for name in layout.classes:
        entries = _visible(folder / name, layout)
        files = sorted((e for e in entries if e.name.lower().endswith(SUFFIXES)), key=lambda entry: entry.name)
        if len(files) != count:
            raise _refusal(f"class folder {folder / name}", f"{count:,} images", f"{len(files):,}", layout)
        classes.append(files)
    return classes


def _visible(folder: Path, layout: Layout) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as cause:
        raise _refusal(f"folder {folder}", "a readable folder", cause.strerror or cause, layout) from cause


def _refusal(what: str, expected: str, got: object, layout: Layout) -> DataError:
    return DataError(message(what, expected=expected, got=got, hint=layout.hint))
