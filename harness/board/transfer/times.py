"""How soon candidates reach what tuned ADAM reaches at its end, in training examples (protocol §7).

Each seed has a target of its own: the validation score after the last epoch of ADAM, with the λ of its sweep, from the
same weights and on the same batches. Validation alone decides it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy  # which loads its parts when they are first used

from harness.board.statistics import CONFIDENCE, LEAST_PAIRS, trained
from harness.board.transfer.board import Child, TimeToTarget
from harness.candidates import NamedOptimizer
from harness.contracts import Candidate, Status
from harness.space.zoo import named

ADAM = "adam"  # the rule, as the zoo names it
TORCH_ADAM = ("torch", "Adam")  # with its own options, where the rule was not trained


def adam_of(candidates: Mapping[str, Candidate]) -> str:
    """Return the key of the candidate whose scores are the targets; empty if there is none.

    Args:
        candidates: those that trained to the end, by key.
    """
    rule = named(ADAM).key
    if rule in candidates:
        return rule
    plain = (
        key
        for key, each in candidates.items()
        if isinstance(each, NamedOptimizer) and (each.family, each.name) == TORCH_ADAM and not each.given
    )
    return next(plain, "")


def targets_of(children: Sequence[Child]) -> dict[int, float]:
    """Return ADAM's final validation score by seed; a seed with which it failed has no target."""
    return {each.seed: each.validation for each in children if each.status is Status.OK}


def time_to_target(
    children: Sequence[Child], targets: Mapping[int, float], *, examples: int = 0
) -> TimeToTarget | None:
    """Return how soon a candidate's children reached the targets; None if none of their seeds has one.

    The interval of the median is that of the binomial test, which assumes no distribution: it ends at two of the values
    themselves, so its upper end can be infinite. Fewer than six seeds have none.

    Args:
        children: one a seed.
        targets: the validation score to reach, by seed.
        examples: training examples an epoch; 0 to count epochs.
    """
    timed = [each for each in children if each.seed in targets]
    if not timed:
        return None
    needed = [_epochs(trained(each.status, each.curve), targets[each.seed]) * (examples or 1) for each in timed]
    interval = None
    if len(needed) >= LEAST_PAIRS:  # as with the signs of pairs, fewer cannot reach 95%
        interval = scipy.stats.quantile_test(needed, p=0.5).confidence_interval(CONFIDENCE)
    return TimeToTarget(
        seeds=tuple(each.seed for each in timed),
        needed=tuple(needed),
        median=float(np.median(needed)),
        low=None if interval is None else float(interval.low),
        high=None if interval is None else float(interval.high),
    )


def _epochs(curve: Sequence[float], target: float) -> float:
    """Return the first epoch, from 1, whose score reaches a target; infinity if none does."""
    return next((float(epoch) for epoch, score in enumerate(curve, 1) if score >= target), math.inf)
