"""Outcomes as arrays and back: nothing is lost, and what cannot be held is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.contracts import Outcome, Rule, Status
from harness.errors import DataError
from harness.tasks.child.protocols import QUICK
from harness.tasks.table.grid import NO_COUNT, Grid, Scale

SCALE = Scale.of(QUICK, 10_000)
RULE = Rule.parse("g")
WHOLE = Outcome(
    status=Status.OK,
    score=0.455,
    learning_rate=0.01,
    examples=18_000,
    seconds=0.0,
    sweep=tuple((rate, 0.1) for rate in QUICK.learning_rates),
    curve=(0.3, 0.4, 0.455),
    test=0.4269,
)


def held(*outcomes: Outcome) -> Grid:
    messages = tuple(sorted({"", *(each.message for each in outcomes)}))
    return Grid.of([(RULE, outcomes)], np.zeros((1, len(outcomes))), SCALE, messages)


def counts(of: int) -> st.SearchStrategy[float]:
    return st.integers(0, of).map(lambda count: count / of)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    kept = draw(st.lists(st.booleans(), min_size=7, max_size=7))
    return Outcome(
        status=draw(st.sampled_from(Status)),
        score=draw(counts(1000)),
        learning_rate=draw(st.none() | st.sampled_from(QUICK.learning_rates)),
        examples=draw(st.integers(0, 2**32 - 1)),
        seconds=0.0,
        sweep=tuple((rate, draw(counts(1000))) for rate, keep in zip(QUICK.learning_rates, kept, strict=True) if keep),
        curve=tuple(draw(st.lists(counts(1000), max_size=QUICK.epochs))),
        message=draw(st.text(max_size=5)),
        test=draw(st.none() | counts(10_000)),
    )


@given(st.lists(outcomes(), min_size=1, max_size=4))
def test_what_is_held_is_read_back_exactly(given_: list[Outcome]) -> None:
    grid = held(*given_)
    assert [grid.outcome(0, seed) for seed in range(len(given_))] == given_
    assert grid.scores[0].tolist() == [each.score for each in given_]
    assert [None if np.isnan(each) else each for each in grid.tests[0]] == [each.test for each in given_]


def test_scores_are_counts_of_correct_answers() -> None:
    grid = held(WHOLE, dataclasses.replace(WHOLE, curve=(), test=None))
    assert grid.arrays["score"].dtype == np.uint16
    assert grid.arrays["score"].tolist() == [[455, 455]]
    assert grid.arrays["test"].tolist() == [[4269, NO_COUNT]]
    assert grid.arrays["curve"].tolist() == [[[300, 400, 455], [NO_COUNT] * 3]]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"score": 0.4555}, "expected a share of 1,000 examples, got 0.4555"),
        ({"test": 0.12345}, "expected a share of 10,000 examples, got 0.12345"),
        ({"learning_rate": 0.5}, "expected a learning rate of the sweep, got 0.5"),
        ({"sweep": ((0.5, 0.1),)}, "expected the protocol's learning rates in its sweep"),
        ({"sweep": ((0.1, 0.1), (0.01, 0.1))}, "expected the protocol's learning rates in its sweep, in their order"),
        ({"curve": (0.1,) * 4}, "expected a curve of at most 3 epochs, got 4"),
        ({"examples": 2**32}, "expected fewer than 2^32 examples"),
    ],
)
def test_what_cannot_be_held_exactly_is_refused(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(DataError, match=r"outcome of g: ") as refused:
        held(dataclasses.replace(WHOLE, **changes))
    assert expected in str(refused.value)


def test_more_examples_than_sixteen_bits_count_are_refused() -> None:
    with pytest.raises(DataError, match="expected fewer than 65,535 examples, got 65535"):
        Scale.of(dataclasses.replace(QUICK, validation_examples=65_535), 10_000)
    with pytest.raises(DataError, match="got 70000"):
        Scale.of(QUICK, 70_000)
