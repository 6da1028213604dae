"""Where data sets are looked for: the folder that was given, else ``HARNESS_DATA_ROOT``, else the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

from harness.tasks.data import cache

ROOT_VARIABLE = "HARNESS_DATA_ROOT"


def named_root(root: Path | None) -> tuple[Path | None, str]:
    """Return the folder that the user named, None if there is none, and the option or variable that named it.

    Raises:
        DataError: it lies in a home folder that does not exist.
    """
    variable = os.environ.get(ROOT_VARIABLE)
    named = root if root is not None else Path(variable) if variable else None
    origin = "--data-root" if root is not None else ROOT_VARIABLE
    return (None if named is None else cache.expanded(named, origin).absolute()), origin


def default_root() -> Path:
    """Return the data folder of the user's cache, to which downloads go.

    Raises:
        DataError: the user has no cache.
    """
    return cache.folder() / "data"
