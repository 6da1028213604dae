"""Searchers say where their proposals came from, by replay, and it is the same as when they made them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.contracts import Explaining, Outcome, Status
from harness.errors import ReplayError
from harness.race.entry import Entry, Source
from harness.race.header import RunHeader, SearchHeader
from harness.race.origins import origins
from harness.race.protocols import Budget, named
from harness.registry import Kind, load
from harness.space.grammar import Space

CHILDREN = 30
LEARNERS = ("rl", "gp", "evolution", "hill-climbing", "tpe", "rl+gp")


def raced(name: str) -> tuple[RunHeader, list[Entry], list[object]]:
    """A made-up run in which a rule's score is decided by its text, with the origins told at the time."""
    header = SearchHeader(
        searcher=name,
        searcher_version=1,
        settings={},
        space=Space.of(blocks=2),
        protocol=named("toy-quadratic"),
        data="none",
        data_fingerprint="none",
        budget=Budget(CHILDREN, 2 * CHILDREN),
        seed=3,
        asynchronous=False,
        environment={},
        provenance={},
    )
    searcher = load(Kind.SEARCHER, name)(header.space, seed=3)
    entries: list[Entry] = []
    told: list[object] = []
    clock, keys = 0, set()
    while len(keys) < CHILDREN and len(entries) < 2 * CHILDREN:
        batch = []
        for rule in searcher.ask(min(searcher.batch, CHILDREN - len(keys), 2 * CHILDREN - len(entries))):
            score = sum(map(ord, str(rule))) % 97 / 100
            outcome = Outcome(status=Status.OK, score=score, learning_rate=0.1, examples=1, seconds=0.0)
            source = Source.DUPLICATE if rule.key in keys else Source.TRAINED
            keys.add(rule.key)
            index = len(entries) + len(batch)
            batch.append(
                Entry(index=index, rule=rule, key=rule.key, source=source, asked=clock, told=clock + 1, outcome=outcome)
            )
            told.append(searcher.origin(rule) if isinstance(searcher, Explaining) else None)
        entries += batch
        searcher.tell([entry.trial for entry in batch])
        clock += 2
    return header, entries, told


def fresh(header: RunHeader):
    return load(Kind.SEARCHER, header.searcher)(header.space, seed=header.seed)


@pytest.mark.parametrize("name", LEARNERS)
def test_what_is_told_later_is_what_was_told_then(name: str) -> None:
    header, entries, told = raced(name)
    found = origins(header, entries, fresh(header), indexes=range(len(entries)))
    assert [found[index] for index in range(len(entries))] == told


def test_parents_were_proposed_before_their_child_and_probabilities_are_probabilities() -> None:
    for name in LEARNERS:
        header, entries, _ = raced(name)
        found = origins(header, entries, fresh(header), indexes=range(len(entries)))
        for index, origin in found.items():
            earlier = {entry.rule for entry in entries[:index]}
            assert set(origin.parents) <= earlier
            assert origin.log_probability is None or origin.log_probability < 0
        bred = [origin for origin in found.values() if origin.parents]
        assert bool(bred) == (name in ("gp", "evolution", "hill-climbing", "rl+gp"))
        assert any(origin.log_probability is not None for origin in found.values()) == (name in ("rl", "rl+gp"))


def test_a_run_is_led_no_further_than_it_takes() -> None:
    header, entries, _ = raced("evolution")
    searcher = fresh(header)
    found = origins(header, entries, searcher, indexes=[2])
    assert list(found) == [2]
    assert searcher.ask(1)[0] != entries[-1].rule


def test_a_searcher_that_explains_nothing_is_not_even_asked() -> None:
    header, entries, _ = raced("random")
    assert origins(header, entries, fresh(header), indexes=[0]) == {}


def test_another_history_is_refused() -> None:
    header, entries, _ = raced("gp")
    entries[4] = replace(entries[4], rule=entries[3].rule)
    with pytest.raises(ReplayError, match=r"proposal 0: expected what is recorded, got something else.*--no-replay"):
        origins(header, entries, fresh(header), indexes=[9])
