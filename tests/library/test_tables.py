"""``harness.table``: what every function of a small space earned."""

from __future__ import annotations

import numpy as np
import pytest

import harness
from harness.errors import DataError, ProtocolError, SettingError, SpaceError
from harness.library.tables import RuleTable
from harness.tasks.table.outcome_table import FOLDER


@pytest.fixture(scope="module")
def broad() -> RuleTable:
    return harness.table("broad")


def test_a_table_knows_rules_scores_and_truth(broad: RuleTable) -> None:
    assert len(broad.rules) == 2_355
    assert broad.optimum.rule.infix == "g + adam"
    assert broad.truth("g + adam") == broad.optimum.truth == max(each.truth for each in broad.retrained)
    assert broad.score("adam + g", 1) == broad.outcome(broad.optimum.rule, 1).score
    assert len(broad.tie_set) == 41


def test_a_rule_without_fresh_seeds_is_worth_the_mean_of_its_replicates(broad: RuleTable) -> None:
    functions = broad.functions
    left = functions.where(retrained=False)
    assert left.rows == 2_355 - len(broad.retrained)
    np.testing.assert_allclose(left["truth"], left["score"], rtol=1e-12)


def test_the_whole_is_there_as_arrays(broad: RuleTable) -> None:
    functions, outcomes = broad.functions, broad.outcomes
    assert functions["strings"].sum() == broad.space.size() == 6_480
    own = outcomes.where(fresh=False)
    assert own.rows == 3 * functions.rows
    np.testing.assert_allclose(own["score"].reshape(-1, 3).mean(1), functions["score"])
    fresh = outcomes.where(fresh=True, key=broad.optimum.key)
    assert fresh.rows == 10
    assert fresh["score"].mean() == pytest.approx(broad.optimum.truth)
    assert functions["tied"].sum() == len(broad.tie_set)


def test_what_a_table_does_not_hold_is_one_clear_line(broad: RuleTable) -> None:
    with pytest.raises(DataError, match="Did you mean 'signs'"):
        harness.table("sings")
    with pytest.raises(SpaceError, match="rule of table broad: expected one of the 2,355 functions"):
        broad.score("g * m + v", 0)
    with pytest.raises(SettingError, match="table broad, replicate: expected 0 to 2, got 3"):
        broad.score("g", 3)
    for replicate in (1.0, True, "0", np.zeros(1)):
        with pytest.raises(ProtocolError, match="table broad, replicate: expected a whole number, got "):
            broad.score("g", replicate)  # type: ignore[arg-type]


def test_a_table_is_named_by_a_text_or_a_path() -> None:
    assert harness.table(FOLDER / "broad.npz").optimum == harness.table("broad").optimum
    for name in (3, None, True, b"broad"):
        with pytest.raises(DataError, match="table: expected one of adaptive, broad, signs, got "):
            harness.table(name)  # type: ignore[arg-type]
