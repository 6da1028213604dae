"""CIFAR-10 through torchvision: its download, its check of the files, its reader; and what other downloads share."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import DataError, message
from harness.tasks.data.images import Bytes, ImageData

FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"  # torchvision's; repeated here to avoid its import
PATIENCE_SECONDS = 5.0
ELSEWHERE = f"Download {ARCHIVE} from {ADDRESS} yourself and name its folder with --data-root, or use --data synthetic"


def obstacle() -> str:
    """Return in a few words why CIFAR-10 cannot be downloaded now; empty if its server answers within five seconds."""
    return obstacle_at(ADDRESS)


def obstacle_at(address: str) -> str:
    """Return in a few words why a file cannot be downloaded now; empty if its server answers within five seconds."""
    answers: list[str] = []

    def knock() -> None:
        try:
            request = urllib.request.Request(address, method="HEAD")
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):
                answers.append("")
        except urllib.error.URLError as cause:
            answers.append(str(cause.reason))
        except OSError as cause:
            answers.append(str(cause))

    # Looking up the name may block longer than any socket timeout, so a thread does it.
    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return answers[0] if answers else f"no answer within {PATIENCE_SECONDS:.0f} seconds"


def fetch(root: Path) -> None:
    """Download and unpack CIFAR-10 into ``root``, with torchvision's progress bar; intact files there are kept.

    Raises:
        DataError: the server cannot be reached, or the folder cannot be written.
    """
    reason = obstacle()
    if reason:
        raise _failure("CIFAR-10's download", f"an answer from {ADDRESS}", reason, ELSEWHERE)
    _through_torchvision(root)


def unpack(root: Path) -> None:
    """Check the archive in ``root``, and unpack it.

    Raises:
        DataError: the archive is damaged, or the folder cannot be written.
    """
    module = _datasets()
    if not module.utils.check_integrity(str(root / ARCHIVE), module.CIFAR10.tgz_md5):
        raise _failure(f"archive {root / ARCHIVE}", "the published file", "different content", "Download it again")
    _through_torchvision(root)


def restore(root: Path) -> None:
    """Repair a copy in ``root``: by unpacking its archive if that is intact, else by downloading it.

    Raises:
        DataError: the server cannot be reached, or the folder cannot be written.
    """
    module = _datasets()
    if module.utils.check_integrity(str(root / ARCHIVE), module.CIFAR10.tgz_md5):
        _through_torchvision(root)
    else:
        fetch(root)


def read(root: Path) -> ImageData:
    """Check every file of torchvision's copy in ``root`` by MD5, and return its images.

    Raises:
        DataError: a file is missing or damaged.
    """
    parts = {part: _part(root, train=part == "train") for part in ("train", "test")}
    return ImageData.of("cifar10", train=parts["train"], test=parts["test"], source=str(root / FOLDER))


def _part(root: Path, *, train: bool) -> tuple[Bytes, Bytes]:
    try:
        dataset = _datasets().CIFAR10(str(root), train=train, download=False)
    except (RuntimeError, OSError, EOFError, KeyError, ValueError) as cause:
        raise _failure(
            f"CIFAR-10 in {root / FOLDER}",
            "all published files intact",
            "missing or damaged ones",
            f"Delete that folder and unpack {ARCHIVE} again, or leave out --data-root to download it",
        ) from cause
    return np.ascontiguousarray(dataset.data), np.asarray(dataset.targets, dtype=np.uint8)


def _is_whole(root: Path) -> bool:
    try:
        read(root)
    except DataError:
        return False
    return True


@contextlib.contextmanager
def writing(root: Path, name: str) -> Iterator[None]:
    """Make a folder that one process at a time downloads a data set to; what torchvision prints goes to stderr.

    Args:
        root: the folder.
        name: the data set's, or its archive's.

    Raises:
        OSError: the folder cannot be written.
    """
    import filelock  # here and not above: a cached start does not need it

    root.mkdir(parents=True, exist_ok=True)
    # Some versions print messages; standard output is for results.
    with filelock.FileLock(root / f".{name}.lock"), contextlib.redirect_stdout(sys.stderr):
        yield


def _through_torchvision(root: Path) -> None:
    try:
        with writing(root, ARCHIVE):
            if (root / FOLDER).exists() and not _is_whole(root):
                shutil.rmtree(root / FOLDER)  # torchvision would keep a copy that lacks only its list of classes
            _datasets().CIFAR10(str(root), train=True, download=True)
    except (OSError, RuntimeError, EOFError) as cause:
        raise _failure("CIFAR-10's download", f"its files in {root}", cause, ELSEWHERE) from cause


def _datasets() -> Any:
    from harness.tasks.data import (
        torchvision_import,
    )  # here and not above: it takes two seconds, and a cached start needs none

    return torchvision_import.datasets()


def _failure(what: str, expected: str, got: object, hint: str) -> DataError:
    return DataError(message(what, expected=expected, got=got, hint=hint))
