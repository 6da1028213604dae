"""The toy task keeps every promise, and every promise's check catches a task that does not."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import broken_tasks as broken
import numpy as np
import pytest

from harness.conformance import check_task, failures, task
from harness.conformance.checks import Check, run_checks, titled
from harness.conformance.task import PROMISES, Subject, trial_rules
from harness.contracts import Dataset
from harness.errors import ProtocolError, RegistryError
from harness.race.protocols import NO_DATA
from harness.registry import Kind, load
from harness.tasks.child.protocols import QUICK
from harness.tasks.toy.protocols import TOY_QUADRATIC

BREACHES = [
    (task.endurance, broken.Raises, "OverflowError in broken_tasks.py, line"),
    (task.endurance, broken.LosesOne, "16 rules gave 15 outcomes"),
    (task.endurance, broken.ScoresAlone, "returned a float where an Outcome was due"),
    (task.endurance, broken.ReturnsADict, "returned a dict where a list of outcomes was due"),
    (task.repetition, broken.ReturnsADict, "returned a dict where a list of outcomes was due"),
    (task.endurance, broken.NeedsRules, "ValueError"),
    (task.figures, broken.ScoresNan, "has a score of [nan]"),
    (task.figures, broken.ScoresPercent, "has a score of [55.0]"),
    (task.figures, broken.OwnRates, "chose λ 0.123, not of the sweep"),
    (task.figures, broken.SweepsElse, "swept (0.1,)"),
    (task.figures, broken.CountsBackwards, "consumed -1 examples"),
    (task.figures, broken.StopsClock, "took inf seconds"),
    (task.statuses, broken.NoRate, "is ok without a learning rate"),
    (task.statuses, broken.Talks, "with message 'well done'"),
    (task.statuses, broken.RewardsFailure, "is diverged with score 0.5, not 0.0"),
    (task.statuses, broken.FailsAll, "gradient descent is error no"),
    (task.repetition, broken.Unseeded, "outcome 0 was"),
    (task.grouping, broken.DependsOnCompany, "outcome"),
    (task.stacks, broken.DependsOnStack, "outcome in a full stack, 39 was"),
    (task.stacks, broken.LikesNothing, "likes 0 rules at once, where a whole number from 1 was due"),
    (task.stacks, broken.LikesHalves, "likes 1.5 rules at once"),
    (task.twins, broken.DependsOnString, "g m id id add gave"),
    (task.seeds, broken.OneSeed, "so no seed is used"),
    (task.elsewhere, broken.DependsOnHash, "outcome"),
    (task.surroundings, broken.ChangesFolder, "changed the working directory"),
    (task.surroundings, broken.SeedsNumpy, "changed numpy.random"),
    (task.surroundings, broken.SeedsTorch, "changed torch's generator"),
    (task.independence, broken.ListensToPython, "outcome 0 was"),
    (task.environment, broken.NumbersForTexts, "where texts were due"),
    (task.environment, broken.MovingEnvironment, "environment was"),
    (task.resumption, broken.SavesNothing, "saved nothing in the folder for checkpoints"),
    (task.resumption, broken.SavesElsewhere, ".mine'], a name that harness.checkpoints.checkpoint gives to no child"),
    (task.resumption, broken.ForgetsWhenSaving, "outcome with checkpoints 0 was"),
    (task.resumption, broken.GoesOnElsewhere, "outcome from its own checkpoint 0 was"),
    (task.resumption, broken.TripsOverDamage, "ValueError in broken_tasks.py"),
    (task.resumption, broken.CountsEpochsTwice, "outcome from a checkpoint of fewer epochs 0 was"),
]


@pytest.fixture(autouse=True)
def _tidy_surroundings():
    folder, python, numpy = os.getcwd(), random.getstate(), np.random.get_state()  # noqa: NPY002
    yield
    os.chdir(folder)
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002


def subject(factory) -> Subject:
    far = issubclass(factory, broken.Saves)
    return Subject(factory, broken.FAR if far else TOY_QUADRATIC, NO_DATA, trial_rules(16, seed=0), 0, 60.0)


def test_the_toy_task_conforms() -> None:
    brief = replace(TOY_QUADRATIC, train_examples=20, epochs=2)
    assert failures(check_task("toy-quadratic", protocol=brief, rules=12)) == []


def drawn() -> Dataset:
    from harness.tasks.data.images import ImageData

    rng = np.random.default_rng(0)
    parts = [
        (rng.integers(256, size=(size, 8, 8, 3), dtype=np.uint8), np.arange(size, dtype=np.uint8) % 10)
        for size in (120, 10)
    ]
    return ImageData.of("drawn", train=parts[0], test=parts[1], source="this test")


BRIEF = replace(
    QUICK, train_examples=40, validation_examples=40, batch_size=20, epochs=2, learning_rates=(1e-3, 1e-1, 10.0)
)


def test_the_child_conforms() -> None:
    assert failures(check_task("child", protocol=BRIEF, data=drawn(), rules=8)) == []


def test_a_sweep_may_leave_out_what_rungs_drop_and_nothing_else() -> None:
    def checked(factory, *, rungs: tuple[float, ...]) -> Check:
        made = Subject(factory, replace(BRIEF, rungs=rungs), drawn(), trial_rules(8, seed=0), 0, 60.0)
        (check,) = run_checks(titled([task.figures], made))
        return check

    assert checked(load(Kind.TASK, "child"), rungs=(0.5,)).passed
    assert checked(broken.SweepsElse, rungs=(0.5,)).passed
    assert not checked(broken.SweepsElse, rungs=()).passed
    assert "swept (10.0, 0.1), where (0.1, 10.0) was due" in checked(broken.SweepsBackwards, rungs=(0.5,)).detail


def test_a_sound_task_conforms() -> None:
    checks = check_task("broken_tasks:Sound", protocol=TOY_QUADRATIC, rules=40)
    assert failures(checks) == []
    assert len({check.name for check in checks}) == len(PROMISES)


def test_a_task_whose_protocol_is_like_no_child_conforms() -> None:
    assert failures(check_task("broken_tasks:Sound", protocol=broken.OWN, rules=12)) == []


def test_a_sound_task_that_saves_its_children_conforms() -> None:
    checks = check_task("broken_tasks:Saves", protocol=broken.FAR, rules=12)
    assert failures(checks) == []
    assert next(check.detail for check in checks if "checkpoints" in check.name).endswith(" checkpoints")


def test_a_protocol_that_no_record_can_hold_is_refused_before_anything_is_scored() -> None:
    with pytest.raises(ProtocolError, match="expected greater than or equal to 1 in epochs, got 0"):
        check_task(broken.Raises, protocol=replace(broken.OWN, epochs=0))


@pytest.mark.parametrize(("promise", "factory", "said"), BREACHES)
def test_every_breach_is_caught(promise, factory, said) -> None:
    (check,) = run_checks(titled([promise], subject(factory)))
    assert not check.passed, check.detail
    assert said in check.detail


def test_a_breach_in_full_stacks_alone_is_no_other_checks_business() -> None:
    (check,) = run_checks(titled([task.grouping], subject(broken.DependsOnStack)))
    assert check.passed


def test_no_promise_is_without_its_breach() -> None:
    assert {promise for promise, _, _ in BREACHES} == set(PROMISES)


def test_trial_rules_are_of_every_kind() -> None:
    rules = trial_rules(60, seed=0)
    assert len(rules) == 60
    assert str(rules[0]) == "g m id id left"
    assert {len(rule.blocks) for rule in rules} == {1, 2, 3, 4}
    assert rules == trial_rules(60, seed=0)
    assert rules != trial_rules(60, seed=1)
    assert len(trial_rules(2, seed=0)) == 2


def test_nasty_rules_really_diverge_somewhere() -> None:
    # the towers of exponentials must be more than their simplified forms, or the check would try nothing
    keys = [rule.key for rule in trial_rules(11, seed=0)]
    assert len(set(keys)) == 11
    assert any(key.count("exp") >= 4 for key in keys)


def test_a_factory_that_cannot_be_called_is_refused_before_any_check() -> None:
    with pytest.raises(RegistryError, match=r"expected factory\(protocol, data\) to call, got too many positional"):
        check_task(lambda protocol: broken.Sound(protocol, None), protocol=TOY_QUADRATIC)
