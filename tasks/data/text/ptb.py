"""Penn Treebank's text with 10,000 words (Mikolov et al. 2010): ``ptb.train.txt``, ``ptb.valid.txt``, ``ptb.test.txt``.

Its words are lower case, rare ones are ``<unk>``, and numbers are ``N``. Nothing downloads it: its text is licensed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.errors import DataError, message
from harness.tasks.data import cache
from harness.tasks.data.text import reading
from harness.tasks.data.text.corpora import TokenData

NAME = "ptb"
FILES = ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt")
SUBFOLDERS = (NAME, "simple-examples/data")  # the second is that of the archive it was published in
HINT = "Name the folder that holds the three files with --data-root, or use the stand-in: --data synthetic-tokens"


def load(root: Path | None, announce: Callable[[str], None]) -> TokenData:
    """Return Penn Treebank's text.

    Args:
        root: a folder that holds the three files, plain or as ``.gz``, directly or in its subfolder ``ptb``; None for
            ``HARNESS_DATA_ROOT`` or the user's cache.
        announce: called with one line for the user.

    Raises:
        DataError: a file is missing or damaged.
    """
    files = find(root)
    if files is None:
        raise reading.missing("Penn Treebank", root, expected=", ".join(FILES), hint=HINT)
    source = str(files[0].parent)

    def arrays() -> cache.Arrays:
        data = TokenData.of(NAME, [reading.lines_of(path, HINT) for path in files], source=source)
        listed = np.frombuffer("\n".join(data.words).encode(), np.uint8)
        parts = {"train": data.train, "validation": data.validation, "test": data.test}
        return {"fingerprint": np.array(data.fingerprint), "words": listed, **parts}

    try:
        signature = f"{[str(path) for path in files]} {cache.states(path.stat() for path in files)}"
    except OSError as cause:
        got = cause.strerror or cause
        raise DataError(message(f"folder {source}", expected="readable files", got=got, hint=HINT)) from cause
    found = cache.kept(NAME, signature, arrays, announce)
    return TokenData(
        name=NAME,
        fingerprint=str(found["fingerprint"]),
        words=tuple(found["words"].tobytes().decode().split("\n")),
        train=found["train"],
        validation=found["validation"],
        test=found["test"],
        source=source,
    )


def find(root: Path | None) -> list[Path] | None:
    """Return the three files, or None if there is none of them.

    Raises:
        DataError: some of them are missing, or the folder that the user named does not exist.
    """
    for folder in reading.folders(root, SUBFOLDERS):
        found = [reading.present(folder, name) for name in FILES]
        whole = [path for path in found if path is not None]
        if len(whole) == len(FILES):
            return whole
        if whole:
            lacking = ", ".join(name for name, path in zip(FILES, found, strict=True) if path is None)
            what = f"Penn Treebank in {folder}"
            raise DataError(message(what, expected=", ".join(FILES), got=f"none named {lacking}", hint=HINT))
    return None
