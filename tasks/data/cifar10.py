"""CIFAR-10 (Krizhevsky 2009) from this machine, or from torchvision's download.

It is looked for in the folder that was given, else in the one that ``HARNESS_DATA_ROOT`` names, else in the data folder
of the user's cache. A folder that the user named must hold it: downloads go only to the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import DataError, message
from harness.tasks.data import cache, download, image_folder
from harness.tasks.data.images import ImageData
from harness.tasks.data.roots import ROOT_VARIABLE, default_root, named_root

NAME = "cifar10"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LAYOUT = image_folder.Layout(
    classes=CLASSES,
    counts={"train": 5_000, "test": 1_000},
    size=32,
    hint=f"Get a complete copy, or leave out --data-root and {ROOT_VARIABLE} to have torchvision download it",
)


@dataclass(frozen=True, slots=True)
class Found:
    """A place that holds CIFAR-10.

    Attributes:
        folder: the image tree, or the folder that holds torchvision's files.
        is_tree: whether it is an image tree.
        is_own: whether it is a download in the cache, so that damaged files can be downloaded again.
    """

    folder: Path
    is_tree: bool
    is_own: bool = False


def load(root: Path | None, announce: Callable[[str], None]) -> ImageData:
    """Return CIFAR-10; torchvision downloads it if no folder is named and the cache lacks a complete copy.

    Args:
        root: a folder that holds torchvision's copy or an image tree, directly or in its subfolder ``cifar10``; None
            for the usual places.
        announce: called with one line for the user.

    Raises:
        DataError: the named folder does not hold a complete CIFAR-10, or it cannot be downloaded.
    """
    found = find(root)
    if found is None:
        target = default_root()
        download.fetch(target)
        found = Found(target, is_tree=False, is_own=True)
    if found.is_tree:
        return _load_tree(found.folder, announce)
    try:
        return _load_torchvision(found.folder, announce)
    except DataError:
        if not found.is_own:
            raise
    announce(f"The copy of CIFAR-10 in {found.folder} is incomplete; downloading it again.")
    download.restore(found.folder)
    return _load_torchvision(found.folder, announce)


def find(root: Path | None) -> Found | None:
    """Find CIFAR-10 on this machine, and return the place; None if no folder was named and the cache has none.

    Raises:
        DataError: the named folder does not hold it, or a folder cannot be read.
    """
    named, origin = named_root(root)
    if named is None:
        try:
            own = default_root()
        except DataError:  # a user without a cache has nothing in it
            return None
        found = _inspect(own, trust_archive=False)
        return found and replace(found, is_own=not found.is_tree)
    found = _inspect(named, trust_archive=True)
    if found is None:
        raise DataError(
            message(
                f"CIFAR-10 in {named}",
                expected=f"{download.FOLDER} (torchvision's) or images in train/<class>/ and test/<class>/",
                got="neither" if named.is_dir() else "no such folder",
                hint=f"Correct {origin}, or leave it out to have torchvision download CIFAR-10",
            )
        )
    return found


def _inspect(root: Path, *, trust_archive: bool) -> Found | None:
    if root.name in (download.FOLDER, download.ARCHIVE):
        root = root.parent
    try:
        for folder in (root, root / NAME):
            if (folder / download.FOLDER).is_dir() or (trust_archive and (folder / download.ARCHIVE).is_file()):
                return Found(folder, is_tree=False)
            if any((folder / part).is_dir() for part in LAYOUT.counts):
                return Found(folder, is_tree=True)
    except OSError as cause:
        got, hint = cause.strerror or cause, "Check the path and its permissions"
        raise DataError(message(f"folder {root}", expected="a readable folder", got=got, hint=hint)) from cause
    return None


def _load_tree(folder: Path, announce: Callable[[str], None]) -> ImageData:
    files = image_folder.listing(folder, LAYOUT)
    total = sum(len(entries) for classes in files.values() for entries in classes)

    def decode() -> ImageData:
        with _progress(f"Decoding CIFAR-10 from {folder}", total) as advance:
            train, test = (image_folder.decode(files[part], LAYOUT, advance) for part in ("train", "test"))
        return ImageData.of(NAME, train=train, test=test, source=str(folder))

    signature = f"{folder} {image_folder.signature(LAYOUT, files)}"
    return cache.remembered(NAME, signature, str(folder), decode, announce)


def _load_torchvision(folder: Path, announce: Callable[[str], None]) -> ImageData:
    source = str(folder / download.FOLDER)
    unpacked = folder / download.FOLDER
    if not unpacked.is_dir():
        download.unpack(folder)
    try:
        paths = sorted(unpacked.iterdir())
        state = cache.states(path.stat() for path in paths)
    except OSError as cause:
        raise DataError(
            message(f"folder {unpacked}", expected="a readable folder", got=cause.strerror or cause, hint=LAYOUT.hint)
        ) from cause
    signature = f"{source} {[path.name for path in paths]} {state}"
    return cache.remembered(NAME, signature, source, lambda: download.read(folder), announce)


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[], None]]:
    from rich.console import Console  # here and not above: a cached start does not need it
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)
