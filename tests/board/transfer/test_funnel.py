"""The funnel on the board: stopped candidates are shown at their epoch, and never ranked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from transferring import FIRST, FUNNEL, TEXTS, WORDS, rising, rung, transferred

from harness.board.transfer.judging import transfer_boards
from harness.board.transfer.pages import page
from harness.race.runs import RunState


def judged(*records):
    (board,) = transfer_boards([each for own in records for each in own])
    return board


def test_who_was_stopped_is_shown_at_its_epoch_and_never_ranked() -> None:
    board = judged(rung(1, FIRST), rung(2, {"m": 0.5, "adam": 0.6}), rung(3, {"adam": 0.7}))
    (workload,) = board.workloads
    assert workload.label == "pictures-mini funnel"
    assert [each.label for each in workload.results] == ["adam"]
    standings = {each.label: (each.stopped, each.standing) for each in workload.funnel.entered}
    assert standings == {
        "adam": (None, "finished"),
        "momentum": (2, "stopped at 2"),
        "sgd": (1, "stopped at 1"),
        "sign-momentum": (1, "stopped at 1"),
    }
    scores = {each.label: [one and one.mean for one in each.scores] for each in workload.funnel.entered}
    assert scores["momentum"] == [0.5, 0.5, None]
    assert scores["adam"] == pytest.approx([0.4, 0.6, 0.7])
    assert board.across is None, "a funnel ranks nobody across workloads"
    table = next(each for each in page(board).tables if "the funnel" in each.title)
    assert [row[-2:] for row in table.rows] == [
        ("finished", "adam"),
        ("stopped at 2", "momentum"),
        ("stopped at 1", "sgd"),
        ("stopped at 1", "sign-momentum"),
    ]
    (matrix,) = [each for each in page(board).tables if each.title.startswith("Matrix")]
    assert ("momentum", "stopped at 2") in matrix.rows


def test_finalists_are_compared_on_their_workload_and_ranked_nowhere_else() -> None:
    two = {"m": 0.5, "adam": 0.6}
    board = judged(rung(1, FIRST), rung(2, two), rung(3, two))
    (workload,) = board.workloads
    assert [each.label for each in workload.results] == ["adam", "momentum"]
    assert len(workload.comparisons) == 1
    assert board.across is None


def test_nobody_is_stopped_before_the_next_rung_begins() -> None:
    (workload,) = judged(rung(1, FIRST)).workloads
    assert {each.standing for each in workload.funnel.entered} == {"not decided yet"}
    assert workload.results == ()
    begun = rung(2, {"m": 0.5, "adam": 0.6}, state=RunState.STOPPED)
    (workload,) = judged(rung(1, FIRST), begun).workloads
    standings = {each.label: each.standing for each in workload.funnel.entered}
    assert standings["momentum"] == "not decided yet"
    assert standings["sgd"] == "stopped at 1"


def test_a_funnel_is_a_column_of_its_own_beside_a_transfer_of_the_same_workload() -> None:
    plain = transferred({text: rising([0.5, 0.6]) for text in TEXTS}, started=0.0)
    board = judged(plain, rung(1, FIRST), rung(2, {"m": 0.5, "adam": 0.6}), rung(3, {"adam": 0.7}))
    assert [each.label for each in board.workloads] == ["pictures-mini", "pictures-mini funnel"]
    assert [len(each.results) for each in board.workloads] == [4, 1]
    assert board.across.workloads == ("pictures-mini",)
    assert board.across.left_out == ()


def test_two_funnels_on_one_workload_have_names_of_their_own() -> None:
    other = [
        replace(
            each, header=replace(each.header, transfer=replace(each.header.transfer, funnel=replace(FUNNEL, share=3)))
        )
        for each in rung(1, FIRST)
    ]
    labels = [each.label for each in judged(rung(1, FIRST), other).workloads]
    assert labels == ["pictures-mini funnel 1", "pictures-mini funnel 2"]


def test_candidates_of_a_funnel_and_of_other_workloads_are_rows_of_one_matrix() -> None:
    words = transferred({"g": rising([0.5, 0.6]), "m": rising([0.6, 0.7])}, WORDS)
    board = judged(words, rung(1, FIRST), rung(2, {"m": 0.5, "adam": 0.6}))
    assert {each.label for each in board.entrants} == {"sgd", "momentum", "adam", "sign-momentum"}
    assert board.across.workloads == ("words-mini",)
    assert set(board.across.left_out) == {"adam", "sign-momentum"}
