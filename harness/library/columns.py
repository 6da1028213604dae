"""Tables as columns: numpy arrays by name, which can be filtered and turned into a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, SettingError, check_choice, message

if TYPE_CHECKING:
    import pandas

Values = NDArray[Any]


class Columns(Mapping[str, Values]):
    """A table: an array for each column, all of the same length.

    ``table["score"]`` is a column, ``table.where(seed=0)`` the rows with that value, and ``table.frame()`` the whole
    table as a pandas DataFrame.

    Args:
        columns: the columns by name.

    Example:
        >>> import numpy as np
        >>> from harness.library.columns import Columns
        >>> table = Columns({"seed": np.array([0, 0, 1]), "score": np.array([0.2, 0.5, 0.4])})
        >>> float(table.where(seed=0)["score"].max())
        0.5
    """

    def __init__(self, columns: Mapping[str, Values]) -> None:
        self._columns = dict(columns)

    @classmethod
    def of(cls, kinds: Mapping[str, type], rows: Sequence[Sequence[object]]) -> Columns:
        """Build a table from rows.

        Args:
            kinds: the type of each column: bool, int, float, or object for texts and arrays; a missing number is NaN.
            rows: the rows, with a value for each column.
        """
        values = list(zip(*rows, strict=True)) if rows else [()] * len(kinds)
        return cls({name: _array(kind, own) for (name, kind), own in zip(kinds.items(), values, strict=True)})

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return max((len(column) for column in self._columns.values()), default=0)

    def where(self, **equal: object) -> Columns:
        """Return the rows whose columns have these values.

        Raises:
            SettingError: there is no such column.
        """
        kept = np.ones(self.rows, dtype=np.bool_)
        for name, value in equal.items():
            kept &= self[name] == value
        return Columns({name: column[kept] for name, column in self._columns.items()})

    def frame(self) -> pandas.DataFrame:
        """Return the table as a pandas DataFrame.

        Raises:
            HarnessError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as cause:
            hint = "Install it: pip install -e '.[frames]' where the harness was checked out"
            raise HarnessError(message("frame", expected="pandas", got="none", hint=hint)) from cause
        return pandas.DataFrame(self._columns)

    def __getitem__(self, name: str) -> Values:
        check_choice("column", name, self._columns, error=SettingError)
        return self._columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"{self.rows:,} rows of {', '.join(self._columns)}"

    def _repr_html_(self) -> str | None:
        try:
            return str(self.frame()._repr_html_())
        except HarnessError:
            return None


def _array(kind: type, values: Sequence[object]) -> Values:
    if kind is object:
        column = np.empty(len(values), dtype=object)
        column[:] = values  # if the values are arrays, numpy would combine them into one
        return column
    if kind is float:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(values, dtype=np.bool_ if kind is bool else np.int64)
