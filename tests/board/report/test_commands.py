"""The command that the report prints makes the very run again: the same identity."""

from __future__ import annotations

import itertools
import shlex
from dataclasses import replace

import pytest

from harness.board.report.commands import confirming, repeating
from harness.cli import competing
from harness.cli.main import app
from harness.race.protocol import Budget, named
from harness.race.replay import Grounds
from harness.space.grammar import Space


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"searcher": "gp", "settings": {"population": 7, "warm_start": "sgd,m * exp(g)"}},
        {"searcher": "tpe", "settings": {"joint": False}},
        {"space": Space.of("arxiv2", blocks=3, operands=("g", "m"), connected=False)},
        {"space": Space.of(blocks=1, distinct_operands=False, last_not_add=False, connected=False)},
        {"budget": Budget(7, 9), "asynchronous": True},
        {"protocol": named("toy-quadratic")},
    ],
)
def test_the_command_leads_back_to_the_run(run, change, monkeypatch) -> None:
    from typer.testing import CliRunner

    header = run(0.1, **({"protocol": named("quick")} | change)).header
    entrant = competing.Entrant.of(header.searcher, [])
    header = replace(header, settings=dict(entrant.settings) | dict(header.settings))
    seen = []
    monkeypatch.setattr("harness.cli.running.compete", lambda entrants, conditions: seen.append((entrants, conditions)))
    words = shlex.split(repeating(header, [0, 1, 2]))
    assert words[0] == "harness"
    result = CliRunner().invoke(app, words[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    ((entrants, conditions),) = seen
    assert conditions.seeds == (0, 1, 2)
    assert conditions.data == ("auto" if header.protocol.inputs == "none" else header.data)
    grounds = Grounds(header.data, header.data_fingerprint, header.environment)
    assert competing._header(entrants[0], 0, conditions, grounds).identity == header.identity


def test_a_confirmation_names_its_rules(records) -> None:
    header = next(each.header for each in records if each.header.confirmation is not None)
    words = shlex.split(confirming(header, [0, 1, 2]))
    assert words[:4] == ["harness", "confirm", "--seeds", "3"]
    assert [word for flag, word in itertools.pairwise(words) if flag == "--rule"] == list(header.confirmation.rules)
