"""The command that the report prints makes the very run again: the same identity."""

from __future__ import annotations

import itertools
import shlex
from dataclasses import replace

import pytest
from confirming import confirmed

from harness.board.report.commands import confirming, repeating
from harness.board.report.document import report
from harness.board.report.page import render
from harness.board.rules.known import candidate
from harness.cli.main import app
from harness.race.conditions import Conditions
from harness.race.protocols import Budget, named
from harness.race.racing import Racer
from harness.race.store.ledger import Ledger
from harness.registry import Kind, load
from harness.settings import complete
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
    racer = Racer.of(header.searcher, [], children=header.budget.children)
    header = replace(header, settings=dict(racer.settings) | dict(header.settings))
    seen = []
    monkeypatch.setattr("harness.cli.running._compete", lambda racers, setup, *, quiet: seen.append((racers, setup)))  # noqa: ARG005
    words = shlex.split(repeating(header, [0, 1, 2]))
    assert words[0] == "harness"
    result = CliRunner().invoke(app, words[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (((racer,), setup),) = seen
    assert setup.seeds == (0, 1, 2)
    assert setup.data == ("auto" if header.protocol.inputs == "none" else header.data)
    conditions = Conditions(header.protocol, header.data, header.data_fingerprint, header.environment)
    assert racer.header(0, setup, conditions).identity == header.identity


def test_a_protocol_that_was_named_by_module_and_attribute_is_so_again(tmp_path) -> None:
    from typer.testing import CliRunner

    own = ("--protocol", "harness.tasks.toy.protocols:TOY_QUADRATIC", "--seeds", "0")
    elsewhere = ("--workers", "1", "--quiet", "--results", str(tmp_path))
    commands = {
        repeating: ("run", "--searcher", "random", "--children", "2"),
        confirming: ("confirm", "--rule", "g * v"),
    }
    for command in commands.values():
        result = CliRunner().invoke(app, [*command, *own, *elsewhere], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    (search,) = [record.header for record in Ledger.read(tmp_path).results() if record.header.searches]
    (confirmation,) = [record.header for record in Ledger.read(tmp_path).confirmations()]
    for header, again in ((search, repeating), (confirmation, confirming)):
        words = shlex.split(again(header, [0]))
        assert ("--protocol", own[1]) in itertools.pairwise(words)


@pytest.mark.parametrize(("searcher", "kept"), [("rl", {"initial": 10}), ("rl+gp", {"initial": 10}), ("gp", {})])
def test_a_start_up_that_an_old_record_leaves_open_is_written_out(run, searcher, kept) -> None:
    """A command of today would lower it: the proposals would be others."""
    factory = load(Kind.SEARCHER, searcher)
    settings = complete(factory, {})  # as records were before budgets lowered them
    header = run(0.1, searcher=searcher, searcher_version=factory.version, settings=settings).header
    small = shlex.split(repeating(replace(header, budget=Budget.of(12)), [0]))
    racer = Racer.of(searcher, [word for flag, word in itertools.pairwise(small) if flag == "--set"], children=12)
    assert racer.settings == settings | kept
    large = shlex.split(repeating(replace(header, budget=Budget.of(50)), [0]))
    assert ("initial=10" in large) == ("initial" in settings)


def test_a_confirmation_of_rules_named_by_hand_is_made_again(tmp_path) -> None:
    from typer.testing import CliRunner

    own = ("--rule", "g * v", "--seeds", "0-1", "--protocol", "toy-quadratic")
    elsewhere = ("--workers", "1", "--quiet", "--results", str(tmp_path))
    CliRunner().invoke(app, ["confirm", *own, *elsewhere], catch_exceptions=False)
    before = Ledger.read(tmp_path).confirmations()
    command = confirming(before[0].header, [each.header.seed for each in before])
    result = CliRunner().invoke(app, [*shlex.split(command)[1:], *elsewhere], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert len(before) == 2
    assert Ledger.read(tmp_path).confirmations() == before


def test_the_page_says_where_a_command_makes_other_runs(run) -> None:
    search = run(0.4, 0.9)
    by_hand = confirmed(search.header, {"m": [0.6]})
    nominated = confirmed(search.header, {"m": [0.6]}, searched=search.header.comparable)
    remark = "Searches nominated these rules."
    assert remark not in render(report([search, *by_hand]))
    assert render(report([search, *by_hand, *nominated])).count(remark) == 1


def test_the_device_is_named_where_it_is_no_processor(run) -> None:
    header = run(0.1, environment={"device": "NVIDIA H100 80GB HBM3, CUDA 13.0"}).header
    (record,) = confirmed(header, {"m": [0.6]})
    for command in (confirming(record.header, [0]), repeating(header, [0])):
        assert shlex.split(command)[-2:] == ["--device", "cuda"]
    assert "--device" not in confirming(replace(record.header, environment={"device": "cpu"}), [0])


def test_a_confirmation_names_its_rules(records) -> None:
    header = next(each.header for each in records if not each.header.searches)
    words = shlex.split(confirming(header, [0, 1, 2]))
    assert words[:4] == ["harness", "confirm", "--seeds", "0-2"]
    assert [word for flag, word in itertools.pairwise(words) if flag == "--rule"] == list(header.confirmation.rules)


def test_a_confirmation_names_other_optimizers_by_the_options_that_were_given(run) -> None:
    (record,) = confirmed(run(0.1).header, {"m": [0.6], "torch:AdamW(weight_decay=0.1)": [0.7], "torch:SGD": [0.5]})
    words = shlex.split(confirming(record.header, [0]))
    given = [word for flag, word in itertools.pairwise(words) if flag == "--candidate"]
    assert given == ["torch:AdamW(weight_decay=0.1)", "torch:SGD"]
    assert [str(candidate(text)) for text in given] == list(record.header.confirmation.rules[1:]), "as the same record"
