"""ImageNet (Deng et al. 2009), or pictures like it, in folders: ``train/<class>/*`` and ``val/<class>/*``.

The pictures of ``train`` are for training and validation, those of ``val`` for the test (**D**): ImageNet's own test
labels are not public. They are looked for in the folder that was given, else in the one that ``HARNESS_DATA_ROOT``
names, else in the data folder of the user's cache; in each directly, or in its subfolder ``imagenet``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from harness.errors import DataError, message
from harness.tasks.data.image_folder import SUFFIXES
from harness.tasks.data.pictures.source import Labels, PictureData
from harness.tasks.data.roots import default_root, named_root

NAME = "imagenet"
PARTS = ("train", "val")
SHAPE = "train/<class>/* and val/<class>/*"
HINT = f"Name a folder with {SHAPE} by --data-root, or use --data synthetic-pictures"
MOST_CLASSES = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """The pictures of one part.

    Attributes:
        root: its folder.
        files: paths of the pictures within it, the first class's first.
        labels: class indices, (pictures,).
    """

    root: Path
    files: Sequence[str]
    labels: Labels

    def open(self, place: int) -> Image.Image:
        """Return a picture whose pixels are not read yet."""
        return Image.open(self.root / self.files[place])

    def called(self, place: int) -> str:
        """Return the picture's path."""
        return f"picture {self.root / self.files[place]}"


def load(root: Path | None, announce: Callable[[str], None]) -> PictureData:  # noqa: ARG001 - nothing takes long
    """Return the pictures of a folder; only the first one of each class is read.

    The fingerprint follows from the names of all classes and files, and from the content of each class's first picture
    in both parts (**D**): ImageNet's 140 GB take hours to read.

    Args:
        root: a folder that holds the pictures, directly or in its subfolder ``imagenet``; None for
            ``HARNESS_DATA_ROOT`` or the user's cache.
        announce: not used.

    Raises:
        DataError: there are no such pictures, or some classes have none.
    """
    found = find(root)
    if found is None:
        named, _ = named_root(root)
        where = default_root() if named is None else named
        got = "neither" if where.is_dir() else "no such folder"
        raise DataError(message(f"ImageNet in {where}", expected=SHAPE, got=got, hint=HINT))
    classes = _classes(found / "train")
    digest = hashlib.blake2b(digest_size=16)
    train, test = (_part(found / part, classes, digest.update) for part in PARTS)
    return PictureData(
        name=NAME, fingerprint=digest.hexdigest(), classes=tuple(classes), train=train, test=test, source=str(found)
    )


def find(root: Path | None) -> Path | None:
    """Return the folder that holds ``train`` and ``val``; None if there is none.

    Raises:
        DataError: the folder that the user named does not exist, or cannot be read.
    """
    named, origin = named_root(root)
    if named is None:
        try:
            named = default_root()
        except DataError:  # a user without a cache has nothing in it
            return None
    elif not named.is_dir():
        hint = f"Correct {origin}"
        raise DataError(message(f"data folder {named}", expected="a folder", got="none", hint=hint))
    try:
        wholes = (each for each in (named, named / NAME) if all((each / part).is_dir() for part in PARTS))
        return next(wholes, None)
    except OSError as cause:
        raise _unreadable(named, cause) from cause


def _classes(folder: Path) -> list[str]:
    names = sorted(entry.name for entry in _visible(folder) if entry.is_dir())
    if not 2 <= len(names) <= MOST_CLASSES:
        what, expected = f"folder {folder}", f"2 to {MOST_CLASSES:,} folders of classes"
        raise DataError(message(what, expected=expected, got=f"{len(names):,}", hint=HINT))
    return names


def _part(folder: Path, classes: Sequence[str], fingerprint: Callable[[bytes], None]) -> Folder:
    """List the pictures of one part, which has the classes of the other.

    Raises:
        DataError: it has other classes, or a class without pictures.
    """
    present = {entry.name for entry in _visible(folder) if entry.is_dir()}
    lacking, strange = sorted({*classes} - present), sorted(present - {*classes})
    if lacking or strange:
        got = f"none named {lacking[0]}" if lacking else f"another one, {strange[0]}"
        raise DataError(message(f"folder {folder}", expected="the same classes as in train", got=got, hint=HINT))
    files: list[str] = []
    counts = []
    for name in classes:
        own = sorted(each.name for each in _visible(folder / name) if each.name.lower().endswith(SUFFIXES))
        if not own:
            what, expected = f"class folder {folder / name}", f"pictures ({', '.join(SUFFIXES)})"
            raise DataError(message(what, expected=expected, got="none", hint=HINT))
        counts.append(len(own))
        files += [os.path.join(name, each) for each in own]
        fingerprint(repr((folder.name, name, own)).encode())
        try:
            fingerprint((folder / name / own[0]).read_bytes())
        except OSError as cause:
            raise _unreadable(folder / name / own[0], cause) from cause
    return Folder(folder, files, np.repeat(np.arange(len(classes), dtype=np.uint16), counts))


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as cause:
        raise _unreadable(folder, cause) from cause


def _unreadable(path: Path, cause: OSError) -> DataError:
    got, hint = cause.strerror or cause, "Check the path and its permissions"
    return DataError(message(str(path), expected="a readable file or folder", got=got, hint=hint))
