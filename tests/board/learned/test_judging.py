"""Final figures and places of comparisons, worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from comparing import BEST, LSTM, MIDDLE, WORST, comparison, conditions, entrant

from harness.board.learned.judging import board
from harness.board.learned.record import LARGEST, Comparison


def test_candidates_are_placed_by_tests_of_log_finals() -> None:
    (found,) = board([comparison({"sgd": WORST, "lstm": BEST, "adam": MIDDLE})]).problems
    assert [(each.label, each.places) for each in found.results] == [
        ("lstm", (1, 1)),
        ("adam", (2, 2)),
        ("sgd", (3, 3)),
    ]
    assert all(pair.adjusted == pytest.approx(3 * 2 / 2**8) for pair in found.pairs)  # eight of eight, three pairs
    assert [each.tuned for each in found.results] == [False, True, True]
    first = found.results[0]
    assert (first.mean.mean, first.median) == (pytest.approx(np.mean(BEST)), pytest.approx(np.median(BEST)))
    assert first.log.mean == pytest.approx(np.mean(np.log10(BEST)))
    assert first.mean.low is not None
    assert first.mean.low < first.mean.mean < first.mean.high
    assert found.divisor == 10


def test_a_pair_that_is_not_separated_shares_its_places() -> None:
    turns = [end * (1.5 if place % 2 else 1 / 1.5) for place, end in enumerate(MIDDLE)]
    (found,) = board([comparison({"adam": MIDDLE, "momentum": turns, "sgd": WORST})]).problems
    places = {each.label: each.places for each in found.results}
    assert places == {"adam": (1, 2), "momentum": (1, 2), "sgd": (3, 3)}


def test_one_hard_problem_decides_the_mean_and_not_the_places() -> None:
    ends = [*BEST[:-1], 1_000.0]
    (found,) = board([comparison({"lstm": ends, "adam": [*MIDDLE[:-1], 1_100.0]})]).problems
    assert found.results[0].label == "lstm"
    assert found.results[0].mean.mean > 100
    assert found.pairs[0].different


def test_a_problem_that_diverged_counts_with_the_largest_number() -> None:
    (found,) = board([comparison({"adam": MIDDLE, "sgd": [*WORST[:6], math.inf, math.nan]})]).problems
    last = found.results[1]
    assert (last.label, last.diverged) == ("sgd", 2)
    assert last.mean.mean == math.inf
    assert (last.mean.low, last.mean.high) == (None, None)
    assert math.isfinite(last.median)
    assert last.log.mean == pytest.approx(np.mean(np.log10([*WORST[:6], LARGEST, LARGEST])))
    assert found.results[0].places == (1, 1)


def test_a_final_value_of_zero_is_clipped_like_one_that_diverged() -> None:
    (found,) = board([comparison({"adam": [0.0] * 8, "sgd": [math.inf] * 8})]).problems
    assert [each.label for each in found.results] == ["adam", "sgd"]
    assert found.results[0].log.mean == pytest.approx(-37.9, abs=0.1)
    assert found.results[1].median == math.inf


def test_too_few_problems_are_not_compared() -> None:
    (found,) = board([comparison({"adam": MIDDLE[:5], "sgd": WORST[:5]})]).problems
    assert [(each.compared, each.places) for each in found.results] == [(False, (1, 2)), (False, (1, 2))]


def test_names_are_told_apart() -> None:
    made = comparison({"lstm": BEST}, problems="mnist")
    both = made.with_entrant(entrant("lstm", MIDDLE, record=LSTM.replace("0123456789", "fedcba9876")))
    again = comparison({"adam": MIDDLE}, problems="mnist", seed=1)
    found = board([both, again])
    assert found.labels == ("lstm 012345", "lstm fedcba", "adam")
    assert [each.label for each in found.problems] == [
        f"mnist, seed 0, 8 problems, 4 steps ({made.conditions.identity})",
        f"mnist, seed 1, 8 problems, 4 steps ({again.conditions.identity})",
    ]
    assert {each.divisor for each in found.problems} == {1}


def test_weights_in_a_file_are_called_by_the_file() -> None:
    def of(folder: str, weights: str) -> str:
        return f"learned:file(path='{folder}/mine-2.safetensors';weights='{weights}')"

    name = "learned file(path='some/where/mine-2.safetensors')"
    one = comparison({"lstm": BEST}).with_entrant(entrant(name, MIDDLE, record=of("some/where", "0123456789abcdef")))
    assert board([one]).labels == ("lstm", "lstm mine-2")
    two = one.with_entrant(entrant("learned file(…)", WORST, record=of("else/where", "fedcba9876543210")))
    assert board([two]).labels == ("lstm", "lstm mine-2 012345", "lstm mine-2 fedcba")


def test_revisions_and_processors_are_named_once() -> None:
    made = Comparison(conditions=conditions())
    for name, commit in (("adam", "a"), ("sgd", "b"), ("momentum", "a")):
        made = made.with_entrant(entrant(name, MIDDLE, commit=commit))
    found = board([made])
    assert (found.commits, found.hardware) == (("a", "b"), ("a processor",))
