"""A search meets one real outcome of each rule, which child seed and key decide."""

from __future__ import annotations

import dataclasses

import pytest

from harness.contracts import Rule, Status
from harness.errors import DataError, ProtocolError
from harness.race.protocols import named
from harness.seeds import derive_seed
from harness.space.counting.small_spaces import SMALL_SPACES, small_space
from harness.tasks.table.lookup import TableTask, replicate_of
from harness.tasks.table.outcome_table import OutcomeTable
from harness.tasks.table.protocols import TableProtocol


def protocol_of(name: str) -> TableProtocol:
    protocol = named(f"table-{name}")
    assert isinstance(protocol, TableProtocol)
    return protocol


@pytest.mark.parametrize("name", SMALL_SPACES)
def test_a_protocol_names_the_table_that_ships(name: str) -> None:
    protocol, table = protocol_of(name), OutcomeTable.shipped(name)
    assert protocol.fingerprint == table.fingerprint
    assert protocol.trained_by == table.protocol.hash == named("quick").hash
    assert protocol.tabled == table.space == small_space(name)
    for head in ("learning_rates", "epochs", "chance", "validation_examples"):
        assert getattr(protocol, head) == getattr(table.protocol, head)


def test_published_races_keep_their_protocols() -> None:
    """Their hashes are in every run that was raced on a table; another content needs another version."""
    assert {name: protocol_of(name).hash for name in SMALL_SPACES} == {
        "broad": "f3e067070451adef",
        "signs": "b7c59a8fc0b14a3e",
        "adaptive": "2c49fac1a68a3e0f",
    }


def test_a_rule_earns_what_one_of_its_replicates_earned_but_for_the_test_score() -> None:
    task, table = TableTask(protocol_of("broad")), OutcomeTable.shipped("broad")
    rules = table.rules[::50]
    for rule, outcome in zip(rules, task.evaluate(rules, seed=5), strict=True):
        replicate = derive_seed(5, "replicate", rule.key) % 3
        assert outcome == dataclasses.replace(table.outcome(rule, replicate), test=None)
        assert table.outcome(rule, replicate).test is not None or outcome.status is not Status.OK


def test_the_replicates_are_met_equally_often_and_independently_of_each_other() -> None:
    keys = OutcomeTable.shipped("signs").own.keys
    of = {seed: [replicate_of(key, seed=seed, replicates=3) for key in keys] for seed in (0, 1)}
    for met in of.values():
        assert all(abs(met.count(each) / len(keys) - 1 / 3) < 0.03 for each in range(3))
    alike = sum(one == other for one, other in zip(of[0], of[1], strict=True)) / len(keys)
    assert abs(alike - 1 / 3) < 0.03


def test_strings_of_one_function_earn_the_same() -> None:
    task = TableTask(protocol_of("broad"))
    one, other = task.evaluate([Rule.parse("g + m"), Rule.parse("m + g")], seed=1)
    assert one == other
    assert one.status is Status.OK


def test_a_rule_that_the_table_lacks_is_an_error_that_says_so() -> None:
    (outcome,) = TableTask(protocol_of("signs")).evaluate([Rule.parse("adam")], seed=0)
    assert (outcome.status, outcome.score, outcome.message) == (Status.ERROR, 0.1, "table signs does not hold adam")


def test_a_table_of_another_content_is_refused() -> None:
    other = dataclasses.replace(protocol_of("signs"), fingerprint="0" * 32)
    with pytest.raises(DataError, match=r"table signs: expected fingerprint 0000.*Install the harness again"):
        TableTask(other)


def test_a_protocol_that_names_no_table_is_refused() -> None:
    with pytest.raises(ProtocolError, match="protocol 'quick' of task table: expected a TableProtocol"):
        TableTask(named("quick"))
