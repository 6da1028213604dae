"""How soon candidates reach what tuned ADAM ends with, against examples worked by hand."""

from __future__ import annotations

import math

import pytest
from transferring import PICTURES, VALLEY, ended, failed, rising, transferred

from harness.board.transfer.judging import transfer_boards
from harness.board.transfer.pages import page


def judged(outcomes, protocol=PICTURES):
    (board,) = transfer_boards(transferred(outcomes, protocol))
    (workload,) = board.workloads
    return workload, board


ADAM = [ended(0.3, 0.5, 0.6), ended(0.3, 0.7, 0.5), ended(0.2, 0.3, 0.4)]


def test_each_seed_has_the_target_with_which_adam_ended() -> None:
    workload, _ = judged({"adam": ADAM, "g": [ended(0.6, 0.1, 0.1), ended(0.4, 0.5, 0.6), ended(0.1, 0.1, 0.39)]})
    assert workload.adam == "adam"
    assert workload.targets == ((0, 0.6), (1, 0.5), (2, 0.4))
    time = workload.of("sgd").time
    assert time.needed == (100, 200, math.inf), "in training examples; equal is enough, and just below is not"
    assert (time.reached, time.median) == (2, 200)
    own = workload.of("adam").time
    assert own.needed == (300, 200, 300), "it overshot with seed 1 before it ended"
    assert (own.reached, own.median) == (3, 300)


def test_the_chance_by_which_a_failure_ends_reaches_nothing() -> None:
    low = [ended(0.05, 0.07, 0.09)] * 3  # below chance, which is 0.1
    workload, _ = judged({"adam": low, "g": [failed(PICTURES, 0.05)] * 3, "m": [failed(PICTURES, 0.095)] * 3})
    assert workload.of("sgd").time.needed == (math.inf,) * 3
    assert workload.of("momentum").time.needed == (100,) * 3, "before it failed"


def test_a_median_over_seeds_that_never_reached_it_is_never() -> None:
    outcomes = {"adam": rising([0.6] * 4), "g": [*rising([0.7] * 2), *rising([0.5] * 2)]}
    workload, board = judged(outcomes)
    time = workload.of("sgd").time
    assert (time.reached, time.median) == (2, math.inf), "half of them is not enough"
    (table,) = [each for each in page(board).tables if "until validation reaches" in each.title]
    assert table.rows == (("300", "4 of 4", "adam"), ("never", "2 of 4", "sgd"))


def test_the_interval_of_the_median_ends_at_order_statistics_and_can_be_infinite() -> None:
    adam = rising([0.6] * 8)
    reached = [ended(0.6, 0.6, 0.6)] * 3 + [ended(0.1, 0.6, 0.6)] * 3 + [ended(0.1, 0.1, 0.6), ended(0.1, 0.1, 0.1)]
    workload, _ = judged({"adam": adam, "g": reached})
    time = workload.of("sgd").time
    assert time.needed == (100, 100, 100, 200, 200, 200, 300, math.inf)
    # with 8 seeds, the 1st and the 8th value: P(binomial(8, 1/2) in 1 … 7) = 0.992; the 2nd and the 7th give 0.930
    assert (time.low, time.median, time.high) == (100, 200, math.inf)


@pytest.mark.parametrize(("seeds", "known"), [(5, False), (6, True)])
def test_fewer_than_six_seeds_give_no_interval(seeds: int, known: bool) -> None:
    workload, _ = judged({"adam": rising([0.6] * seeds), "g": rising([0.7] * seeds)})
    time = workload.of("sgd").time
    assert (time.low is not None, time.high is not None) == (known, known)


def test_a_seed_with_which_adam_failed_has_no_target() -> None:
    workload, board = judged({"adam": [*ADAM[:2], failed(PICTURES, 0.5)], "g": rising([0.7] * 3)})
    assert [seed for seed, _ in workload.targets] == [0, 1]
    assert workload.of("sgd").time.seeds == (0, 1)
    assert any("adam failed or is missing on seeds 2, which have no target" in note for note in board.notes)


def test_torchs_adam_stands_in_for_the_rule_and_only_with_its_own_options() -> None:
    workload, _ = judged({"torch:Adam": ADAM, "g": ADAM})
    assert workload.adam == "torch Adam"
    workload, board = judged({"torch:Adam(eps=0.1)": ADAM, "g": ADAM})
    assert (workload.adam, workload.targets, workload.of("sgd").time) == ("", (), None)
    assert any("no target" in note for note in board.notes)
    workload, _ = judged({"torch:Adam": ADAM, "adam": rising([0.9] * 3)})
    assert workload.adam == "adam", "the rule comes first"


def test_epochs_are_counted_where_the_protocol_does_not_say_how_many_examples_one_has() -> None:
    workload, board = judged({"adam": ADAM, "g": [ended(0.6, 0.6, 0.6)] * 3}, VALLEY)
    assert (workload.unit, workload.of("sgd").time.needed) == ("epochs", (1, 1, 1))
    assert any(each.title.startswith("valley: epochs until") for each in page(board).tables)


def test_a_child_that_reached_the_target_and_then_diverged_did_reach_it() -> None:
    workload, _ = judged({"adam": rising([0.6]), "g": [failed(PICTURES, 0.7)]})
    assert workload.of("sgd").time.needed == (100,)
