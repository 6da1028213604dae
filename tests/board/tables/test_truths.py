"""What boards read of a table that ships with the harness."""

from __future__ import annotations

import dataclasses
import json

import pytest

from harness.board.tables.figures import true_rules
from harness.board.tables.opening import opened
from harness.board.tables.truths import truth_of
from harness.errors import DataError
from harness.race.protocols import stored
from harness.tasks.child.protocols import QUICK
from harness.tasks.table.protocols import NAMED_TABLE_BROAD

BROAD = NAMED_TABLE_BROAD.protocol


def test_a_stored_protocol_leads_to_the_truth_of_its_table() -> None:
    found, table = truth_of(stored(json.loads(json.dumps(BROAD.spec())))), opened("broad")
    assert found is not None
    rules = true_rules(table)
    assert (found.table, found.fingerprint) == ("broad", BROAD.fingerprint)
    assert found.worth == {key: table.truth(key) for key in table.own.keys}
    assert (found.optimum_key, found.highest) == (rules[0].key, pytest.approx(rules[0].truth))
    assert found.highest == max(found.worth.values())
    assert found.ties == {each.key for each in rules if each.tied}
    assert (found.retrained, found.fresh_seeds) == (200, 10)
    assert int(found.strings.sum()) == table.space.size()
    assert found.scores.shape == found.sound.shape == (len(found.worth), 3)
    assert not found.sound.all()
    assert (found.scores[~found.sound] == BROAD.chance).all()


def test_where_children_are_trained_there_is_no_table() -> None:
    assert truth_of(QUICK) is None


def test_another_content_is_another_table() -> None:
    with pytest.raises(DataError, match=f"table broad: expected fingerprint {'0' * 32}, got {BROAD.fingerprint}"):
        truth_of(dataclasses.replace(BROAD, fingerprint="0" * 32))


def test_a_table_that_is_not_here_is_one_clear_line() -> None:
    with pytest.raises(DataError, match="table: expected one of adaptive, broad, signs, got 'nowhere'"):
        truth_of(dataclasses.replace(BROAD, table="nowhere"))
