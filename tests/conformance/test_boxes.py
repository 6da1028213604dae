"""Every entrant over the unit box keeps every promise, and every promise's check catches one that does not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import broken_boxes as broken
import pytest

from harness.conformance import box, check_box_optimizer, failures
from harness.conformance.box import PROMISES, Subject
from harness.conformance.checks import run_checks, titled
from harness.errors import RegistryError
from harness.registry import BUILT_IN, Kind

# (promise, an optimizer that breaks it, what the check says)
BREACHES = [
    (box.declaration, broken.TakesAnySetting, "took no_such_setting=1"),
    (box.declaration, broken.DefaultOutOfRange, "the default of a setting is not allowed: setting share: expected"),
    (box.declaration, broken.NoVersion, "version is None"),
    (box.inside, broken.OnePointTooMany, "shape (2, 1), where an array of float64 and shape (1, 1) was due"),
    (box.inside, broken.Narrow, "returned ndarray of float32"),
    (box.inside, broken.LeavesTheBox, "returned a point outside the box"),
    (box.elsewhere, broken.HashOrder, "point 0 was"),
    (box.replay, broken.Unseeded, "replayed point 0 was"),
    (box.order, broken.NeedsOrder, "this is not what I asked for first"),
    (box.equal_values, broken.NeedsSpread, "ZeroDivisionError"),
    (box.extremes, broken.TakesRoots, "a value below -1"),
    (box.isolation, broken.ClassState, "point"),
    (box.arguments, broken.SortsWhatItIsTold, "tell changed the points or values"),
    (box.arguments, broken.KeepsWhatItIsTold, "point"),
    (box.surroundings, broken.SeedsNumpy, "changed numpy.random"),
    (box.surroundings, broken.SetsEnvironment, "changed os.environ"),
    (box.independence, broken.ListensToPython, "point 0 was"),
    (box.side_by_side, broken.Apart, "at step 0, points side by side were"),
    (box.cost, broken.Slow, "above 1 ms"),
]
STEPS = {"gp": 13, "smac": 8}  # the slow ones: past gp's random points; smac's forest has a test of its own
PATIENT = {"timeout_seconds": 600.0, "ask_seconds": 60.0}  # the machine may be busy


def subject(factory, *, ask_seconds: float = 60.0) -> Subject:
    return Subject(factory, {}, 0, (1, 3), box.STEPS, 600.0, ask_seconds)


@pytest.fixture(autouse=True)
def _tidy_environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("name", BUILT_IN[Kind.BOX_OPTIMIZER])
def test_registered_optimizers_conform(name: str) -> None:
    if name == "smac":
        pytest.importorskip("smac", reason="smac is of the extra blackbox")
    assert failures(check_box_optimizer(name, steps=STEPS.get(name, box.STEPS), **PATIENT)) == []


def test_a_sound_optimizer_that_learns_conforms() -> None:
    heard: list[str] = []
    checks = check_box_optimizer("broken_boxes:Sound", report=lambda check: heard.append(check.name), **PATIENT)
    assert failures(checks) == []
    assert heard == [check.name for check in checks]
    assert len(set(heard)) == len(PROMISES)


def test_an_optimizer_that_works_side_by_side_conforms_up_to_rounding() -> None:
    (check,) = run_checks(titled([box.side_by_side], subject(broken.Together)))
    assert check.passed, check.detail
    assert check.detail == "24 points of 3 functions"


@pytest.mark.parametrize(("promise", "factory", "said"), BREACHES)
def test_every_breach_is_caught(promise, factory, said: str) -> None:
    limit = {"ask_seconds": 0.001} if factory is broken.Slow else {}
    (check,) = run_checks(titled([promise], subject(factory, **limit)))
    assert not check.passed, check.detail
    assert said in check.detail


def test_no_promise_is_without_its_breach() -> None:
    assert {promise for promise, _, _ in BREACHES} == set(PROMISES)


def test_settings_reach_the_optimizer() -> None:
    checks = check_box_optimizer("gp-true", settings={"lengthscale": 0.1}, steps=2, dimensions=(2,), **PATIENT)
    assert failures(checks) == []
    assert checks[0].detail == "3 settings, version 1"


def test_an_unknown_name_is_an_error_of_the_user() -> None:
    with pytest.raises(RegistryError, match="Did you mean 'cmaes'"):
        check_box_optimizer("cmae")


def test_a_factory_that_cannot_be_called_is_refused_before_any_check() -> None:
    with pytest.raises(RegistryError, match=r"to call, got an unexpected keyword argument 'seed'"):
        check_box_optimizer(lambda dimensions: dimensions)
