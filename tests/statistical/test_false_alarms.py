"""Equals are called different as rarely as promised; results/studies/statistics has the long run of it."""

from __future__ import annotations

import numpy as np
import pytest

from harness.board.comparison import compare
from harness.board.searches.judging import boards
from harness.contracts import Status
from harness.race.header import SearchHeader
from harness.race.protocols import Budget
from harness.race.runs import Results, RunResults, RunState
from harness.space.grammar import Space
from harness.tasks.child.protocols import QUICK

CHILDREN = 10


def race(rng: np.random.Generator, *, searchers: int, seeds: int, ahead: float = 0.0) -> list[RunResults]:
    """Random searches under several names that share a seed's luck; the first one's scores are raised by ``ahead``."""
    runs = []
    for seed in range(seeds):
        luck = 0.02 * rng.standard_normal()
        for number in range(searchers):
            scores = 0.2 + luck + ahead * (number == 0) + 0.3 * rng.beta(1.2, 2.5, CHILDREN)
            header = SearchHeader(
                searcher=f"searcher-{number}",
                searcher_version=1,
                settings={},
                space=Space.of(blocks=2),
                protocol=QUICK,
                data="synthetic",
                data_fingerprint="f" * 32,
                budget=Budget.of(CHILDREN),
                seed=seed,
                asynchronous=False,
                environment={},
                provenance={},
            )
            results = Results(
                numbers=range(CHILDREN),
                rules=["g m id id mul"] * CHILDREN,
                keys=["g*m"] * CHILDREN,
                charged=[True] * CHILDREN,
                statuses=[Status.OK] * CHILDREN,
                scores=scores.tolist(),
                learning_rates=[0.01] * CHILDREN,
            )
            state = RunState.FINISHED
            runs.append(RunResults(header=header, state=state, active=False, started=0.0, seconds=1.0, results=results))
    return runs


def share_separated(*, races: int, ahead: float) -> float:
    rng, separated = np.random.default_rng(17), 0
    for _ in range(races):
        (board,) = boards(race(rng, searchers=2, seeds=8, ahead=ahead))
        separated += board.rows[0].places == (1, 1)
    return separated / races


@pytest.mark.usefixtures("without_intervals")
def test_from_runs_to_places_equals_share_their_place() -> None:
    # at 8 pairs p ≤ 5% has odds 6/128: 18 alarms in 100 races or more have odds of 3 in 1,000,000
    assert share_separated(races=100, ahead=0.0) < 0.18


@pytest.mark.usefixtures("without_intervals")
def test_from_runs_to_places_a_clear_lead_is_seen() -> None:
    # ahead by four standard deviations of the differences, about: under half of 20 races has odds far below 1e-6
    assert share_separated(races=20, ahead=0.1) > 0.5


@pytest.mark.usefixtures("without_intervals")
def test_over_six_pairs_of_searchers_too_and_only_thanks_to_holm() -> None:
    # four equals, 10 seeds: any alarm has odds of at most 5%, so over 8.5% of 1,000 races odds under 2 in 1,000,000;
    # uncorrected it has odds of about 20%, so under 13% odds under 1 in 1,000,000
    rng, alarms, uncorrected = np.random.default_rng(19), 0, 0
    for _ in range(1000):
        areas = rng.normal(0.4, 0.02, (4, 10)) + rng.normal(0.0, 0.02, 10)
        found = compare({str(name): dict(enumerate(each)) for name, each in enumerate(areas.tolist())}, seed=0)
        alarms += any(each.different for each in found)
        uncorrected += any(each.test.p <= 0.05 for each in found)
    assert alarms < 85
    assert uncorrected > 130
