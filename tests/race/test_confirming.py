"""A confirmation is a run like any other, on seeds of its own, and neither it nor a search serves the other."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from doubles import CountingEngine, rules
from racing import PROTOCOL, FakeTask, Learner, dump, fake_outcome, header, run

from harness.board.rules.known import CONFIRMER, KNOWN, InTurn, known_optimizers, to_confirm
from harness.contracts import Rule, Status
from harness.errors import LedgerError, SpaceError
from harness.race.conditions import conditions_held
from harness.race.engines.engine import TaskSpec, build_task
from harness.race.entry import Source
from harness.race.header import Confirmation, RunHeader, SearchHeader
from harness.race.protocols import Budget, child_seed
from harness.race.runs import RunState
from harness.race.store.archive import encode
from harness.race.store.archive_reading import decode
from harness.race.store.ledger import Ledger
from harness.space.equivalence import key

FEW = tuple(rules(4))


def confirming(
    chosen: tuple[Rule, ...], *, seed: int = 0, searched: str = "", nominated: str = "", **changes: object
) -> RunHeader:
    return header(
        searcher=CONFIRMER,
        settings={},
        seed=seed,
        budget=Budget(len(chosen), len(chosen)),
        confirmation=Confirmation(tuple(map(str, chosen)), searched, nominated),
        **changes,
    )


def confirm(folder: Path, chosen: tuple[Rule, ...], *, seed: int = 0, **options: object):
    return run(folder, confirming(chosen, seed=seed), searcher=InTurn(chosen), **options)  # type: ignore[arg-type]


def test_known_optimizers_come_first_and_a_function_comes_once() -> None:
    twice = [Rule.parse("m * exp(v)"), Rule.parse("exp(v) * m"), Rule.parse("g"), Rule.parse("v * g")]
    chosen = to_confirm(twice)
    assert [each.key for each in chosen[: len(KNOWN)]] == [each.key for each in known_optimizers().values()]
    assert [each.infix for each in chosen[len(KNOWN) :]] == ["m * exp(v)", "v * g"]
    assert len({key(each) for each in chosen}) == len(chosen)


def test_the_list_is_proposed_in_turn_and_then_there_is_nothing_left() -> None:
    listed = InTurn(FEW)
    assert listed.batch == 4
    assert [*listed.ask(3), *listed.ask(3), *listed.ask(3)] == list(FEW)


def test_rules_outside_every_space_are_confirmed_and_others_are_refused(tmp_path: Path) -> None:
    long = to_confirm([])  # of one and of two blocks, where the header's space has one
    summary = confirm(tmp_path, long)
    assert [trial.rule for trial in summary.trials] == list(long)
    made = confirming(FEW[:2])
    with pytest.raises(SpaceError, match="one of the rules to confirm"):
        run(tmp_path, made, searcher=InTurn(FEW[2:]))  # type: ignore[arg-type]


def test_child_seeds_are_those_of_no_search() -> None:
    fresh = {confirming(FEW, seed=seed).child_seed for seed in range(20)}
    searched = {header(seed=seed).child_seed for seed in range(1_000)}
    assert len(fresh) == 20
    assert not fresh & searched
    assert header(seed=3).child_seed == child_seed(3, PROTOCOL), "and a search's stay what they were"
    assert confirming(FEW, seed=3).child_seed == child_seed(3, PROTOCOL, fresh=True)
    assert confirming(FEW[:2], seed=1).child_seed == confirming(FEW, seed=1).child_seed, "paired across lists"


def test_a_header_is_read_back_and_a_search_has_nothing_more_in_it() -> None:
    made = confirming(FEW, searched="abc")
    assert RunHeader.from_json(made.to_json()) == made
    assert "confirmation" not in json.loads(header().to_json())
    assert type(RunHeader.from_json(header().to_json())) is SearchHeader
    broken = json.loads(made.to_json()) | {"confirmation": {"rules": 3}}
    with pytest.raises(LedgerError, match="run header"):
        RunHeader.from_json(json.dumps(broken))


def test_a_header_is_of_one_kind_alone() -> None:
    both = json.loads(confirming(FEW).to_json()) | {"table": "T"}
    with pytest.raises(LedgerError, match="run header"):
        RunHeader.from_json(json.dumps(both))
    pins = {pin.name: getattr(header(), pin.name) for pin in dataclasses.fields(RunHeader)}
    with pytest.raises(TypeError, match="abstract"):
        RunHeader(**pins)
    assert (SearchHeader(**pins), SearchHeader(**pins).kind) == (header(), "search")


def test_who_nominated_and_which_rules_say_which_run_it_is() -> None:
    made = confirming(FEW)
    others = [confirming(FEW[:3]), confirming(FEW[::-1]), confirming(FEW, searched="abc"), confirming(FEW, seed=1)]
    assert len({each.identity for each in (made, *others)}) == 5
    assert header(searcher=CONFIRMER, settings={}, budget=made.budget).identity != made.identity
    assert made.identity == confirming(FEW).identity


def test_how_rules_were_chosen_is_part_of_the_record_and_old_records_stay_as_they_were(tmp_path: Path) -> None:
    old, new = confirming(FEW, searched="abc"), confirming(FEW, searched="abc", nominated="the final best of every run")
    assert json.loads(old.to_json())["confirmation"] == {"rules": list(map(str, FEW)), "searched": "abc"}
    assert json.loads(new.to_json())["confirmation"]["nominated"] == "the final best of every run"
    assert RunHeader.from_json(new.to_json()) == new
    assert new.identity != old.identity
    assert (new.child_seed, new.comparable) == (old.child_seed, old.comparable), "and no score depends on it"
    assert old.identity == "deb47aa4821d7484", "as stored records have it"
    run(tmp_path / "here", new, searcher=InTurn(FEW))  # type: ignore[arg-type]
    archive = Ledger.read(tmp_path / "here").archive(new.identity)
    (tmp_path / "run.jsonl").write_bytes(encode(archive))
    assert decode(tmp_path / "run.jsonl") == archive, "and files take it along"


def test_a_list_that_grew_trains_what_is_new_alone(tmp_path: Path) -> None:
    first, second = CountingEngine(), CountingEngine()
    confirm(tmp_path, FEW[:2], engine=first)
    grown = confirm(tmp_path, (FEW[2], FEW[0], FEW[1]), engine=second)
    assert (first.trained, second.trained) == (2, 1)
    outcomes = {trial.rule: dataclasses.replace(trial.outcome, seconds=0.0) for trial in grown.trials}
    made = confirming(FEW)
    assert outcomes == {rule: fake_outcome(rule.key, made.child_seed) for rule in FEW[:3]}
    sources = [json.loads(line)["source"] for line in dump(tmp_path, grown.header).splitlines()[1:]]
    assert sources == [Source.TRAINED, Source.SHARED, Source.SHARED]


def test_searches_and_confirmations_do_not_serve_each_other(tmp_path: Path) -> None:
    searching, confirming_engine, again = CountingEngine(), CountingEngine(), CountingEngine()
    scripted = header(searcher="doubles:Scripted", settings={})
    run(tmp_path, scripted, searcher=InTurn(FEW), engine=searching)  # type: ignore[arg-type]
    confirm(tmp_path, FEW, engine=confirming_engine)
    other = header(5, searcher="doubles:Scripted", settings={}, seed=1)
    run(tmp_path, other, searcher=InTurn(FEW), engine=again)  # type: ignore[arg-type]
    assert (searching.trained, confirming_engine.trained, again.trained) == (4, 4, 4)


def test_a_replayed_search_takes_nothing_from_a_confirmation(tmp_path: Path) -> None:
    confirm(tmp_path, FEW)
    with pytest.raises(LedgerError, match="none by this protocol"):
        conditions_held(Ledger.read(tmp_path).runs(), PROTOCOL, seeds=[0])


def test_confirmations_are_read_apart(tmp_path: Path) -> None:
    run(tmp_path, header(4), searcher=Learner(header().space, seed=0))
    confirm(tmp_path, FEW, seed=1)
    (found,) = Ledger.read(tmp_path).confirmations()
    assert found.header == confirming(FEW, seed=1)
    assert [trial.rule for trial in found.trials] == list(FEW)
    assert len(Ledger.read(tmp_path).runs()) == 2


def test_a_stopped_confirmation_goes_on_where_it_was(tmp_path: Path) -> None:
    engine = CountingEngine(stop_after=2)
    stopped = confirm(tmp_path, FEW, engine=engine, stop=engine.stop)
    assert (stopped.state, stopped.children) == (RunState.STOPPED, 2)
    rest = CountingEngine()
    assert confirm(tmp_path, FEW, engine=rest).state is RunState.FINISHED
    assert rest.trained == 2
    confirm(tmp_path / "whole", FEW)
    assert dump(tmp_path, stopped.header) == dump(tmp_path / "whole", stopped.header)


class ConfirmingTask(FakeTask):
    def __init__(self, protocol, data, *, test: bool = False) -> None:
        super().__init__(protocol, data)
        self.test = test

    def evaluate(self, rules, *, seed):
        tested = 0.25 if self.test else None
        return [dataclasses.replace(each, test=tested) for each in super().evaluate(rules, seed=seed)]


def test_only_a_task_built_to_confirm_is_asked_for_test_scores(tmp_path: Path) -> None:
    searching, testing = (build_task(ConfirmingTask, PROTOCOL, None, test=test) for test in (False, True))
    assert (searching.test, testing.test) == (False, True)
    assert not hasattr(build_task(FakeTask, PROTOCOL, None, test=True), "test"), "one that has none is built as ever"
    spec = TaskSpec(task="test_confirming:ConfirmingTask", protocol=PROTOCOL)
    assert not spec.test, "a search's spec never asks"
    engine = CountingEngine()
    engine._task = testing
    summary = confirm(tmp_path, FEW, engine=engine)
    assert {trial.outcome.status for trial in summary.trials} >= {Status.OK}
    for trial in Ledger.read(tmp_path).confirmations()[0].trials:
        assert trial.outcome.test == (0.25 if trial.outcome.status is Status.OK else 0.1)
