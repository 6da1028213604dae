"""A table fits its terminal: no word is broken, no figure is cut, and nothing is lost without a word."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.board.fitting import FittedColumn, fitted, flowed

NAMES = (
    FittedColumn("run", whole=True),
    FittedColumn("state"),
    FittedColumn("children", right=True),
    FittedColumn("what it is", spare=True),
)
ROWS = (
    ("evolution-s0-quick-c5e639de", "finished", "50 of 50", "a network of two convolutions on few examples"),
    ("rl-s0-quick-6a876f1c", "interrupted", "7 of 50", "the same network"),
)


def printed(columns, rows, width: int) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, markup=False, highlight=False)
    console.print(fitted(columns, rows, width))
    assert max(map(len, file.getvalue().splitlines())) <= width
    return file.getvalue()


def test_a_table_with_room_is_as_wide_as_its_cells() -> None:
    first, _, second, _ = printed(NAMES, ROWS, 200).splitlines()
    assert first.split("   ")[0].strip() == "run"
    assert second.rstrip().endswith("a network of two convolutions on few examples")


def test_cells_wrap_between_words() -> None:
    text = printed(NAMES, ROWS, 80)
    assert "no room" not in text
    assert {word for row in ROWS for cell in row for word in cell.split()} <= set(text.split())


def test_a_column_that_can_be_spared_goes_first_and_is_named() -> None:
    assert "no room" not in printed(NAMES, ROWS, 27 + 11 + 8 + 12 + 3 * 2 + 1)
    text = printed(NAMES, ROWS, 58)
    assert "50 of 50" in text
    assert "convolutions" not in text
    assert "no room for: what it is" in text


def test_a_table_that_fits_no_more_is_printed_row_by_row() -> None:
    text = printed(NAMES, ROWS, 44)
    assert "run         evolution-s0-quick-c5e639de" in text
    assert "what it is  a network of two convolutions on" in text
    assert "no room" not in text


def test_an_interval_stays_whole_where_figures_must_wrap() -> None:
    columns = (
        FittedColumn("searcher"),
        *(FittedColumn(name, right=True) for name in ("area", "final best", "difference")),
    )
    row = ("random, many draws", *["0.443 [0.427, 0.463]"] * 3)
    assert "0.443 [0.427, 0.463]   0.443" in printed(columns, [row], 90)
    narrow = printed(columns, [row], 66)
    assert narrow.count("[0.427, 0.463]") == 3
    assert "0.443 [" not in narrow


def test_a_word_longer_than_the_terminal_is_broken_behind_a_mark() -> None:
    assert flowed(["drop(drop(rmsprop,", "0.3)"], 12) == ["drop(drop(", "rmsprop,", "0.3)"]
    assert flowed(["x" * 10], 4) == ["xxxx", "xxxx", "xx"]
    assert flowed([], 4) == [""]


WORDS = st.text("abc(.:漢", min_size=1, max_size=8)
CELLS = st.lists(WORDS, max_size=5).map(" ".join)


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=4),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.integers(40, 120),
)
def test_every_word_is_printed_unbroken_at_any_width(rows, right, width) -> None:
    columns = [FittedColumn(f"column {number}", right=each) for number, each in enumerate(right)]
    text = printed(columns, rows, width)
    shown = text.split()
    for row in rows:
        for cell in row:
            assert all(shown.count(word) >= cell.split().count(word) for word in cell.split())


@pytest.mark.parametrize("width", [1, 2, 7])
def test_the_narrowest_terminals_lose_nothing(width) -> None:
    text = printed([FittedColumn("a title"), FittedColumn("b")], [("first", "second")], width)
    assert "second" in "".join(text.split())


def test_a_table_without_rows_or_a_title_is_fitted() -> None:
    assert fitted([FittedColumn("a"), FittedColumn("", right=True)], [], 80) is not None
