from __future__ import annotations

import dataclasses
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import racing
from racing import ENVIRONMENT, PINNED, PROTOCOL, SPACE, FakeTask, fake_outcome, spec

from harness.errors import DataError, EngineError, RegistryError
from harness.race.conditions import prepared
from harness.race.engines.engine import TaskSpec, build_task, pinned, train
from harness.race.engines.inline import InlineEngine
from harness.race.engines.opening import open_engine
from harness.race.protocols import NO_DATA
from harness.space.expression import LANGUAGE_VERSION
from harness.tasks.toy.protocols import TOY_QUADRATIC

RULE = SPACE.sample(np.random.default_rng(0))


@dataclasses.dataclass
class Digits:
    name: str = "digits"
    fingerprint: str = "abc"
    root: Path | None = None


@pytest.fixture
def _data_module(monkeypatch):
    module = types.ModuleType("digits_data")
    module.load = lambda root, announce: announce("loading") or Digits(root=root)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "digits_data", module)


def test_inline_trains_when_waited_for_and_in_turn():
    engine = InlineEngine(FakeTask(PROTOCOL, None))
    assert engine.slots == 1
    assert engine.next(timeout_seconds=0) is None
    tickets = [engine.submit(RULE, seed=seed) for seed in (1, 2)]
    for ticket, seed in zip(tickets, (1, 2), strict=True):
        delivered, outcome = engine.next(timeout_seconds=0)
        assert (delivered, outcome.score) == (ticket, fake_outcome(RULE.key, seed).score)
    assert engine.next(timeout_seconds=0) is None


def test_inline_forgets_what_is_dropped_and_never_repeats_a_ticket():
    engine = InlineEngine(FakeTask(PROTOCOL, None))
    first = engine.submit(RULE, seed=1)
    engine.drop()
    assert engine.next(timeout_seconds=0) is None
    assert engine.submit(RULE, seed=1) != first
    engine.close()
    assert engine.next(timeout_seconds=0) is None


@pytest.mark.parametrize(
    "answer", [[], [None], [fake_outcome("a", 1), fake_outcome("b", 1)]], ids=["none", "no outcome", "two"]
)
def test_a_task_that_breaks_its_contract_is_named(answer):
    task = FakeTask(PROTOCOL, None)
    task.evaluate = lambda rules, *, seed: answer  # noqa: ARG005
    with pytest.raises(EngineError, match=r"^task FakeTask: expected one Outcome per rule"):
        train(task, [RULE], seed=0)


@pytest.mark.parametrize("answer", [None, {}, 0.5], ids=["None", "a dict", "a number"])
def test_a_task_that_returns_no_list_is_named(answer):
    task = FakeTask(PROTOCOL, None)
    task.evaluate = lambda rules, *, seed: answer  # noqa: ARG005
    with pytest.raises(
        EngineError, match=rf"^task FakeTask: expected one Outcome per rule, got {answer}\. Fix the task"
    ):
        train(task, [RULE], seed=0)


class Failing(FakeTask):
    """Breaks law 2."""

    def evaluate(self, rules, *, seed):  # noqa: ARG002
        if seed == 1:
            raise EngineError("the machine is on fire")
        raise ZeroDivisionError(f"seed {seed}")


def test_a_task_that_raises_is_one_line_that_says_where():
    said = r"expected one Outcome per rule, got ZeroDivisionError in test_engine.py, line \d+: seed 0\. Return Outcome"
    with pytest.raises(EngineError, match=f"^task Failing: {said}"):
        train(Failing(PROTOCOL, None), [RULE], seed=0)


def test_a_task_may_say_that_the_machine_failed():
    with pytest.raises(EngineError, match=r"^the machine is on fire$"):
        train(Failing(PROTOCOL, None), [RULE], seed=1)


class Unbuilt(FakeTask):
    def __init__(self, protocol, data):  # noqa: ARG002
        raise KeyError(protocol.name)


def test_a_task_that_cannot_be_built_is_one_line():
    with pytest.raises(
        EngineError, match=r"task 'racing:FakeTask': expected a task .*KeyError in test_engine.py, line"
    ):
        build_task(Unbuilt, PROTOCOL, None)
    with pytest.raises(RegistryError, match=r"expected factory\(protocol, data\) to call, got too many positional"):
        build_task(lambda protocol: FakeTask(protocol, None), PROTOCOL, None)


@pytest.mark.parametrize("stated", [{"torch": 2}, {1: "a"}, None, "none"])
def test_an_environment_of_anything_but_texts_is_refused(stated):
    class Odd(FakeTask):
        environment = stated

    with pytest.raises(EngineError, match=r"^environment of task Odd: expected a mapping of texts to texts, got "):
        pinned(Odd(PROTOCOL, None))


@pytest.mark.usefixtures("_data_module")
def test_a_spec_builds_its_task_with_its_data(tmp_path):
    heard: list[str] = []
    made = dataclasses.replace(spec(), data="digits_data:load", root=tmp_path, fingerprint="abc")
    task = made.build(heard.append)
    assert task.data == Digits(root=tmp_path)
    assert heard == ["loading"]


@pytest.mark.usefixtures("_data_module")
def test_other_data_than_recorded_is_refused():
    made = dataclasses.replace(spec(), data="digits_data:load", fingerprint="xyz")
    with pytest.raises(DataError, match=r"expected fingerprint xyz, got abc\. Give every machine the same copy"):
        made.build()


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"fake": "2"}, "worker's fake: expected 2, got 1"),
        (ENVIRONMENT, f"worker's language: expected none, got {LANGUAGE_VERSION}"),
        (PINNED | {"torch": "2.13.0"}, "worker's torch: expected 2.13.0, got none"),
        (PINNED | {"arithmetic": "ab12", "torch": "2.13.0"}, "worker's torch: expected 2.13.0, got none"),
        (
            PINNED | {"arithmetic": "ab12"},
            r"^worker's arithmetic: expected ab12, got none\. This worker rounds differently .* MKL_CBWR .*: use wor",
        ),
    ],
)
def test_other_versions_than_recorded_are_refused(expected, said):
    made = dataclasses.replace(spec(), environment=tuple(expected.items()))
    with pytest.raises(EngineError, match=said):
        made.build()


def test_a_task_that_is_not_installed_is_refused():
    with pytest.raises(RegistryError):
        dataclasses.replace(spec(), task="racing:Missing").build()


def test_one_worker_needs_no_cluster_and_uses_the_task_given():
    task = FakeTask(PROTOCOL, None)
    engine = open_engine(spec(), task=task)
    assert isinstance(engine, InlineEngine)
    assert engine._task is task
    with pytest.raises(EngineError, match="workers"):
        open_engine(spec(), workers=0)


def test_the_version_of_the_language_is_pinned_whoever_wrote_the_task():
    assert pinned(FakeTask(PROTOCOL, None)) == PINNED == ENVIRONMENT | {"language": str(LANGUAGE_VERSION)}
    toy = TaskSpec(task="toy-quadratic", protocol=TOY_QUADRATIC).build()
    assert pinned(toy) == toy.environment


class SavingTask(FakeTask):
    def __init__(self, protocol, data, *, checkpoints: Path | None = None) -> None:
        super().__init__(protocol, data)
        self.checkpoints = checkpoints


@pytest.fixture
def _saving(monkeypatch):
    monkeypatch.setattr(racing, "SavingTask", SavingTask, raising=False)


@pytest.mark.usefixtures("_saving")
def test_only_a_task_that_saves_children_is_given_a_folder_for_them(tmp_path):
    assert build_task(SavingTask, PROTOCOL, None, checkpoints=tmp_path).checkpoints == tmp_path
    assert build_task(SavingTask, PROTOCOL, None).checkpoints is None
    assert not hasattr(build_task(FakeTask, PROTOCOL, None, checkpoints=tmp_path), "checkpoints")


@pytest.mark.usefixtures("_saving")
def test_a_worker_saves_children_only_in_a_folder_that_it_shares(tmp_path):
    saving = TaskSpec(task="racing:SavingTask", protocol=PROTOCOL, checkpoints=tmp_path / "checkpoints")
    assert saving.build().checkpoints is None
    assert not saving.checkpoints.exists()
    saving.checkpoints.mkdir()
    assert saving.build().checkpoints == tmp_path / "checkpoints"


def test_a_task_without_data_is_built_alike_everywhere(tmp_path):
    spec = TaskSpec(task="racing:FakeTask", protocol=PROTOCOL)
    assert spec.build().data == prepared(PROTOCOL, "auto", tmp_path).task.data == NO_DATA
