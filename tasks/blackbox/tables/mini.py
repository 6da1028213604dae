"""A small table that ships with the harness: the family ``table-mini``.

It was generated for tests and first steps (``harness.tasks.blackbox.tables.making_mini``): the loss of a small network
on generated points, by learning rate, weight decay, batch size and epochs. It says nothing about any real problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import ClassVar

from harness.blackbox.contracts import FunctionVariant
from harness.tasks.blackbox.tables.csv_tables import Columns, read
from harness.tasks.blackbox.tables.family import TableFamily, placed_and_plain
from harness.tasks.blackbox.tables.grid import Grid

FILE = "table_mini.csv"
COLUMNS = Columns(parameters={"learning_rate": 6, "weight_decay": 5, "batch_size": 4, "epochs": 4}, cost="loss")


class TableMini(TableFamily):
    """The family; it reads nothing of the user's."""

    name: ClassVar[str] = "table-mini"
    variants: ClassVar[Mapping[str, FunctionVariant]] = placed_and_plain(4, "a generated table of 480 settings")

    def read(self, variant: str) -> Grid:  # noqa: ARG002 - they all read the same
        """Read and return the table that ships."""
        with resources.as_file(resources.files(__package__) / FILE) as path:
            return read(path, COLUMNS)
