"""The runs of a contest in a results folder: a file for each part, written as it ends, so that a kill loses only one.

::

    store = Store(folder, pins)                  # what all runs in the folder share
    for first, most in store.missing(1_000):     # functions without a run
        store.add(part, made={"commit": "…"})
    store.runs()                                 # of the functions 0, 1, … without a gap

Reading a file executes nothing: numpy reads it without pickle.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.blackbox.contest import BLOCK, GRID, LARGEST, TIMED, Aside, Part, lowest
from harness.errors import LedgerError, message
from harness.files import write_whole

FORMAT, SCHEMA = "harness blackbox runs", 1
SUFFIX, ASIDE = ".npz", "aside.npz"
MOST_BYTES = 1 << 28  # of a file
MOST_MADE = 200  # characters of where a part came from
DAMAGE = (zipfile.BadZipFile, zlib.error, MemoryError, RuntimeError)  # the last: what zip cannot unpack, and recursion
HINT = "Restore a copy, or delete it and run the contest again"
Made = Mapping[str, str]
"""Where a part came from: the revision and the processor."""


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one optimizer on the functions 0, 1, ….

    Attributes:
        values: by function and step, (functions, steps).
        minima: (functions,); NaN where the least value is not known.
        seconds: what asking and telling took in all, (functions,).
        made: where the parts came from, each value once.
    """

    values: NDArray[np.float64]
    minima: NDArray[np.float64]
    seconds: NDArray[np.float64]
    made: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Store:
    """The runs of one optimizer in one contest.

    Attributes:
        folder: the folder of its files.
        pins: what all of them share, as JSON.
        steps: how many values each function has.
    """

    folder: Path
    pins: Mapping[str, Any] = field(hash=False)
    steps: int

    @classmethod
    def found(cls, folder: Path) -> Store | None:
        """Return the store that a folder holds; None for a folder without runs.

        Raises:
            LedgerError: a file is damaged.
        """
        path = next(iter(sorted(folder.glob(f"*{SUFFIX}"))), None)
        if path is None:
            return None
        head, _ = _read(path)
        return cls(folder, head["pins"], head["steps"])

    def check(self) -> None:
        """Read every file, so that a run of something else stops the contest before it begins.

        Raises:
            LedgerError: a file is damaged, or belongs to another contest.
        """
        for first, path in self._files():
            self._part(path, first)
        self.aside()

    def missing(self, count: int) -> Iterator[tuple[int, int]]:
        """Yield (first, number) of functions below ``count`` without a run, each within a block, until there is none.

        The caller adds a run of the first of them, or of more, before it asks on.

        Raises:
            LedgerError: names of files contradict each other.
        """
        while gaps := self.gaps(count):
            yield gaps[0]

    def gaps(self, count: int) -> list[tuple[int, int]]:
        """Return (first, number) of all functions below ``count`` without a run, each within a block.

        Raises:
            LedgerError: names of files contradict each other.
        """
        done = np.ones(count + 1, dtype=bool)
        done[:count] = False
        for first, path in self._files():
            done[first : int(path.stem.partition("-")[2]) + 1] = True
        done[-1] = True
        left = [int(each) for each in np.flatnonzero(~done)]
        starts = [each for each in left if each % BLOCK == 0 or done[each - 1]]
        return [(each, min(_run_length(done, each), BLOCK - each % BLOCK)) for each in starts]

    def add(self, part: Part, made: Made) -> None:
        """Write a part.

        Raises:
            HarnessError: it cannot be written.
        """
        arrays = {"values": part.values, "minima": part.minima, "seconds": part.seconds}
        last = part.first + len(part.values) - 1
        self._write(f"{part.first:06d}-{last:06d}{SUFFIX}", arrays, {"first": part.first, "made": dict(made)})

    def add_aside(self, aside: Aside, made: Made) -> None:
        """Write what was run apart from the contest.

        Raises:
            HarnessError: it cannot be written.
        """
        arrays = {"seconds": aside.seconds, "curves": aside.curves, "points": aside.points, "values": aside.values}
        self._write(ASIDE, arrays, {"first": -1, "made": dict(made)})

    def aside(self) -> Aside | None:
        """Return what was run apart from the contest, if it was.

        Raises:
            LedgerError: the file is damaged, or belongs to another contest.
        """
        path = self.folder / ASIDE
        if not path.exists():
            return None
        arrays = self._own(path)[1]
        shown = arrays["points"].shape[-1] > 0
        self._agree(path, arrays["seconds"], (TIMED,))
        self._agree(path, arrays["curves"], (TIMED, GRID if shown else 0))
        for name in ("points", "values"):
            self._agree(path, arrays[name], (TIMED, self.steps if shown else 0))
        _check_numbers(path, arrays, values=("curves", "values"))
        if not ((arrays["points"] >= 0) & (arrays["points"] <= 1)).all():
            raise _refused(path, "points in [0, 1]", "others")
        return Aside(**arrays)

    def runs(self) -> Runs:
        """Return the runs of the functions from the first on, up to the first that has none.

        Raises:
            LedgerError: a file is damaged, or belongs to another contest.
        """
        parts, made, at = list[dict[str, NDArray[np.float64]]](), dict[str, dict[str, None]](), 0
        for first, path in self._files():
            if first != at:
                break
            head, arrays = self._part(path, first)
            parts.append(arrays)
            at += len(arrays["values"])
            for name, value in head["made"].items():
                made.setdefault(name, {})[value] = None
        joined = {
            name: np.concatenate([each[name] for each in parts]) if parts else np.empty((0, self.steps))
            for name in ("values", "minima", "seconds")
        }
        return Runs(**joined, made={name: tuple(texts) for name, texts in made.items()})

    def _files(self) -> list[tuple[int, Path]]:
        """Return the files of parts by their first function.

        Raises:
            LedgerError: a name says nothing of functions, or two files have one function.
        """
        found, end = list[tuple[int, Path]](), 0
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path.name == ASIDE:
                continue
            first, dash, last = path.stem.partition("-")
            if not (dash and first.isdecimal() and last.isdecimal() and end <= int(first) <= int(last)):
                raise _refused(path, "functions that no other file has in its name", path.name)
            found.append((int(first), path))
            end = int(last) + 1
        return found

    def _part(self, path: Path, first: int) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
        head, arrays = self._own(path)
        count = int(path.stem.partition("-")[2]) - first + 1
        self._agree(path, arrays["values"], (count, self.steps))
        for name in ("minima", "seconds"):
            self._agree(path, arrays[name], (count,))
        _check_numbers(path, arrays, values=("values",))
        if np.isinf(arrays["minima"]).any() or (arrays["values"] < lowest(arrays["minima"])[:, None]).any():
            raise _refused(path, "values from the functions' minima on", "others")
        if head["first"] != first:
            raise _refused(path, f"functions from {first} on", f"those from {head['first']} on")
        return head, arrays

    def _own(self, path: Path) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
        head, arrays = _read(path)
        if (head["pins"], head["steps"]) != (dict(self.pins), self.steps):
            raise _refused(path, "a run of this contest", "one of another contest")
        return head, arrays

    def _agree(self, path: Path, array: NDArray[np.float64], shape: tuple[int, ...]) -> None:
        if array.shape != shape or array.dtype != np.float64:
            raise _refused(path, f"float64 of shape {shape}", f"{array.dtype} of shape {array.shape}")

    def _write(self, name: str, arrays: Mapping[str, NDArray[np.float64]], more: Mapping[str, object]) -> None:
        head = {"format": FORMAT, "schema": SCHEMA, "pins": dict(self.pins), "steps": self.steps, **more}
        content = io.BytesIO()
        np.savez_compressed(content, head=np.array(json.dumps(head, sort_keys=True)), **arrays)  # type: ignore[arg-type]
        write_whole(self.folder / name, content.getvalue())


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    names = ("seconds", "curves", "points", "values") if path.name == ASIDE else ("values", "minima", "seconds")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _refused(path, "a smaller file", f"{path.stat().st_size:,} bytes")
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            head = json.loads(str(file["head"]))
            arrays = {name: file[name] for name in names}
        if head["format"] != FORMAT or type(head["schema"]) is not int or head["schema"] < 1:
            raise ValueError("another file")
        if head["schema"] > SCHEMA:
            expected, got = f"schema {SCHEMA}", f"schema {head['schema']}"
            raise LedgerError(message(_what(path), expected=expected, got=got, hint="Update the harness to read it"))
        if not (isinstance(head["pins"], dict) and isinstance(head["steps"], int) and isinstance(head["first"], int)):
            raise ValueError("another file")
        if not all(isinstance(each, str) and len(each) <= MOST_MADE for each in head["made"].values()):
            raise ValueError("another file")
    except OSError as cause:
        raise _refused(path, "a file that harness blackbox wrote", cause.strerror or str(cause)) from cause
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, *DAMAGE) as cause:
        raise _refused(path, "a file that harness blackbox wrote", "a damaged file") from cause
    return head, arrays


def _check_numbers(path: Path, arrays: Mapping[str, NDArray[np.float64]], *, values: Sequence[str]) -> None:
    """Raise unless values and times are numbers that a contest can have."""
    if not all((np.abs(arrays[name]) <= LARGEST).all() for name in values):  # NaN is not
        raise _refused(path, f"values of ±{LARGEST:g} at most", "others")
    if not ((arrays["seconds"] >= 0) & np.isfinite(arrays["seconds"])).all():
        raise _refused(path, "times from 0 s on", "others")


def _run_length(done: NDArray[np.bool_], first: int) -> int:
    """Return how many functions from the first on have no run."""
    return int(np.argmax(done[first:]))


def _what(path: Path) -> str:
    return f"runs in {path}"


def _refused(path: Path, expected: str, got: str) -> LedgerError:
    return LedgerError(message(_what(path), expected=expected, got=got, hint=HINT))
