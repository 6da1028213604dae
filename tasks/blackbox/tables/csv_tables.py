"""The tables of [L2L-BB], ``svm``, ``lda`` and ``logreg``, from CSV files in the user's folder.

They are three tables on grids of HPOlib (Eggensperger et al. 2013): a support vector machine, online LDA and logistic
regression, from Snoek et al. 2012. A file has a line of headings, and a line for each setting of the parameters.
Columns that are not named here are not read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.blackbox.contracts import FunctionVariant, Points
from harness.errors import DataError, message
from harness.tasks.blackbox.tables.family import TableFamily, placed_and_plain
from harness.tasks.blackbox.tables.grid import Grid, filled
from harness.tasks.data import cache
from harness.tasks.data.roots import ROOT_VARIABLE, default_root, named_root
from harness.tasks.data.text import reading

SUBFOLDER = "hpolib"
OPTION = "--functions-root"
MOST_BYTES = 10_000_000  # of a file; the largest of the three has 400,000
HINT = "Get a complete copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a file holds.

    Attributes:
        parameters: how many choices there are, by the name of each parameter's column.
        cost: the column of what is minimized.
    """

    parameters: Mapping[str, int]
    cost: str


class CsvTable(TableFamily):
    """A family of one table in a file of the user's."""

    file: ClassVar[str]
    columns: ClassVar[Columns]

    def read(self, variant: str) -> Grid:  # noqa: ARG002 - they all read the same
        """Read and return the table.

        Raises:
            DataError: its file is missing or damaged.
        """
        return read(self._path(), self.columns)

    def _path(self) -> Path:
        """Return where the file is: in the folder or in its subfolder ``hpolib``, plain or as ``.gz``.

        Raises:
            DataError: it is in none of them.
        """
        root = named_root(None)[0] if self._root is None else cache.expanded(self._root, OPTION)
        folder = default_root() if root is None else root
        for place in (folder, folder / SUBFOLDER):
            if found := reading.present(place, self.file):
                return found
        what = f"functions {self.name}" + f" in {root}" * (root is not None)
        got = f"no {OPTION}, nor a folder in {ROOT_VARIABLE}"
        if root is not None:
            got = "no such file" if root.is_dir() else "no such folder"
        hint = f"Name the folder of your copy with {OPTION}"
        raise DataError(message(what, expected=self.file, got=got, hint=hint))


class Svm(CsvTable):
    """The family ``svm``: the error of a support vector machine, by C, α and ε."""

    name: ClassVar[str] = "svm"
    file: ClassVar[str] = "svm_on_grid.csv"
    columns: ClassVar[Columns] = Columns(parameters={"c": 25, "alpha": 14, "epsilon": 4}, cost="error")
    variants: ClassVar[Mapping[str, FunctionVariant]] = placed_and_plain(3, "a table of 1,400 settings")


class Lda(CsvTable):
    """The family ``lda``: the perplexity of online LDA, by κ, τ and S."""

    name: ClassVar[str] = "lda"
    file: ClassVar[str] = "lda_on_grid.csv"
    columns: ClassVar[Columns] = Columns(parameters={"kappa": 6, "tau": 6, "s": 8}, cost="perplexity")
    variants: ClassVar[Mapping[str, FunctionVariant]] = placed_and_plain(3, "a table of 288 settings")


class LogisticRegression(CsvTable):
    """The family ``logreg``: logistic regression's validation error, by learning rate, λ, batch size and epochs."""

    name: ClassVar[str] = "logreg"
    file: ClassVar[str] = "logreg_on_grid.csv"
    columns: ClassVar[Columns] = Columns(
        parameters={"lrate": 11, "l2_reg": 11, "batchsize": 8, "n_epochs": 10}, cost="validation_error"
    )
    variants: ClassVar[Mapping[str, FunctionVariant]] = placed_and_plain(4, "a table of 9,680 settings")


def read(path: Path, columns: Columns) -> Grid:
    """Read and return the table of a file.

    Raises:
        DataError: it is damaged, or holds another table.
    """
    what = f"file {path}"
    names = [*columns.parameters, columns.cost]
    try:
        size = path.stat().st_size
    except OSError as cause:
        got = cause.strerror or cause
        raise DataError(message(what, expected="a readable file", got=got, hint=HINT)) from cause
    if size > MOST_BYTES:
        expected, hint = f"a table of at most {MOST_BYTES:,} bytes", HINT
        raise DataError(message(what, expected=expected, got=f"{size:,}", hint=hint))
    lines = enumerate(_cells(reading.lines_of(path, HINT).decode().splitlines(), what), start=1)
    headings = [each.strip() for each in next(lines)[1]]
    missing = [name for name in names if headings.count(name) != 1]
    if missing:
        got = ", ".join(headings) or "none"
        raise DataError(message(what, expected=f"columns {', '.join(names)}, each once", got=got, hint=HINT))
    chosen = [headings.index(name) for name in names]
    rows = []
    for number, line in lines:
        try:
            rows.append([float(line[column]) for column in chosen])
        except (ValueError, IndexError):
            if line:
                expected, got = f"numbers for {', '.join(names)} in line {number:,}", ",".join(line)
                raise DataError(message(what, expected=expected, got=got, hint=HINT)) from None
    return _grid(np.array(rows).reshape(-1, len(names)), columns, what)


def _cells(lines: Sequence[str], what: str) -> Iterator[list[str]]:
    """Yield the cells of each line.

    Raises:
        DataError: a cell is too long.
    """
    try:
        yield from csv.reader(lines)
    except csv.Error as cause:
        raise DataError(message(what, expected="a table in CSV", got=cause, hint=HINT)) from cause


def _grid(rows: Points, columns: Columns, what: str) -> Grid:
    places = np.empty((len(rows), len(columns.parameters)), int)
    for axis, (name, count) in enumerate(columns.parameters.items()):
        choices, places[:, axis] = np.unique(rows[:, axis], return_inverse=True)
        if len(choices) != count:
            expected, got = f"{count} values of {name}", len(choices)
            raise DataError(message(what, expected=expected, got=got, hint=HINT))
    return filled(tuple(columns.parameters.values()), places, rows[:, -1], what=what, hint=HINT)
