"""Confirmations with candidates that are no rules: in the store, in files, resumed, and never mixed up with rules."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from doubles import CountingEngine, Scripted, rules
from racing import PROTOCOL, FakeTask, dump, fake_outcome, header, run

from harness.board.rules.known import CONFIRMER, InTurn, to_confirm
from harness.candidates import NamedOptimizer
from harness.contracts import Candidate, Status
from harness.errors import EngineError, LedgerError, SearcherError, SpaceError
from harness.race.engines.engine import TaskSpec, build_task
from harness.race.header import Confirmation, RunHeader
from harness.race.protocols import Budget, child_seed
from harness.race.runs import RunState
from harness.race.store.archive import encode
from harness.race.store.archive_reading import decode
from harness.race.store.ledger import Ledger

DEFAULTS = (("betas", (0.9, 0.999)), ("eps", 1e-08))
FRESH_SEED = child_seed(0, PROTOCOL, fresh=True)
DECAY, ADAMW = next(
    (decay, made)
    for decay in range(100)
    for made in [NamedOptimizer("torch", "AdamW", (("weight_decay", decay),), DEFAULTS)]
    if fake_outcome(made.key, FRESH_SEED).status is Status.OK  # which alone is stored to serve other runs
)
PLAIN_ADAMW = NamedOptimizer("torch", "AdamW", (), (*DEFAULTS, ("weight_decay", DECAY)))
SGD = NamedOptimizer("torch", "SGD")
MIXED: tuple[Candidate, ...] = (*rules(2), ADAMW, SGD)


def confirming(chosen: tuple[Candidate, ...], *, seed: int = 0) -> RunHeader:
    confirmation = Confirmation(tuple(map(str, chosen)))
    budget = Budget(len(chosen), len(chosen))
    return header(searcher=CONFIRMER, settings={}, seed=seed, budget=budget, confirmation=confirmation)


def confirm(folder: Path, chosen: tuple[Candidate, ...], **options: object):
    return run(folder, confirming(chosen), searcher=InTurn(chosen), **options)  # type: ignore[arg-type]


def test_a_stopped_confirmation_of_them_goes_on_where_it_was(tmp_path: Path) -> None:
    engine = CountingEngine(stop_after=3)
    stopped = confirm(tmp_path / "stopped", MIXED, engine=engine, stop=engine.stop)
    assert (stopped.state, stopped.children) == (RunState.STOPPED, 3)
    rest = CountingEngine()
    again = confirm(tmp_path / "stopped", MIXED, engine=rest)
    assert (again.state, rest.trained) == (RunState.FINISHED, 1)
    assert [str(trial.rule) for trial in again.trials] == list(map(str, MIXED))
    confirm(tmp_path / "whole", MIXED)
    assert dump(tmp_path / "stopped", stopped.header) == dump(tmp_path / "whole", stopped.header)


class Kept(CountingEngine):
    """Keeps what it is given to train."""

    given: tuple[object, ...] = ()

    def submit(self, rule, *, seed: int) -> int:
        self.given += (rule,)
        return super().submit(rule, seed=seed)


class Buildable(NamedOptimizer):
    """What a family gives, where a record has its text alone."""


def test_what_was_pending_trains_by_what_can_be_built_not_by_its_record(tmp_path: Path) -> None:
    chosen = tuple(Buildable(each.family, each.name, each.given, each.defaults) for each in (ADAMW, SGD))
    engine = Kept(stop_after=1)
    confirm(tmp_path, chosen, engine=engine, stop=engine.stop)
    rest = Kept()
    confirm(tmp_path, chosen, engine=rest)
    assert [type(each) for each in (*engine.given, *rest.given)] == [Buildable] * 3, "the second was pending"


def test_another_record_in_its_place_is_no_resume(tmp_path: Path) -> None:
    engine = CountingEngine(stop_after=1)
    confirm(tmp_path, (ADAMW, SGD), engine=engine, stop=engine.stop)
    with pytest.raises(LedgerError, match="replay of run"):
        run(tmp_path, confirming((ADAMW, SGD)), searcher=InTurn((SGD, ADAMW)))  # type: ignore[arg-type]


def test_one_function_is_retrained_once_however_it_is_written(tmp_path: Path) -> None:
    assert [each for each in to_confirm([ADAMW, PLAIN_ADAMW, SGD]) if isinstance(each, NamedOptimizer)] == [ADAMW, SGD]
    first, second = CountingEngine(), CountingEngine()
    confirm(tmp_path, (ADAMW,), engine=first)
    (trial,) = confirm(tmp_path, (PLAIN_ADAMW,), engine=second).trials
    assert (first.trained, second.trained) == (1, 0), "what is stored under its key serves it"
    assert trial.rule == PLAIN_ADAMW


def test_what_is_stored_of_one_kind_never_serves_the_other(tmp_path: Path) -> None:
    confirm(tmp_path, MIXED)
    with Ledger.read(tmp_path) as ledger:
        assert ledger.evaluation(confirming(MIXED), ADAMW.key) is not None
        assert ADAMW.key.startswith("torch:")
        for text in (ADAMW.name, ADAMW.infix, ADAMW.text, str(ADAMW)):
            assert ledger.evaluation(confirming(MIXED), text) is None


def test_only_files_of_runs_with_them_have_the_newer_schema(tmp_path: Path) -> None:
    for chosen, schema in ((MIXED, 2), (MIXED[:2], 1)):
        made = confirming(chosen)
        confirm(tmp_path / str(schema), chosen)
        content = encode(Ledger.read(tmp_path / str(schema)).archive(made.identity))
        assert json.loads(content.splitlines()[0])["schema"] == schema
        (tmp_path / "run.jsonl").write_bytes(content)
        archive = decode(tmp_path / "run.jsonl")
        assert [entry.rule for entry in archive.entries] == list(chosen)
        with Ledger.open(tmp_path / f"{schema} else") as ledger:
            assert ledger.adopt(archive)
            assert encode(ledger.archive(made.identity)) == content


def test_a_file_with_a_record_that_is_not_listed_or_written_otherwise_is_refused(tmp_path: Path) -> None:
    confirm(tmp_path, MIXED)
    archive = Ledger.read(tmp_path).archive(confirming(MIXED).identity)
    for other in (PLAIN_ADAMW, NamedOptimizer("torch", "AdamX", ADAMW.given, DEFAULTS)):
        entries = [dataclasses.replace(each, rule=other) if each.rule == ADAMW else each for each in archive.entries]
        (tmp_path / "run.jsonl").write_bytes(encode(dataclasses.replace(archive, entries=tuple(entries))))
        with pytest.raises(LedgerError, match=r"line 4: .*a rule that the run may train"):
            decode(tmp_path / "run.jsonl")


def test_a_search_proposes_rules_alone(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="expected a rule of the space, got torch:SGD"):
        run(tmp_path, header(), searcher=Scripted([SGD]))  # type: ignore[list-item, arg-type]
    with pytest.raises(SearcherError, match="a list of rules, got 'torch:SGD' of type str"):
        run(tmp_path, header(seed=1), searcher=Scripted(["torch:SGD"]))  # type: ignore[list-item, arg-type]


class AbleTask(FakeTask):
    def __init__(self, protocol, data, *, candidates: bool = False) -> None:
        super().__init__(protocol, data)
        self.candidates = candidates


def test_only_a_task_that_trains_them_is_given_them() -> None:
    assert [build_task(AbleTask, PROTOCOL, None, candidates=asked).candidates for asked in (False, True)] == [
        False,
        True,
    ]
    said = "task 'racing:FakeTask' of protocol 'fake': expected one that trains other optimizers, too"
    with pytest.raises(EngineError, match=said):
        build_task(FakeTask, PROTOCOL, None, candidates=True)
    with pytest.raises(EngineError, match=said):
        TaskSpec(task="racing:FakeTask", protocol=PROTOCOL, candidates=True).build()
