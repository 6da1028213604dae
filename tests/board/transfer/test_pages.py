"""The board of transfers as people read it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from transferring import HOSTILE, PICTURES, failed, rising, transferred

from harness.board.terminal import show_page
from harness.board.transfer import pages as transfer_pages
from harness.board.transfer.judging import transfer_boards
from harness.race.runs import RunState

GOLDEN = Path(__file__).parents[2] / "golden" / "transfer_board.txt"


def printed(*boards, width: int = 80, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    console = Console(file=file, width=width, markup=True)
    for page in transfer_pages.pages(boards):
        show_page(page, console)
    file.flush()
    return raw.getvalue().decode(encoding)


def test_a_small_board_is_printed_as_it_was(board) -> None:
    shown = "".join(f"{line.rstrip()}\n" for line in printed(board).splitlines())
    assert shown == GOLDEN.read_text(encoding="utf-8")


def test_a_mean_over_the_children_that_have_a_figure_says_how_many() -> None:
    """A candidate of which only the best child trained to the end seemed to be the best."""
    outcomes = {"g": [*rising([0.5], BLEU=35.0), failed(PICTURES), failed(PICTURES)], "m": rising([0.4] * 3, BLEU=30.0)}
    shown = printed(*transfer_boards(transferred(outcomes)))
    assert "35 (1 of 3)" in shown
    assert "30 (" not in shown


def test_deterministic_workloads_are_not_told_to_take_more_seeds() -> None:
    shown = " ".join(printed(*transfer_boards(transferred({"g": rising([0.5] * 8), "m": rising([0.6] * 8)}))).split())
    assert "no pair is tested" in shown
    assert "shared seeds to compare every pair" not in shown


def test_it_says_what_matters(board) -> None:
    text = " ".join(printed(board, board).split())
    for wanted in (
        "Transfer 1",
        "Transfer 2",
        "perplexity, less is better; v1",
        "seeds 0-5",
        "words-mini: final test perplexity, less is better",
        "Underpowered: words-mini. Fewer than 6 seeds can show no difference, however large",
        "with 4 candidates it takes 8 shared seeds to compare every pair",
        "Few seeds on pictures-mini:",
        "exact two-sided sign-flip test",
        "Holm's",
        "The test figure is reported, and decided nothing:",
        "Dahl et al. 2023",
        "never",
        "too narrow for so few seeds",
        "Unfinished runs, so not counted",
        "1 of 4",
    ):
        assert wanted in text, wanted


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits(board, hostile, width: int) -> None:
    assert max(map(len, printed(board, hostile, width=width).splitlines())) <= width


def test_the_matrix_of_many_workloads_fits_a_terminal_in_parts(board) -> None:
    several = board.workloads * 3
    many = replace(board, workloads=several)
    parts = [each for each in transfer_pages.page(many).tables if each.title.startswith("Matrix")]
    assert [len(each.columns) - 1 for each in parts] == [4, 2]
    assert max(map(len, printed(many).splitlines())) <= 80
    assert "candidate  " in printed(many)


def test_it_prints_without_unicode(board) -> None:
    assert "rate" in printed(board, encoding="ascii")


def test_names_from_outside_are_printed_and_nothing_more(hostile) -> None:
    text = printed(hostile, width=300)
    assert "\x1b" not in text
    assert "[red]" in text
    assert HOSTILE not in text


def test_a_board_without_anything_finished_says_what_is_under_way() -> None:
    (board,) = transfer_boards(transferred({"g": rising([0.5])}, state=RunState.RUNNING, active=True))
    assert [each.title for each in transfer_pages.page(board).tables] == ["Unfinished runs, so not counted"]
    assert "running" in printed(board)
