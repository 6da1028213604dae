"""A race as it is called from Python: nothing is printed, callers are told, and a stopped race goes on."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from harness.contracts import Rule
from harness.errors import SearcherError, SettingError
from harness.race.active_run import Stopped
from harness.race.header import RunHeader
from harness.race.progress import Progress
from harness.race.protocols import Budget, named
from harness.race.racing import Following, Racer, Setup, compete
from harness.race.runs import RunState
from harness.race.store.ledger import Ledger
from harness.space.grammar import Space


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    protocol = named("toy-quadratic")
    return Setup(space=Space.of(blocks=1), protocol=protocol, budget=Budget.of(3), seeds=(0, 1), results=tmp_path)


def racers(*names: str) -> list[Racer]:
    return [Racer.of(name, children=3) for name in names]


def test_a_race_is_called_and_prints_nothing(setup: Setup, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    headers = compete(racers("random", "evolution"), setup, announce=told.append)
    assert [(each.searcher, each.seed) for each in headers] == [
        ("random", 0),
        ("evolution", 0),
        ("random", 1),
        ("evolution", 1),
    ]
    with Ledger.read(setup.results) as ledger:
        assert {row.identity for row in ledger.rows()} == {each.identity for each in headers}
        assert {row.state for row in ledger.rows()} == {RunState.FINISHED}
    assert told[0].startswith("random, evolution on icml2017")
    assert capsys.readouterr() == ("", "")


def test_a_race_that_was_stopped_goes_on(setup: Setup) -> None:
    seen: list[Progress] = []

    @contextmanager
    def impatient(headers: Sequence[RunHeader]) -> Iterator[Following]:
        assert len(headers) == 2
        stop = threading.Event()

        def watch(progress: Progress) -> None:
            seen.append(progress)
            if progress.children == 2:
                stop.set()

        yield Following(watch, stop)

    with pytest.raises(Stopped):
        compete(racers("random"), setup, follow=impatient)
    assert max(each.children for each in seen) == 3  # those that trained with the second
    assert seen[-1].children == 0  # of the run that was next
    first, second = compete(racers("random"), setup)
    with Ledger.read(setup.results) as ledger:
        lengths = {row.header.identity: len(row.results) for row in ledger.results()}
    assert lengths == {first.identity: 3, second.identity: 3}


def test_a_finished_race_is_not_run_again(setup: Setup) -> None:
    compete(racers("random"), setup)
    told: list[str] = []

    @contextmanager
    def never(headers: Sequence[RunHeader]) -> Iterator[Following]:
        pytest.fail(f"{len(headers)} runs were begun again")
        yield Following()

    compete(racers("random"), setup, announce=told.append, follow=never)
    assert told[-1] == "2 of 2 runs are already finished"


def test_a_replay_earns_what_the_store_holds(setup: Setup) -> None:
    trained = compete(racers("random"), setup)
    again = compete(racers("random"), replace(setup, replay=True, budget=Budget.of(2)))
    with Ledger.read(setup.results) as ledger:
        scores = {row.header.identity: list(row.results.scores) for row in ledger.results()}
    for long, short in zip(trained, again, strict=True):
        assert scores[short.identity] == scores[long.identity][: len(scores[short.identity])]
        assert short.provenance["evaluator"] == "replay"


def test_settings_are_given_as_values_or_as_texts() -> None:
    by_value = Racer.of("gp", {"population": 7}, children=100)
    by_text = Racer.of("gp", ["population=7"], children=100)
    assert by_value.settings == by_text.settings
    with pytest.raises(SettingError, match="populatoin"):
        Racer.of("gp", {"populatoin": 7}, children=100)


class Deaf:
    """A searcher without tell."""

    batch = 1

    def __init__(self, space: Space, *, seed: int) -> None:
        if seed == 7:
            raise KeyError(space.blocks)

    def ask(self, count: int) -> list[Rule]:
        return [Rule.parse("g")] * count


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        (0, "one with batch, ask(count) and tell(trials), got Deaf without tell. Fix the searcher"),
        (7, "one with batch, ask(count) and tell(trials), got KeyError in test_racing.py, line "),
    ],
)
def test_a_searcher_that_lacks_a_method_or_cannot_be_built_ends_all_before_anything_trains(
    setup: Setup, seed: int, said: str
) -> None:
    deaf = Racer("mine:Deaf", Deaf, {})  # type: ignore[arg-type]
    with pytest.raises(SearcherError, match=re.escape(f"searcher mine:Deaf: expected {said}")):
        compete([*racers("random"), deaf], replace(setup, seeds=(seed,)))
    assert not (setup.results / "ledger.sqlite").exists()
