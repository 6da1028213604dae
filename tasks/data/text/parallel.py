"""Pairs of sentences from two parallel text files for each part, such as ``train.en`` and ``train.de``.

Multi30k (Elliott et al. 2016) and WMT14 come as such files, and so can any other corpus. Nothing downloads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import DataError, message
from harness.tasks.data.text import reading
from harness.tasks.data.text.corpora import PairData, Pairs

# What the files of each part may be called, before the language; the first that is there counts.
PARTS = {
    "train": ("train",),
    "validation": ("val", "valid", "validation", "dev", "newstest2013"),
    "test": ("test", "test_2016_flickr", "test2016", "newstest2014"),
}
FROM = (
    "en"  # the language to translate from, if it is one of the two; otherwise the first in alphabetical order (**D**)
)
EXPECTED = "train.<language>, val.<language> and test.<language> in two languages"


def multi30k(root: Path | None, announce: Callable[[str], None]) -> PairData:
    """Return Multi30k: ``train``, ``val`` and ``test`` (or ``test_2016_flickr``) in two languages.

    Args:
        root: a folder that holds the files, plain or as ``.gz``, directly or in its subfolder ``multi30k``; None for
            ``HARNESS_DATA_ROOT`` or the user's cache.
        announce: not used: reading takes no time.

    Raises:
        DataError: files are missing or damaged, or have different numbers of lines.
    """
    del announce
    return _load("multi30k", root)


def wmt14(root: Path | None, announce: Callable[[str], None]) -> PairData:
    """Return WMT14: ``train``, ``newstest2013`` and ``newstest2014``, or other names of ``PARTS``; see ``multi30k``."""
    announce("Reading WMT14, which takes a while")
    return _load("wmt14", root)


def parallel(root: Path | None, announce: Callable[[str], None]) -> PairData:
    """Return the pairs of any two parallel files for each part; see ``multi30k``."""
    del announce
    return _load("parallel", root)


def _load(name: str, root: Path | None) -> PairData:
    folder = find(name, root)
    if folder is None:
        raise reading.missing(f"data set {name!r}", root, expected=EXPECTED, hint=_hint(name))
    languages = _languages(folder, name)
    parts = {part: _read(folder, part, languages, name) for part in PARTS}
    return PairData.of(name, **parts, source=f"{folder}, {' to '.join(languages)}")


def find(name: str, root: Path | None) -> Path | None:
    """Return the folder that holds a data set's training pairs, or None.

    Raises:
        DataError: the folder that the user named does not exist.
    """
    for folder in reversed(reading.folders(root, (name,))):  # the root may hold files of another data set
        if _with_stem(folder, "train"):
            return folder
    return None


def first(root: Path | None) -> Callable[[Path | None, Callable[[str], None]], PairData] | None:
    """Return what loads the first data set that is there: Multi30k, WMT14, or any other by the name ``parallel``.

    Raises:
        DataError: the folder that the user named does not exist.
    """
    for load in (multi30k, wmt14):
        folder = find(load.__name__, root)
        if folder is not None and folder.name == load.__name__:
            return load
    return None if find("parallel", root) is None else parallel


def _hint(name: str) -> str:
    return f"Name the folder that holds {name} with --data-root, or use the stand-in: --data synthetic-pairs"


def _with_stem(folder: Path, stem: str) -> list[str]:
    """Return the languages in which a part is there, in alphabetical order."""
    try:
        names = [path.name.removesuffix(".gz") for path in folder.iterdir() if path.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as cause:
        got, hint = cause.strerror or cause, "Check the path and its permissions"
        raise DataError(message(f"folder {folder}", expected="a readable folder", got=got, hint=hint)) from cause
    return sorted({name[len(stem) + 1 :] for name in names if name.startswith(f"{stem}.") and name.count(".") == 1})


def _languages(folder: Path, name: str) -> Sequence[str]:
    found = _with_stem(folder, "train")
    if len(found) != 2:
        got = ", ".join(f"train.{language}" for language in found)
        what = f"data set {name!r} in {folder}"
        raise DataError(message(what, expected="train.<language> in two languages", got=got, hint=_hint(name)))
    return sorted(found, key=lambda language: (language != FROM, language))


def _read(folder: Path, part: str, languages: Sequence[str], name: str) -> Pairs:
    stems = [stem for stem in PARTS[part] if set(languages) <= set(_with_stem(folder, stem))]
    if not stems:
        names = " or ".join(PARTS[part])
        got = f"none of {names}.{'/'.join(languages)}"
        raise DataError(message(f"{part} pairs in {folder}", expected=EXPECTED, got=got, hint=_hint(name)))
    texts, counts = [], []
    for language in languages:
        path = reading.present(folder, f"{stems[0]}.{language}")
        assert path is not None, "it was listed"
        texts.append(reading.lines_of(path, _hint(name)))
        counts.append(texts[-1].count(b"\n"))
    if counts[0] != counts[1]:
        what = f"{stems[0]}.{languages[0]} and {stems[0]}.{languages[1]} in {folder}"
        hint = "Get a copy in which line n of one translates line n of the other"
        got = f"{counts[0]:,} and {counts[1]:,}"
        raise DataError(message(what, expected="equally many lines", got=got, hint=hint))
    return Pairs(*texts)
