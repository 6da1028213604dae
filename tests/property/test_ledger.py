"""Whatever is proposed, completed, killed and reopened, in whatever order: completed trials stay as they were."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.contracts import Block, ChildProtocol, Outcome, Rule, Status
from harness.race.entry import Entry, Source
from harness.race.header import RunHeader, SearchHeader
from harness.race.protocols import Budget
from harness.race.runs import RunState
from harness.race.store import sqlite
from harness.race.store.ledger import Ledger
from harness.race.store.rows import entry_cells, entry_from, outcome_cells, outcome_from, rule_from
from harness.space.grammar import Space

SPACE = Space.of("icml2017", blocks=1)
PROTOCOL = ChildProtocol(
    name="fake",
    version=1,
    task="fake",
    inputs="none",
    train_examples=1,
    validation_examples=1,
    batch_size=1,
    epochs=1,
    learning_rates=(1.0,),
    chance=0.1,
)
floats = st.floats(allow_nan=False, allow_infinity=False)
scores = st.floats(0, 1)
words = st.sampled_from(["g", "m", "sign(g)", "1e-4w", "id", "exp", "mul", "left", "#1"])
rules = st.lists(st.builds(Block, words, words, words, words, words), min_size=1, max_size=4).map(
    lambda blocks: Rule(tuple(blocks))
)
outcomes = st.builds(
    Outcome,
    status=st.sampled_from(Status),
    score=scores,
    learning_rate=st.none() | floats,
    examples=st.integers(0, 2**53),
    seconds=floats,
    sweep=st.lists(st.tuples(floats, scores), max_size=3).map(tuple),
    curve=st.lists(scores, max_size=3).map(tuple),
    message=st.text(st.characters(codec="utf-8"), max_size=20),
    test=st.none() | scores,
)
entries = st.builds(
    Entry,
    index=st.integers(0, 2**31),
    rule=rules,
    key=st.text(st.characters(codec="utf-8"), max_size=20),
    source=st.sampled_from(Source),
    asked=st.integers(0, 2**31),
    told=st.none() | st.integers(0, 2**31),
    outcome=st.none() | outcomes,
)


def header(seed: int) -> RunHeader:
    return SearchHeader(
        searcher="fake",
        searcher_version=1,
        settings={},
        space=SPACE,
        protocol=PROTOCOL,
        data="none",
        data_fingerprint="none",
        budget=Budget.of(1000),
        seed=seed,
        asynchronous=False,
        environment={},
        provenance={},
    )


@given(rules)
def test_a_rule_survives_its_text(rule: Rule):
    assert rule_from(str(rule)) == rule


@given(outcomes)
def test_an_outcome_survives_its_cells(outcome: Outcome):
    assert outcome_from(outcome_cells(outcome)) == outcome


@given(entries)
def test_an_entry_survives_its_cells(entry: Entry):
    assert entry_from(entry_cells(entry)) == entry


class Crashing(RuleBasedStateMachine):
    """Two runs in one store, against a model of what a survivor must find.

    A crash copies the files as they are, mid-flight, and goes on with the copy: the writer that is left behind never
    gets to close anything, which is what SIGKILL does to a process.
    """

    @initialize()
    def start(self) -> None:
        self.synchronous = sqlite.SYNCHRONOUS
        sqlite.SYNCHRONOUS = "OFF"
        self.root = Path(tempfile.mkdtemp())
        self.lives = 0
        self.model: dict[int, list[Entry]] = {0: [], 1: []}
        self.abandoned: list[Ledger] = []
        self.open()

    @property
    def folder(self) -> Path:
        return self.root / str(self.lives)

    def open(self) -> None:
        self.ledger = Ledger.open(self.folder)
        self.handles = {seed: self.ledger.begin(header(seed)) for seed in self.model}

    def close(self) -> None:
        for handle in self.handles.values():
            handle.close()

    @rule(seed=st.sampled_from([0, 1]), batch=st.lists(entries, min_size=1, max_size=3))
    def propose(self, seed: int, batch: list[Entry]) -> None:
        start = len(self.model[seed])
        placed = [dataclasses.replace(entry, index=start + offset) for offset, entry in enumerate(batch)]
        self.handles[seed].propose(placed)
        self.model[seed] += placed

    @precondition(lambda self: any(entry.outcome is None for run in self.model.values() for entry in run))
    @rule(data=st.data(), outcome=outcomes, told=st.integers(0, 2**31))
    def complete(self, data: st.DataObject, outcome: Outcome, told: int) -> None:
        pending = [(seed, entry) for seed, run in self.model.items() for entry in run if entry.outcome is None]
        seed, entry = data.draw(st.sampled_from(pending))
        done = dataclasses.replace(entry, outcome=outcome, told=told)
        self.handles[seed].complete([done])
        self.model[seed][entry.index] = done

    @precondition(lambda self: any(entry.outcome is not None for run in self.model.values() for entry in run))
    @rule(data=st.data(), outcome=outcomes)
    def complete_again(self, data: st.DataObject, outcome: Outcome) -> None:
        complete = [(seed, entry) for seed, run in self.model.items() for entry in run if entry.outcome is not None]
        seed, entry = data.draw(st.sampled_from(complete))
        self.handles[seed].complete([dataclasses.replace(entry, outcome=outcome, told=0)])

    @rule()
    def crash(self) -> None:
        before = self.folder
        self.lives += 1
        shutil.copytree(before, self.folder)
        self.close()
        self.abandoned.append(self.ledger)
        self.open()
        self.recorded_is_the_model()

    @rule(state=st.sampled_from(RunState))
    def leave_and_return(self, state: RunState) -> None:
        self.handles[0].finish(state)
        self.close()
        self.ledger.close()
        self.open()
        assert (self.handles[0].state is RunState.FINISHED) == (state is RunState.FINISHED)
        self.recorded_is_the_model()

    def recorded_is_the_model(self) -> None:
        for seed, handle in self.handles.items():
            assert list(handle.recorded) == self.model[seed]

    @invariant()
    def readers_see_all_that_is_complete(self) -> None:
        records = {record.header.seed: record for record in Ledger.read(self.folder).runs()}
        for seed, run in self.model.items():
            assert list(records[seed].trials) == [entry.trial for entry in run if entry.outcome is not None]

    def teardown(self) -> None:
        self.close()
        for ledger in [*self.abandoned, self.ledger]:
            ledger.close()
        shutil.rmtree(self.root)
        sqlite.SYNCHRONOUS = self.synchronous


TestCrashing = Crashing.TestCase
TestCrashing.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
