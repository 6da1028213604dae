"""Files of a network's weights and of unfinished trainings, as ``safetensors``: nothing in them could be executed.

::

    KIND = WeightFiles(name="harness learned optimizer", version=1, command="harness learn optimizer")
    KIND.save(path, header, arrays)                   # the header has an entry "hash"
    header, promised = KIND.described(path, parse)
    arrays = KIND.arrays(path, shapes)
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialized

from harness.errors import SettingError, message

Arrays = Mapping[str, NDArray[np.float32]]
States = Mapping[str, NDArray[Any]]
Shapes = Mapping[str, tuple[int, ...]]
Header = TypeVar("Header")
DIGITS = 16  # of a hash


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is.

    Attributes:
        done: batches trained on.
        total: batches in all, unless it stops early.
        best: the best validation so far, of the present λ where several are tried; infinite before the first.
        note: what it does now.
    """

    done: int
    total: int
    best: float
    note: str


class StoppedTraining(Exception):
    """The user asked to stop; the training is saved."""


Report = Callable[[Progress], bool]
"""Called after every batch; if it returns True, the training is saved and stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFiles:
    """One kind of such files.

    Attributes:
        name: what the header is stored under, by which a file is known.
        version: of the header; a newer one is refused.
        command: what writes them, for messages.
        most_bytes: the size of the largest file that is opened.
    """

    name: str
    version: int
    command: str
    most_bytes: int = 64 * 2**20

    def save(self, path: Path, header: Mapping[str, object], arrays: Arrays) -> None:
        """Write a file, whole or not at all.

        Raises:
            SettingError: it cannot be written.
        """
        # One entry alone: safetensors writes several in an order that changes.
        metadata = {self.name: json.dumps({"version": self.version, "header": header})}
        write(path, serialized(dict(arrays), metadata=metadata))

    def described(self, path: Path, parse: Callable[[Any], Header]) -> tuple[Header, str]:
        """Return the header of a file, and the hash that it promises.

        Args:
            path: the file.
            parse: turns what JSON held into a header; a ``ValueError`` says that it is damaged.

        Raises:
            SettingError: the file is missing, damaged, of another program, or written by a newer version.
        """
        with self._opened(path) as file:
            metadata = file.metadata() or {}
        if self.name not in metadata:
            raise self.refused(path, "the file of another program")
        try:
            described = json.loads(metadata[self.name])
            version, header = described["version"], described["header"]
            if version == self.version:
                promised = str(header.pop("hash"))
                return parse(header), promised
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
            raise self.refused(path, "a damaged header") from cause
        expected, got = f"version {self.version}", f"version {version}"
        raise SettingError(message(_what(path), expected=expected, got=got, hint="Update the harness to read it"))

    def arrays(self, path: Path, shapes: Shapes) -> dict[str, NDArray[np.float32]]:
        """Return the arrays of a file, in float32.

        Raises:
            SettingError: they have other names, shapes or types, or are not finite.
        """
        expected = {name: ("F32", tuple(shape)) for name, shape in shapes.items()}
        with self._opened(path) as file:
            if {name: _described(file.get_slice(name)) for name in file.keys()} != expected:  # noqa: SIM118
                raise self.refused(path, "arrays of other names, shapes or types than its header says")
            found = {name: file.get_tensor(name) for name in expected}
        if not all(np.isfinite(array).all() for array in found.values()):
            raise self.refused(path, "numbers that are not finite")
        return found

    def check_hash(self, path: Path, got: str, promised: str) -> None:
        """Raise unless the content has the hash that the header promised.

        Raises:
            SettingError: it has another one.
        """
        if got != promised:
            raise self.refused(path, f"content with the hash {got} instead of {promised}")

    def check_free(self, path: Path, hash: str) -> None:
        """Raise if a training that ended would replace a file with other weights, which somebody put there meanwhile.

        Raises:
            SettingError: there is one.
        """
        try:
            free = not path.exists() or self.described(path, dict)[1] == hash
        except SettingError:
            free = False
        if not free:
            hint = "Move it away and run the same command again: the training is saved"
            what, got = f"file {path}", "one with other content"
            raise SettingError(message(what, expected="no other file", got=got, hint=hint))

    def refused(self, path: Path, got: object) -> SettingError:
        """Return the error of a file that is not what was written."""
        hint = f"Write one with {self.command}, or restore a copy"
        return SettingError(message(_what(path), expected=f"a file that {self.command} wrote", got=got, hint=hint))

    @contextmanager
    def _opened(self, path: Path) -> Iterator[Any]:
        try:
            size = path.stat().st_size
            if size > self.most_bytes or not path.is_file():  # a pipe would be waited for
                raise self.refused(path, f"{size:,} bytes" if path.is_file() else "something that is no file")
            with safe_open(path, framework="np") as file:
                yield file
        except (OSError, SafetensorError) as cause:
            got = getattr(cause, "strerror", None) or str(cause).splitlines()[0]
            raise self.refused(path, got) from cause


def digest(identity: object, arrays: Arrays) -> str:
    """Return 16 hexadecimal digits of SHA-256 over what a network is, as JSON, and its weights."""
    found = hashlib.sha256(json.dumps(identity).encode())
    for name, array in sorted(arrays.items()):
        found.update(repr((name, tuple(array.shape))).encode())
        found.update(array.astype("<f4").tobytes())
    return found.hexdigest()[:DIGITS]


def write(path: Path, content: bytes) -> None:
    """Replace a file; a kill leaves the old or the new one, whole. Searchers and tasks do not know ``harness.files``.

    Raises:
        SettingError: it cannot be written; nothing is left behind.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException as cause:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        if not isinstance(cause, OSError):
            raise
        got, hint = cause.strerror or cause, "Free some space, or choose another place"
        raise SettingError(message(f"file {path}", expected="a place to write to", got=got, hint=hint)) from cause


def save_unfinished(path: Path, numbers: Mapping[str, object], states: Mapping[str, States]) -> None:
    """Replace the file of an unfinished training: numbers for JSON, and arrays by the part of the state and their name.

    Raises:
        SettingError: it cannot be written.
    """
    text = json.dumps(numbers)
    arrays = {f"{part}/{name}": array for part, state in states.items() for name, array in state.items()}
    write(path, serialized(arrays, metadata={"partial": text, "digest": _content(text, arrays)}))


def load_unfinished(
    path: Path, plan: Mapping[str, object], names: Sequence[str], parts: Sequence[str], *, options: Mapping[str, str]
) -> tuple[dict[str, Any], list[States]]:
    """Return the numbers that ``save_unfinished`` wrote, and the arrays of each part by their names.

    Args:
        path: the file.
        plan: what the numbers' entry ``plan`` must equal.
        names: of the numbers.
        parts: of the state.
        options: the options that decide entries of the plan, for messages. If several entries differ, the first of
            these is named, because it may decide others.

    Raises:
        SettingError: the file is damaged, or holds a training of another plan.
    """
    what = f"unfinished training in {path}"
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("no file")
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if _content(metadata["partial"], arrays) != metadata["digest"]:
            raise ValueError("another content than was written")
        written = json.loads(metadata["partial"])
        theirs = dict(written["plan"])
        numbers = {name: written[name] for name in names} if theirs == plan else {}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as cause:
        got, hint = f"a damaged file ({type(cause).__name__})", "Delete it to train from the beginning"
        raise SettingError(message(what, expected="what harness wrote", got=got, hint=hint)) from cause
    if theirs != plan:
        order = [*options]
        differing = [*_differences(theirs, plan)] or [("plan", "another one", "as this version writes it")]
        name, other, ours = min(differing, key=lambda each: order.index(each[0]) if each[0] in options else len(order))
        hint = "Resume it with the options that it began with, or delete the file"
        expected = f"{options.get(name, name)} {_said(ours)}"
        raise SettingError(message(what, expected=expected, got=_said(other), hint=hint))
    states: list[States] = [
        {name.partition("/")[2]: array for name, array in arrays.items() if name.partition("/")[0] == part}
        for part in parts
    ]
    return numbers, states


def _content(text: str, arrays: States) -> str:
    found = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        found.update(name.encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Yield the names and the values of the entries in which two plans differ."""
    for name in {**one, **other}:
        theirs, ours = one.get(name), other.get(name)
        if isinstance(theirs, dict) and isinstance(ours, dict):
            yield from _differences(theirs, ours)
        elif theirs != ours:
            yield name, theirs, ours


def _said(value: object) -> object:
    """Return a value for a message: ``none`` for what was not given."""
    return "none" if value in (None, "") else value


def _described(array: Any) -> tuple[str, tuple[int, ...]]:
    return array.get_dtype(), tuple(array.get_shape())


def _what(path: Path) -> str:
    return f"weights in {path}"
