"""Searching a store of evaluations: what is held is used, what is not is refused, and the run goes on afterwards."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from doubles import Scripted, rules
from racing import PROTOCOL, SPACE, Learner, dump, fake_outcome, header, run

from harness.errors import EngineError, LedgerError
from harness.race.conditions import conditions_held
from harness.race.engines.replay import ReplayEngine
from harness.race.header import RunHeader
from harness.race.loop import search
from harness.race.runs import RunRecord, RunState
from harness.race.store.ledger import Ledger

UNFAILING = 4  # a seed whose search of 10 children meets no error


def replay(folder: Path, made: RunHeader, searcher: object):
    with Ledger.open(folder) as ledger:
        return search(made, searcher, ReplayEngine(ledger, [made]), ledger)  # type: ignore[arg-type]


def record(folder: Path, made: RunHeader) -> RunRecord:
    (found,) = [each for each in Ledger.read(folder).runs() if each.header.identity == made.identity]
    return found


def scripted(**changes: object) -> RunHeader:
    return header(searcher="doubles:Scripted", settings={}, **changes)


def test_what_another_run_trained_is_replayed_without_training(tmp_path: Path) -> None:
    chosen = rules(6)
    trained, replayed = scripted(), scripted(searcher_version=1, children=4)
    run(tmp_path, trained, searcher=Scripted(chosen))  # type: ignore[arg-type]
    summary = replay(tmp_path, replayed, Scripted(chosen[::-1], batch=2))
    assert (summary.state, summary.children, summary.trained) == (RunState.FINISHED, 4, 0)
    scores = {trial.rule: trial.outcome for trial in record(tmp_path, trained).trials}
    assert [trial.outcome for trial in record(tmp_path, replayed).trials] == [scores[each] for each in chosen[:1:-1]]


def test_what_the_store_lacks_is_refused_and_the_rest_is_kept(tmp_path: Path) -> None:
    first, second, third, strange, other = rules(5)
    run(tmp_path, scripted(), searcher=Scripted([first, second, third]))  # type: ignore[arg-type]
    made, script = scripted(children=5), [first, strange, second, other, third]
    with pytest.raises(EngineError) as refused:
        replay(tmp_path, made, Scripted(script, batch=5))
    said = str(refused.value)
    assert said.count("\n") == 0
    assert said.startswith(f"replay of rule {strange.infix} ({strange}): expected its evaluation in the store")
    assert "protocol fake v1, data none (none), seed 0" in said
    assert "nor for 1 more" in said
    assert "--evaluator train" in said
    kept = record(tmp_path, made)
    assert (kept.standing, [trial.rule for trial in kept.trials]) == ("stopped", [first, second, third])
    before = dump(tmp_path, made)
    with pytest.raises(EngineError, match="replay of rule"):
        replay(tmp_path, made, Scripted(script, batch=5))
    assert dump(tmp_path, made) == before
    summary = run(tmp_path, made, searcher=Scripted(script, batch=5))  # type: ignore[arg-type]
    assert (summary.state, summary.children) == (RunState.FINISHED, 5)


def test_a_refused_run_goes_on_once_another_has_trained_what_it_lacked(tmp_path: Path) -> None:
    first, second = rules(2)
    run(tmp_path, scripted(), searcher=Scripted([first]))  # type: ignore[arg-type]
    made = scripted(children=2)
    with pytest.raises(EngineError):
        replay(tmp_path, made, Scripted([first, second]))
    run(tmp_path, scripted(children=7), searcher=Scripted([second]))  # type: ignore[arg-type]
    summary = replay(tmp_path, made, Scripted([first, second]))
    assert (summary.state, summary.children) == (RunState.FINISHED, 2)


def test_a_searcher_that_learns_finds_the_same_as_when_it_trained(tmp_path: Path) -> None:
    trained, replayed = header(10, seed=UNFAILING), header(10, seed=UNFAILING, settings={"batch": 3, "again": True})
    run(tmp_path, trained)
    replay(tmp_path, replayed, Learner(replayed.space, seed=UNFAILING))
    assert len({trial.outcome.score for trial in record(tmp_path, trained).trials}) > 5
    assert record(tmp_path, replayed).trials == record(tmp_path, trained).trials


def test_a_child_that_failed_by_error_is_not_replayed(tmp_path: Path) -> None:
    draws, made = Learner(SPACE, seed=1), scripted(children=1)
    failing = next(
        rule for rule in iter(lambda: draws.ask(1)[0], None) if fake_outcome(rule.key, made.child_seed).message
    )
    run(tmp_path, scripted(), searcher=Scripted([failing]))  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="got none"):  # another hour may do better
        replay(tmp_path, made, Scripted([failing]))


@pytest.fixture
def store(tmp_path: Path) -> list[RunRecord]:
    """Runs of two seeds by one protocol on one data set."""
    for seed in (2, 5):
        run(tmp_path, scripted(seed=seed), searcher=Scripted(rules(3, seed=seed)))  # type: ignore[arg-type]
    return Ledger.read(tmp_path).runs()


def test_the_grounds_are_those_that_the_store_holds(store) -> None:
    (found,) = conditions_held(store, PROTOCOL, seeds=[5])
    assert (found.data, found.fingerprint, dict(found.environment)) == ("none", "none", {"fake": "1"})


@pytest.mark.parametrize(
    ("changes", "seeds", "said"),
    [
        ({"name": "else"}, [2], "none with this protocol"),
        ({}, [3, 4], "seed 3, 4 in the store, got only those of seed 2, 5"),
    ],
)
def test_what_is_not_held_is_said(store, changes, seeds, said) -> None:
    with pytest.raises(LedgerError, match=said):
        conditions_held(store, dataclasses.replace(PROTOCOL, **changes), seeds=seeds)


def changed(record: RunRecord, **changes: object) -> RunRecord:
    return dataclasses.replace(record, header=dataclasses.replace(record.header, **changes))


def on_images(record: RunRecord, name: str, fingerprint: str) -> RunRecord:
    return changed(record, data=name, data_fingerprint=fingerprint)


def test_of_several_data_sets_one_must_be_named(store) -> None:
    protocol = dataclasses.replace(PROTOCOL, inputs="images")
    alike = [changed(each, protocol=protocol) for each in store if each.header.seed == 2]
    records = [
        on_images(alike[0], "photos", "aaaa1111"),
        on_images(alike[0], "photos", "bbbb2222"),
        on_images(alike[0], "drawings", "cccc3333"),
    ]
    with pytest.raises(LedgerError, match=r"got drawings \(cccc3333\), photos \(aaaa1111\), photos \(bbbb2222\)"):
        conditions_held(records, protocol, seeds=[2])
    with pytest.raises(LedgerError, match="--data"):
        conditions_held(records, protocol, seeds=[2], data="photos")
    for data, fingerprint in (("drawings", "cccc3333"), ("bbbb", "bbbb2222")):
        (found,) = conditions_held(records, protocol, seeds=[2], data=data)
        assert found.fingerprint == fingerprint
    with pytest.raises(LedgerError, match=r"only those on data drawings \(cccc3333\)"):
        conditions_held(records[2:], protocol, seeds=[2], data="photos")


def test_of_several_environments_the_best_represented_comes_first(store) -> None:
    run_of_two = next(each for each in store if each.header.seed == 2)
    other = changed(run_of_two, environment={"fake": "2"})
    shorter = dataclasses.replace(run_of_two, trials=run_of_two.trials[:1])
    for records in ([shorter, other], [other, shorter]):
        found = conditions_held(records, PROTOCOL, seeds=[2])
        assert [each.environment["fake"] for each in found] == ["2", "1"]
