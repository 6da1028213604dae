"""Mean ranks and performance profiles, against examples worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from transferring import PICTURES, VALLEY, WORDS, ended, rising, transferred

from harness.board.transfer.across import profile
from harness.board.transfer.judging import transfer_boards


def judged(*records):
    (board,) = transfer_boards([each for own in records for each in own])
    return board


def soon(epoch: int | None) -> list:
    """Two children that reach 0.6 in some epoch of three, or never."""
    scores = [0.6 if epoch is not None and each >= epoch else 0.2 for each in (1, 2, 3)]
    return [ended(*scores)] * 2


def test_a_profile_is_the_share_of_workloads_within_a_multiple_of_the_fastest_time() -> None:
    found = profile("x", [1.0, 2.0, 3.0, math.inf])
    assert [found.share(ratio) for ratio in (1, 1.9, 2, 3, 4, 1e9)] == [0.25, 0.25, 0.5, 0.75, 0.75, 0.75]
    assert found.steps == ((1.0, 0.25), (2.0, 0.5), (3.0, 0.75))
    assert found.score == pytest.approx((0.25 * 1 + 0.5 * 1 + 0.75 * 1) / 3)


@pytest.mark.parametrize(("ratios", "score"), [([1.0, 1.0], 1.0), ([math.inf], 0.0), ([4.0], 0.0), ([5.0, 1.0], 0.5)])
def test_the_score_is_the_mean_share_from_1_to_4(ratios: list[float], score: float) -> None:
    assert profile("x", ratios).score == pytest.approx(score)


def test_times_are_compared_with_the_fastest_candidate_of_each_workload() -> None:
    pictures = transferred({"adam": soon(2), "g": soon(1), "m": soon(None)})
    words = transferred({"adam": soon(3), "g": soon(3), "m": soon(1)}, WORDS)
    across = judged(pictures, words).across
    assert across.timed == ("pictures-mini", "words-mini")
    ratios = {each.label: each.ratios for each in across.profiles}
    assert ratios == {"adam": (2.0, 3.0), "sgd": (1.0, 3.0), "momentum": (math.inf, 1.0)}
    scores = {each.label: each.score for each in across.profiles}
    # adam: half from 2 on, all from 3 on; sgd: half from 1 on, all from 3 on; momentum: half from 1 on
    assert scores == pytest.approx({"adam": (0.5 + 1.0) / 3, "sgd": (0.5 * 2 + 1.0) / 3, "momentum": 0.5})
    assert [each.label for each in across.profiles] == ["sgd", "adam", "momentum"]


def test_the_mean_rank_is_over_workloads_and_equal_means_share_a_rank() -> None:
    first = transferred({"g": rising([0.7]), "m": rising([0.5]), "adam": rising([0.5])})
    second = transferred({"g": rising([0.2]), "m": rising([0.3]), "adam": rising([0.4])}, WORDS)
    ranks = {each.label: (each.mean, each.ranks) for each in judged(first, second).across.ranks}
    assert ranks == {"sgd": (2.0, (1.0, 3.0)), "momentum": (2.25, (2.5, 2.0)), "adam": (1.75, (2.5, 1.0))}
    assert [each.label for each in judged(first, second).entrants] == ["adam", "sgd", "momentum"]


def test_only_workloads_count_that_all_compared_candidates_finished() -> None:
    two = {"g": rising([0.7]), "m": rising([0.5])}
    records = (transferred(two | {"adam": rising([0.6])}), transferred(two, WORDS), transferred(two, VALLEY))
    board = judged(*records)
    assert board.across.workloads == ("pictures-mini", "valley", "words-mini")
    assert {each.label for each in board.across.ranks} == {"sgd", "momentum"}
    assert board.across.left_out == ("adam",)
    assert any("left out: adam" in note for note in board.notes)
    assert [each.label for each in board.entrants][-1] == "adam"
    assert board.across.timed == ("pictures-mini",), "ADAM, whose scores are the targets, finished that one only"


def test_the_candidates_are_compared_that_give_the_most_results() -> None:
    """Two on three workloads are six results; six on two of them are twelve."""
    two = {"g": rising([0.7]), "m": rising([0.5])}
    six = two | {text: rising([0.6]) for text in ("adam", "rmsprop", "sign(g)", "sign(m)")}
    board = judged(transferred(six), transferred(six, WORDS), transferred(two, VALLEY))
    assert (len(board.across.ranks), board.across.workloads) == (6, ("pictures-mini", "words-mini"))
    assert board.across.left_out == ()


def test_two_on_one_workload_are_ranked_though_one_finished_many_more() -> None:
    """More workloads with one candidate alone took the ranks away."""
    three = {"adam": rising([0.7]), "g": rising([0.6]), "m": rising([0.5])}
    others = [replace(PICTURES, name=f"p{number}", task=f"p{number}") for number in range(4)]
    board = judged(transferred(three), *(transferred({"adam": rising([0.7])}, each) for each in others))
    assert board.across is not None
    assert (board.across.workloads, len(board.across.ranks)) == (("pictures-mini",), 3)


def test_means_that_differ_by_rounding_alone_share_a_rank() -> None:
    assert sum((0.1, 0.2, 0.3)) / 3 != sum((0.3, 0.2, 0.1)) / 3
    across = judged(transferred({"g": rising([0.1, 0.2, 0.3], gap=0.0), "m": rising([0.3, 0.2, 0.1], gap=0.0)})).across
    assert [each.mean for each in across.ranks] == [1.5, 1.5]


def test_a_task_counts_once_by_the_column_with_the_most_children() -> None:
    two = {"g": rising([0.7, 0.7]), "m": rising([0.5, 0.5])}
    large = replace(PICTURES, name="pictures")
    board = judged(transferred({"g": rising([0.1]), "m": rising([0.2])}, large), transferred(two, started=9.0))
    assert len(board.workloads) == 2
    assert board.across.workloads == ("pictures-mini",)
    assert any("pictures does not count there" in note for note in board.notes)


def test_one_candidate_alone_is_not_ranked() -> None:
    assert judged(transferred({"g": rising([0.7])})).across is None
