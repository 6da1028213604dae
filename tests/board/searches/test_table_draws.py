"""Random search by its table: what is simulated against what can be worked out.

Shares of 10,000 searches have a standard error of 0.005 at most. Bounds are four of them wide, which chance breaks once
in 15,000 times; the seed is fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from tabled import BEST, FAIR, POOR, TIED, truth

from harness.board import statistics
from harness.board.searches.board import Reference, Truth
from harness.board.searches.table_draws import SEARCHES, from_table
from harness.board.tables.truths import truth_of
from harness.race.protocols import Budget, child_seed
from harness.searchers.random_search import RandomSearch
from harness.tasks.table.lookup import TableTask
from harness.tasks.table.protocols import NAMED_TABLE_BROAD

CHANCE = 0.1
CLOSE = 0.02


def drawn(table: Truth, children: int, proposals: int = 0) -> Reference:
    found = from_table(table, Budget(children, proposals or 20 * children), CHANCE)
    assert found.regret is not None
    assert found.regret.searches == SEARCHES
    return found


def test_functions_of_one_string_each_are_draws_without_replacement() -> None:
    scores = [0.5, 0.49, 0.3, 0.2]
    found = drawn(truth(), 4, 400)
    assert found.curve == pytest.approx(statistics.expected_best(scores, children=4), abs=0.005)
    assert found.regret.mean == pytest.approx(0.5 - np.array(found.curve))  # scores are truths here
    assert found.regret.share == pytest.approx((1 / 2, 5 / 6, 1, 1), abs=CLOSE)
    assert (found.regret.ever, found.regret.median) == (1.0, pytest.approx(1.5, abs=0.5))


def test_functions_of_more_strings_come_sooner() -> None:
    """Of 2, 1 and 1 strings; the optimum is among the first two with odds of 1/4 + 1/2·1/2 + 1/4·1/3 = 7/12."""
    worth = {BEST: 0.5, FAIR: 0.3, POOR: 0.2}
    table = truth(worth, strings=(1, 2, 1), scores=((0.5,), (0.3,), (0.2,)), ties=1)
    found = drawn(table, 3, 3_000)
    met = 7 / 12
    assert found.curve[0] == pytest.approx(0.25 * 0.5 + 0.5 * 0.3 + 0.25 * 0.2, abs=0.005)
    assert found.curve[1] == pytest.approx(met * 0.5 + (1 - met) * 0.3, abs=0.005)
    assert found.curve[2] == 0.5
    assert found.regret.share == pytest.approx((1 / 4, met, 1), abs=CLOSE)


def test_a_lucky_replicate_hides_a_better_rule() -> None:
    """The optimum always earns 0.5; the poor rule 0.2 or, every other time, 0.8."""
    table = truth({BEST: 0.5, POOR: 0.2}, strings=(1, 1), scores=((0.5, 0.5), (0.2, 0.8)), ties=1)
    found = drawn(table, 2)
    assert found.regret.share == pytest.approx((0.5, 0.5), abs=CLOSE)
    assert found.regret.mean == pytest.approx((0.15, 0.15), abs=0.006)
    assert found.curve[1] == pytest.approx(0.65, abs=0.006)
    assert found.regret.ever == pytest.approx(0.75, abs=CLOSE), "half begin with it, and half of the others get it"


def test_a_failed_child_is_no_incumbent() -> None:
    table = truth({BEST: 0.5, TIED: 0.49}, strings=(1, 1), scores=((0.5,), (0.1,)), failed=((1, 0),))
    found = drawn(table, 2)
    assert found.regret.mean[0] == pytest.approx(0.5 * (0.5 - CHANCE), abs=0.01)
    assert found.regret.mean[1] == 0.0
    assert found.regret.share == pytest.approx((0.5, 1.0), abs=CLOSE)


def test_the_cap_on_proposals_ends_a_search() -> None:
    """Of 1 and 3 strings, two draws meet the first with odds of 1/4 + 3/4·1/4."""
    table = truth({BEST: 0.5, FAIR: 0.3}, strings=(1, 3), scores=((0.5,), (0.3,)))
    met = 1 / 4 + 3 / 16
    found = drawn(table, 2, 2)
    assert found.curve[1] == pytest.approx(met * 0.5 + (1 - met) * 0.3, abs=0.005)
    assert drawn(table, 2, 2_000).curve[1] == 0.5


def test_with_nothing_left_to_draw_the_curve_stays() -> None:
    found = drawn(truth(), 6)
    assert found.curve[3:] == (0.5, 0.5, 0.5)
    assert found.regret.band[1][3:] == (0.0, 0.0, 0.0)


def test_it_is_what_random_search_earns_on_a_real_table() -> None:
    """Sixty seeds of the real searcher on table broad, within four standard errors."""
    protocol, budget = NAMED_TABLE_BROAD.protocol, Budget.of(20)
    task, table = TableTask(protocol), truth_of(protocol)
    assert table is not None
    areas, held = [], []
    for seed in range(60):
        rules = {rule.key: rule for rule in reversed(RandomSearch(protocol.tabled, seed=seed).ask(60))}
        first = list(reversed(rules.values()))[:20]
        scores = [each.score for each in task.evaluate(first, seed=child_seed(seed, protocol))]
        areas.append(statistics.area(statistics.best_so_far(scores, children=20, chance=protocol.chance)))
        held.append(first[int(np.argmax(scores))].key in table.ties)
    found = from_table(table, budget, protocol.chance)
    error = np.std(areas, ddof=1) / np.sqrt(60)
    assert np.mean(areas) == pytest.approx(found.area.mean, abs=4 * error)
    assert np.mean(held) == pytest.approx(found.regret.share[-1], abs=4 * np.sqrt(0.25 / 60))
