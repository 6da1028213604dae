from __future__ import annotations

import math

import torch

from harness.space.equivalence import canonical
from harness.space.word import TIMED
from harness.tasks.arithmetic import digest, rules
from harness.tasks.optimizer.kernels import KERNELS, LEVELLED_KERNELS
from harness.tasks.optimizer.program import compile_rule


def test_the_rules_use_every_kernel() -> None:
    used = {instruction.token for rule in rules() for instruction in compile_rule(canonical(rule)).instructions}
    # The canonical form adds what is negated. A decay is a number of Python's, and anneal draws as noise does: they
    # would only change every digest on record.
    assert used >= (KERNELS.keys() | LEVELLED_KERNELS.keys()) - {"sub"} - TIMED


def test_a_digest_is_of_every_bit() -> None:
    numbers = torch.tensor([1.0, -2.0, 0.0])
    whole = digest([numbers, 0.5])
    assert whole == digest([numbers.clone(), 0.5])
    assert len(whole) == 16
    nudged = torch.nextafter(numbers, torch.tensor(math.inf))
    others = [
        nudged,
        numbers.double(),
        numbers.view(1, 3),
        -numbers.neg().abs(),
        numbers * torch.tensor([1.0, 1.0, -1.0]),
    ]
    assert len({whole, *(digest([other, 0.5]) for other in others), digest([numbers, math.nextafter(0.5, 1)])}) == 7
