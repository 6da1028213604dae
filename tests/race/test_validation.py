from __future__ import annotations

import dataclasses
import math
import os

import numpy as np
import pytest
from racing import PROTOCOL

from harness.contracts import Outcome, Status
from harness.race.validation import checked

SOUND = Outcome(
    status=Status.OK,
    score=0.5,
    learning_rate=0.1,
    examples=300,
    seconds=1.5,
    sweep=((0.1, 0.4), (1.0, 0.1)),
    curve=(0.4, 0.5),
)


def test_a_sound_outcome_passes_unchanged():
    assert checked(SOUND, PROTOCOL) == SOUND


def test_numbers_of_other_libraries_become_plain():
    strange = dataclasses.replace(
        SOUND,
        score=np.float32(0.5),
        learning_rate=np.float64(0.1),
        examples=np.int64(300),
        curve=[np.float64(0.4), 0.5],
        sweep=[[0.1, 0.4], np.array([1.0, 0.1])],
    )
    plain = checked(strange, PROTOCOL)
    assert plain == SOUND
    assert {type(plain.score), type(plain.learning_rate), type(plain.curve[0])} == {float}
    assert (type(plain.examples), type(plain.curve), type(plain.sweep[0])) == (int, tuple, tuple)


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.ERROR])
@pytest.mark.parametrize("score", [0.9, math.nan])
def test_a_failure_scores_chance_whatever_it_says(status, score):
    failed = checked(dataclasses.replace(SOUND, status=status, score=score), PROTOCOL)
    assert (failed.status, failed.score, failed.examples) == (status, PROTOCOL.chance, 300)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"score": math.nan}, "score of nan"),
        ({"score": 1.0000001}, "score of 1.0000001"),
        ({"score": -0.1}, "score of -0.1"),
        ({"curve": (0.1, math.nan)}, "score of nan"),
        ({"sweep": ((0.1, math.inf),)}, "score of inf"),
        ({"sweep": ((math.nan, 0.1),)}, "not finite"),
        ({"learning_rate": math.inf}, "not finite"),
        ({"seconds": math.nan}, "not finite"),
        ({"score": "high"}, "malformed"),
        ({"score": None}, "malformed"),
        ({"sweep": ((0.1,),)}, "malformed"),
        ({"examples": math.inf}, "malformed"),
        ({"status": "fine"}, "malformed"),
        ({"examples": -1}, "below 0"),
        ({"examples": 2**63}, "above 2^63"),
        ({"examples": 10**5000}, "above 2^63"),
        ({"learning_rate": None}, "no learning rate"),
        ({"learning_rate": 0.3}, "a learning rate of 0.3"),
    ],
)
def test_a_malformed_outcome_is_a_failure_that_says_why(changes, said):
    failed = checked(dataclasses.replace(SOUND, **changes), PROTOCOL)
    assert (failed.status, failed.score) == (Status.ERROR, PROTOCOL.chance)
    assert said in failed.message


def test_the_ends_of_the_scale_are_scores():
    for score in (0.0, 1.0):
        assert checked(dataclasses.replace(SOUND, score=score), PROTOCOL).score == score


def test_the_best_epochs_test_score_and_other_figures_become_plain_numbers():
    given = {"test_at_best": np.float32(0.25), "figures": [["bleu", np.float64(27.5)], ("steps", np.int64(-3))]}
    plain = checked(dataclasses.replace(SOUND, **given), PROTOCOL)
    assert plain == dataclasses.replace(SOUND, test_at_best=0.25, figures=(("bleu", 27.5), ("steps", -3.0)))
    assert {type(plain.test_at_best), *(type(figure) for _, figure in plain.figures)} == {float}
    failed = checked(dataclasses.replace(SOUND, status=Status.DIVERGED, **given), PROTOCOL)
    assert failed.test_at_best == PROTOCOL.chance


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"test_at_best": 1.5}, "score of 1.5"),
        ({"test_at_best": math.nan}, "score of nan"),
        ({"figures": (("bleu", math.inf),)}, "a figure bleu that is not finite"),
        ({"figures": (("bleu", 1.0), ("bleu", 2.0))}, "different short lines"),
        ({"figures": (("", 1.0),)}, "different short lines"),
        ({"figures": (("a\nb", 1.0),)}, "different short lines"),
        ({"figures": (("a\n", 1.0),)}, "different short lines"),
        ({"figures": (("x" * 201, 1.0),)}, "different short lines"),
        ({"figures": (("bleu", "high"),)}, "malformed"),
        ({"figures": (("bleu",),)}, "malformed"),
        ({"figures": 3}, "malformed"),
    ],
)
def test_later_figures_that_no_record_can_hold_are_a_failure_that_says_why(changes, said):
    failed = checked(dataclasses.replace(SOUND, **changes), PROTOCOL)
    assert (failed.status, failed.test_at_best, failed.figures) == (Status.ERROR, None, ())
    assert said in failed.message


@pytest.mark.parametrize(("status", "kept"), [(Status.OK, 0.625), (Status.DIVERGED, 0.1), (Status.ERROR, 0.1)])
def test_a_failure_has_the_test_score_of_chance(status, kept):
    tested = checked(dataclasses.replace(SOUND, status=status, test=np.float32(0.625)), PROTOCOL)
    assert (tested.status, tested.test, type(tested.test)) == (status, kept, float)


@pytest.mark.parametrize("test", [math.nan, 1.5, -0.1])
def test_a_test_score_outside_the_range_is_a_failure(test):
    failed = checked(dataclasses.replace(SOUND, test=test), PROTOCOL)
    assert (failed.status, failed.test) == (Status.ERROR, None)
    assert "outside [0, 1]" in failed.message


def test_a_message_with_stray_bytes_can_be_stored() -> None:
    """Of a file name that is not UTF-8, say: SQLite takes no text with them."""
    message = "No such file: " + os.fsdecode(b"caf\xe9")
    told = Outcome(status=Status.ERROR, score=0.1, learning_rate=None, examples=0, seconds=0.0, message=message)
    assert checked(told, PROTOCOL).message == "No such file: caf\\udce9"
