"""The funnel's rule: who goes on from a rung, and by which protocol a rung trains."""

from __future__ import annotations

import dataclasses

import pytest

from harness.board.transfer.promotion import at_rung, funnel, promoted
from harness.contracts import Outcome, Rule, Status, TaskProtocol
from harness.errors import ProtocolError
from harness.race.protocols import child_seed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Far(TaskProtocol):
    """A protocol with a horizon."""

    horizon: int = 0


FAR = Far(name="far", version=1, task="far", learning_rates=(0.1,), epochs=300, chance=0.25)
RULES = [Rule.parse(text) for text in ("g", "m", "v", "sign(g)", "sign(m)", "exp(g)", "exp(m)")]
NAMES = list(map(str, RULES))
FUNNEL = funnel((10, 30, 300), RULES, (0, 1))


def earned(score: float, status: Status = Status.OK) -> Outcome:
    return Outcome(status=status, score=score, learning_rate=0.1, examples=1, seconds=1.0)


def scored(*scores: tuple[float, float]) -> dict[int, dict[str, Outcome]]:
    """Outcomes by seed, from each candidate's scores with the two seeds."""
    return {seed: {name: earned(each[seed]) for name, each in zip(NAMES, scores, strict=False)} for seed in (0, 1)}


def test_the_better_third_goes_on_rounded_up_in_the_order_of_entry() -> None:
    outcomes = scored((0.1, 0.1), (0.5, 0.9), (0.2, 0.2), (0.8, 0.7), (0.0, 0.0), (0.6, 0.7), (0.3, 0.3))
    assert promoted(FUNNEL, NAMES, outcomes) == (NAMES[1], NAMES[3], NAMES[5]), "means 0.7, 0.75 and 0.65 of seven"
    assert promoted(FUNNEL, NAMES[:4], outcomes) == (NAMES[1], NAMES[3])
    assert promoted(FUNNEL, NAMES[:3], outcomes) == (NAMES[1],)
    assert promoted(FUNNEL, NAMES[:1], outcomes) == (NAMES[0],), "the last one goes on whatever it scores"


def test_ties_are_decided_by_the_order_in_which_candidates_entered() -> None:
    outcomes = scored(*[(0.5, 0.5)] * 7)
    assert promoted(FUNNEL, NAMES, outcomes) == tuple(NAMES[:3])
    assert promoted(FUNNEL, NAMES[::-1], outcomes) == tuple(NAMES[:3]), "not by the order of training"
    swapped = scored((0.25, 0.75), (0.75, 0.25), (0.5, 0.5))
    assert promoted(FUNNEL, NAMES[:3], swapped) == (NAMES[0],)


def test_test_scores_and_best_epochs_decide_nothing() -> None:
    outcomes = scored((0.4, 0.4), (0.5, 0.5), (0.1, 0.1))
    for each in outcomes.values():
        each[NAMES[0]] = dataclasses.replace(each[NAMES[0]], test=0.9, test_at_best=0.9, curve=(0.9, 0.4))
    assert promoted(FUNNEL, NAMES[:3], outcomes) == (NAMES[1],)


def test_all_that_decides_is_in_the_record() -> None:
    assert (FUNNEL.rungs, FUNNEL.share, FUNNEL.seeds, FUNNEL.entrants) == ((10, 30, 300), 3, (0, 1), tuple(NAMES))
    assert "mean validation" in FUNNEL.rule
    assert "ties" in FUNNEL.rule


def test_decays_of_every_rung_span_the_whole_training_and_the_last_rung_is_one_without_a_funnel() -> None:
    first, second, last = (at_rung(FAR, FUNNEL, epochs) for epochs in FUNNEL.rungs)
    assert [(each.epochs, each.horizon) for each in (first, second)] == [(10, 300), (30, 300)]  # type: ignore[attr-defined]
    assert last == FAR
    assert len({child_seed(0, each, transfer=True) for each in (first, second, last)}) == 1
    shorter = funnel((10, 30), RULES, (0, 1))
    assert at_rung(FAR, shorter, 30) == dataclasses.replace(FAR, epochs=30)


@pytest.mark.parametrize("rungs", [(), (3,), (3, 3), (3, 1), (1, 3, 2)])
def test_rungs_ascend(rungs: tuple[int, ...]) -> None:
    with pytest.raises(ProtocolError, match="at least two ascending rungs"):
        funnel(rungs, RULES, (0,))


def test_a_protocol_without_a_horizon_has_no_rungs() -> None:
    plain = TaskProtocol(name="plain", version=1, task="plain", learning_rates=(0.1,), chance=0.0)
    with pytest.raises(ProtocolError, match="protocol plain: expected one with a horizon"):
        at_rung(plain, FUNNEL, 10)
