"""Every way of computing knows every primitive, so that a word that is made of them needs no code of its own."""

from __future__ import annotations

import pytest

from harness.space.canonical import factors, facts
from harness.space.counting import probe, rounding
from harness.space.word import LEVELLED, PRIMITIVES, TIMED
from harness.tasks.optimizer.kernels import KERNELS, LEVELLED_KERNELS

GIVEN = ("g", "w", "noise", "mean", "unbias", "rms", *TIMED)
STATE = {name for name in PRIMITIVES if name.partition("_")[0] in GIVEN}


def test_there_is_a_kernel_for_each_primitive() -> None:
    assert KERNELS.keys() | LEVELLED_KERNELS.keys() == PRIMITIVES
    assert LEVELLED_KERNELS.keys() == LEVELLED


@pytest.mark.parametrize("functions", [probe.FUNCTIONS, rounding.FUNCTIONS, facts.INTERVALS])
def test_numbers_and_bounds_are_computed_by_each_primitive_without_state(functions: dict[str, object]) -> None:
    assert functions.keys() == PRIMITIVES - STATE


def test_constants_are_folded_by_each_primitive_that_is_certain() -> None:
    assert factors.FUNCTIONS.keys() == PRIMITIVES - STATE - {"drop"}
