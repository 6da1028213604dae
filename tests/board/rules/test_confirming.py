"""A confirmation as it is called from Python: planned from searches, retrained, and nothing printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.board.rules.confirming import retrain
from harness.board.rules.judging import rules_boards
from harness.board.rules.known import KNOWN
from harness.board.rules.plan import planned
from harness.contracts import Rule
from harness.errors import LedgerError
from harness.race.protocols import Budget, named
from harness.race.racing import Racer, Setup, compete
from harness.race.store.ledger import Ledger
from harness.space.grammar import Space
from harness.space.zoo import resolve


def test_the_space_of_a_record_is_the_first_edition_that_has_the_rules(tmp_path) -> None:
    """As records of confirmations have had it; decays, which came later, need a later one."""
    with Ledger.open(tmp_path) as ledger:
        spaces = [planned(ledger, [resolve(name)]).space for name in ("powersign", "powersign-ld")]
    off = {"distinct_operands": False, "last_not_add": False, "connected": False}
    assert spaces == [Space.of("arxiv2", blocks=4, **off), Space.of("decays", blocks=4, **off)]


def test_searches_nominate_what_is_retrained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    protocol, told = named("toy-quadratic"), list[str]()
    setup = Setup(space=Space.of(blocks=1), protocol=protocol, budget=Budget.of(3), seeds=(0,), results=tmp_path)
    (search,) = compete([Racer.of("random", children=3)], setup)
    with Ledger.open(tmp_path) as ledger:
        plan = planned(ledger, [Rule.parse("m * exp(g)")], top=1)
        assert (plan.protocol, plan.data, plan.space) == (protocol, search.data, search.space)
        assert len(plan.rules) == len(KNOWN) + 2
        headers = retrain(plan, ledger, seeds=[0], announce=told.append)
        (board,) = rules_boards(ledger.results(), ledger.confirmations())
    assert {each.key for each in board.rules} == {rule.key for rule in plan.rules}
    assert [each.confirmation.searched for each in headers if not each.searches] == [search.comparable]
    assert told[0].startswith(f"confirming {len(plan.rules)} rules")
    assert capsys.readouterr() == ("", "")


def test_without_searches_there_is_nothing_to_nominate(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger, pytest.raises(LedgerError, match="searches to confirm"):
        planned(ledger, top=1)
