"""A table of four rules whose worth is known, for boards over a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.board.searches.board import Truth
from harness.contracts import Outcome, Rule, Status, Trial

BEST, TIED, FAIR, POOR = map(Rule.parse, ("g m id id mul", "g v id id mul", "g 1 id exp mul", "m v id id mul"))
WORTH = {BEST: 0.5, TIED: 0.49, FAIR: 0.3, POOR: 0.2}


def truth(
    worth: Mapping[Rule, float] = WORTH,
    *,
    strings: tuple[int, ...] = (1, 1, 1, 1),
    scores: tuple[tuple[float, ...], ...] = ((0.5,), (0.49,), (0.3,), (0.2,)),
    failed: tuple[tuple[int, int], ...] = (),
    ties: int = 2,
) -> Truth:
    """What is known of a table: the first rule is its optimum, which so many of the first rules tie with."""
    first, *_ = worth
    sound = np.ones((len(scores), len(scores[0])), dtype=bool)
    for place in failed:
        sound[place] = False
    return Truth(
        table="hand",
        fingerprint="f" * 32,
        worth={rule.key: value for rule, value in worth.items()},
        optimum=first,
        optimum_key=first.key,
        ties=frozenset(rule.key for rule in list(worth)[:ties]),
        retrained=ties,
        fresh_seeds=10,
        strings=np.array(strings),
        scores=np.array(scores),
        sound=sound,
    )


def trials(*tried: tuple[Rule, float] | tuple[Rule, float, str]) -> tuple[Trial[Rule], ...]:
    """Children in order: rule and score, and ``free`` for a repeat that is not charged, ``diverged`` for a failure."""
    made = []
    for index, (rule, score, *how) in enumerate(tried):
        status = Status.DIVERGED if "diverged" in how else Status.OK
        outcome = Outcome(status=status, score=score, learning_rate=0.01, examples=1, seconds=1.0)
        made.append(Trial(index, rule, outcome, charged="free" not in how))
    return tuple(made)
