"""A name for what this process has at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from harness.contracts import ChildProtocol, Dataset, Outcome, Rule, Status
from harness.errors import RegistryError
from harness.registry import Kind, entries, load, name_of
from harness.searchers.random_search import RandomSearch
from harness.tasks.toy.protocols import TOY_QUADRATIC

PROTOCOL = ChildProtocol(
    name="lengths",
    version=1,
    task="length",
    inputs="numbers",
    train_examples=1,
    validation_examples=1,
    batch_size=1,
    epochs=1,
    learning_rates=(1.0,),
    chance=0.0,
)


class Numbers:
    """A data set of one number."""

    name = "numbers"
    fingerprint = "one-half"
    value = 0.5


class Length:
    """Scores a rule by its length and the number of its data set."""

    environment: Mapping[str, str] = {"length": "1"}

    def __init__(self, protocol: ChildProtocol, data: Numbers) -> None:  # noqa: ARG002
        self.value = data.value

    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:  # noqa: ARG002
        return [
            Outcome(status=Status.OK, score=self.value / len(rule.infix), learning_rate=1.0, examples=1, seconds=0.0)
            for rule in rules
        ]


def raced(**given: Any) -> harness.Board:
    return harness.race(["random"], children=3, seeds=1, progress=False, **given)


def test_a_task_its_protocol_and_its_data_are_raced_by_name(tmp_path: Path) -> None:
    harness.register("task", "length", Length)
    harness.register("protocol", "lengths", PROTOCOL)
    harness.register("data", "numbers", Numbers())
    board = raced(protocol="lengths", data="numbers", results=tmp_path)
    assert (board.protocol, board.data, board.fingerprint) == (PROTOCOL, "numbers", "one-half")
    assert np.isclose(board.rules[0].score, 0.5 / len(board.rules[0].rule.infix))
    assert harness.score("g", "lengths", data="numbers").score == 0.5
    assert harness.confirm(board, top=1, seeds=1, progress=False).fingerprint == "one-half"


def test_a_data_set_needs_no_name(tmp_path: Path) -> None:
    harness.register("task", "length", Length)
    numbers = Numbers()
    assert isinstance(numbers, Dataset)
    board = raced(protocol=PROTOCOL, data=numbers, results=tmp_path)
    assert board.data == "numbers"
    replayed = raced(protocol=PROTOCOL, data=numbers, results=tmp_path, replay=True)
    assert replayed.rows[0].curve == board.rows[0].curve
    assert harness.score("g", PROTOCOL, data=numbers).score == 0.5


def test_a_searcher_without_a_module_is_given_a_name(tmp_path: Path) -> None:
    class Local(RandomSearch):
        """Draws at random, here."""

    with pytest.raises(RegistryError, match="Name it first"):
        harness.run(Local, protocol="toy-quadratic", children=2, progress=False)
    harness.register("searcher", "local", Local)
    assert name_of(Kind.SEARCHER, Local) == "local"
    assert entries(Kind.SEARCHER)["local"].summary == "Draws at random, here."
    board = harness.run(Local, protocol="toy-quadratic", children=2, seeds=1, results=tmp_path, progress=False)
    assert board.rows[0].searcher == "local"

    class Anew(RandomSearch):
        """As a cell of a notebook that is run again."""

    harness.register("searcher", "local", Anew)
    assert load(Kind.SEARCHER, "local") is Anew


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("searchr", "x", RandomSearch), "Did you mean 'searcher'?"),
        (
            ("searcher", "random", RandomSearch),
            "searcher 'random': expected a name that is free, got harness.searchers",
        ),
        (("protocol", "quick", TOY_QUADRATIC), "expected a name that is free"),
        (("searcher", "a b", RandomSearch), "expected letters, digits"),
        (("searcher", "a:b", RandomSearch), "expected letters, digits"),
        (("task", "x", 3), "task 'x': expected factory(protocol, data) to call, got int"),
        (("data", "x", 3), "data 'x': expected factory(root, announce) to call, got int"),
        (("protocol", "x", 3), "protocol 'x': expected a protocol, got int"),
        (("protocol", "x", TOY_QUADRATIC), "expected its own name, got 'toy-quadratic'"),
    ],
)
def test_what_cannot_be_registered_is_one_line(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(RegistryError) as refused:
        harness.register(*arguments)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_workers_train_what_they_can_import_and_nothing_else(tmp_path: Path) -> None:
    class Here(Length):
        """Not to be imported."""

    numbers = Numbers()
    harness.register("task", "length", Here)
    with pytest.raises(RegistryError, match="task 'length': expected one that worker processes can import"):
        raced(protocol=PROTOCOL, data=numbers, results=tmp_path, workers=2)
    harness.register("task", "length", Length)
    with pytest.raises(RegistryError, match="data 'numbers'"):
        raced(protocol=PROTOCOL, data=numbers, results=tmp_path, workers=2)
