"""``neural-art``: a user's pictures and network, from a folder with ``content/*``, ``style/*`` and a network's file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from harness.errors import DataError, message
from harness.tasks.data.art import network
from harness.tasks.data.art.source import SHORT_SIDE, ArtData, Picture
from harness.tasks.data.image_folder import SUFFIXES
from harness.tasks.data.text.reading import folders, missing

NAME = "neural-art"
SHAPE = f"content/*, style/* and {network.NPZ} or {network.SAFETENSORS}"
HINT = f"Name a folder with {SHAPE} by --data-root, or use --data synthetic-art"
LEAST, MOST = 2, 2_000  # pictures of each kind: one to train on and one to compare on; 520 MB at most
LEAST_SIDE = 32  # pixels of a picture's shorter side
DAMAGE = (
    *(OSError, ValueError, SyntaxError, EOFError, MemoryError),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)


def load(root: Path | None, announce: Callable[[str], None]) -> ArtData:  # noqa: ARG001 - nothing takes long
    """Return the pictures and the network of a folder.

    Pictures are read in the order of their names. A picture whose shorter side has more than ``SHORT_SIDE`` pixels is
    reduced to that (**D**).

    Args:
        root: a folder that holds them, directly or in its subfolder ``neural-art``; None for ``HARNESS_DATA_ROOT`` or
            the user's cache.
        announce: not used.

    Raises:
        DataError: something is missing, damaged or too large.
    """
    found = find(root)
    if found is None:
        raise missing("neural art", root, expected=SHAPE, hint=HINT)
    frozen = network.read(found)  # the fastest comes first
    content, style = (_pictures(found / part) for part in ("content", "style"))
    return ArtData.of(NAME, content=content, style=style, network=frozen, source=str(found))


def find(root: Path | None) -> Path | None:
    """Return the folder that holds ``content`` and ``style``; None if there is none.

    Raises:
        DataError: the folder that the user named does not exist.
    """
    places = folders(root, (NAME,))
    return next((each for each in places if all((each / part).is_dir() for part in ("content", "style"))), None)


def _pictures(folder: Path) -> list[Picture]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.lower().endswith(SUFFIXES) and name[0] != ".")
    except OSError as cause:
        got, hint = cause.strerror or cause, "Check the path and its permissions"
        raise DataError(message(f"folder {folder}", expected="a readable folder", got=got, hint=hint)) from cause
    if not LEAST <= len(names) <= MOST:
        expected = f"{LEAST} to {MOST:,} pictures ({', '.join(SUFFIXES)})"
        hint = "Add some" if len(names) < LEAST else "Remove some"
        raise DataError(message(f"folder {folder}", expected=expected, got=f"{len(names):,}", hint=hint))
    return [_picture(folder / name) for name in names]


def _picture(path: Path) -> Picture:
    what = f"picture {path}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                picture = ImageOps.exif_transpose(opened).convert("RGB")
    except DAMAGE as cause:
        hint = "Replace or remove it"
        raise DataError(message(what, expected="an intact picture of moderate size", got=cause, hint=hint)) from cause
    short = min(picture.size)
    if short < LEAST_SIDE:
        expected, got = f"at least {LEAST_SIDE} pixels on each side", f"{picture.width}×{picture.height}"
        raise DataError(message(what, expected=expected, got=got, hint="Replace or remove it"))
    if short > SHORT_SIDE:
        width, height = (max(SHORT_SIDE, round(side * SHORT_SIDE / short)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return Picture(path.name, np.asarray(picture))
