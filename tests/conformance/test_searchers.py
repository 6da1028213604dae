"""Every registered searcher keeps every promise, and every promise's check catches a searcher that does not."""

from __future__ import annotations

import os

import broken_searchers as broken
import pytest

from harness.conformance import check_searcher, failures, searcher
from harness.conformance.checks import run_checks, titled
from harness.conformance.searcher import PROMISES, Subject
from harness.errors import RegistryError
from harness.registry import Kind, entries

# (promise, a searcher that breaks it, what the check says)
BREACHES = [
    (searcher.declaration, broken.TakesAnySetting, "took no_such_setting=1"),
    (searcher.declaration, broken.BadDefault, "raised SettingError: setting sizes"),
    (
        searcher.declaration,
        broken.DefaultOutOfRange,
        "the default of a setting is not allowed: setting share: expected",
    ),
    (searcher.declaration, broken.MisstatesStartup, "startup of MisstatesStartup: expected whole numbers by the names"),
    (searcher.declaration, broken.VersionText, "version is '1.0'"),
    (searcher.batch, broken.NoBatch, "batch is 0"),
    (searcher.counts, broken.TooMany, "ask(1) returned 2 rules"),
    (searcher.counts, broken.NothingAtOnce, "ask(1) returned nothing"),
    (searcher.counts, broken.SomethingForNothing, "ask(0) returned 1 rules"),
    (searcher.counts, broken.ReturnsAGenerator, "ask(1) returned a generator where a list of rules was due"),
    (searcher.counts, broken.ReturnsNothing, "ask(1) returned a NoneType where a list of rules was due"),
    (searcher.legal, broken.EndsOnAddition, "outside the space"),
    (searcher.legal, broken.ProposesTexts, "returned a str where a Rule was due"),
    (searcher.elsewhere, broken.HashOrder, "proposal"),
    (searcher.replay, broken.ClassState, "was"),
    (searcher.replay, broken.Unseeded, "replayed proposal 0 was"),
    (searcher.failures, broken.TrustsStatus, "RuntimeError in broken_searchers.py, line"),
    (searcher.equal_scores, broken.NeedsSpread, "ZeroDivisionError"),
    (searcher.order, broken.NeedsOrder, ": this is not what I asked for first"),
    (searcher.duplicates, broken.DividesByCharged, "ZeroDivisionError"),
    (searcher.exhaustion, broken.NeverRepeats, "it hangs"),
    (searcher.exhaustion, broken.GivesUpLoudly, "RuntimeError: nothing is left"),
    (searcher.isolation, broken.ClassState, "proposal"),
    (searcher.arguments, broken.SortsWhatItIsTold, "trial told"),
    (searcher.arguments, broken.KeepsItsAnswer, "proposal"),
    (searcher.surroundings, broken.SeedsPython, "changed Python's random"),
    (searcher.surroundings, broken.SeedsNumpy, "changed numpy.random"),
    (searcher.surroundings, broken.SetsEnvironment, "changed os.environ"),
    (searcher.independence, broken.ListensToPython, "proposal 0 was"),
    (searcher.cost, broken.Slow, "above 1 ms"),
]


PATIENT = {"timeout_seconds": 600.0, "ask_seconds": 60.0}  # the machine may be busy


def subject(factory, *, timeout_seconds: float = 600.0, ask_seconds: float = 60.0) -> Subject:
    return Subject(factory, {}, 0, (2,), timeout_seconds, ask_seconds)


@pytest.fixture(autouse=True)
def _tidy_environment():
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("name", entries(Kind.SEARCHER))
def test_registered_searchers_conform(name) -> None:
    assert failures(check_searcher(name, **PATIENT)) == []


def test_rl_conforms_with_a_critic_and_with_pre_training() -> None:
    settings = {"critic": 0.5, "pretraining": 3, "corpus": "functions"}
    assert failures(check_searcher("rl", settings=settings, **PATIENT)) == []


def test_a_sound_searcher_that_learns_conforms() -> None:
    heard: list[str] = []
    checks = check_searcher(
        "broken_searchers:Sound", blocks=(1, 2), report=lambda check: heard.append(check.name), **PATIENT
    )
    assert failures(checks) == []
    assert heard == [check.name for check in checks]
    assert len(set(heard)) == len(PROMISES)
    assert all(check.detail and check.seconds >= 0 for check in checks)


@pytest.mark.parametrize(("promise", "factory", "said"), BREACHES)
def test_every_breach_is_caught(promise, factory, said) -> None:
    patience = {"timeout_seconds": 3.0} if factory is broken.NeverRepeats else {}  # that one hangs
    limit = {"ask_seconds": 0.001} if factory is broken.Slow else {}
    (check,) = run_checks(titled([promise], subject(factory, **patience, **limit)))
    assert not check.passed, check.detail
    assert said in check.detail


def test_no_promise_is_without_its_breach() -> None:
    assert {promise for promise, _, _ in BREACHES} == set(PROMISES)


def test_a_searcher_that_no_other_process_can_find_is_told_so() -> None:
    class Hidden(broken.Sound):
        pass

    (check,) = run_checks(titled([searcher.elsewhere], subject(Hidden)))
    assert not check.passed
    assert "define it at the top level of a module" in check.detail


def test_what_a_searcher_prints_breaks_nothing() -> None:
    checks = run_checks(titled([searcher.elsewhere, searcher.exhaustion], subject(broken.Chatty)))
    assert failures(checks) == []


def test_a_broken_constructor_fails_checks_and_not_the_suite() -> None:
    checks = check_searcher(lambda space, *, seed: 1 / 0)  # noqa: ARG005
    assert len(failures(checks)) == len(PROMISES)
    assert "ZeroDivisionError" in failures(checks)[1]


@pytest.mark.parametrize("promise", [searcher.order, searcher.duplicates])
def test_a_searcher_that_proposes_nothing_does_not_keep_a_check_going(promise) -> None:
    class Silent(broken.Sound):
        batch = 0

        def ask(self, count: int):  # noqa: ARG002
            return []

    (check,) = run_checks(titled([promise], subject(Silent)))
    assert check.detail == "0 proposals"


def test_settings_reach_the_searcher() -> None:
    def factory(space, *, seed: int, size: int):
        assert size == 3
        return broken.Sound(space, seed=seed)

    checks = run_checks(titled([searcher.batch], Subject(factory, {"size": 3}, 0, (1,), *PATIENT.values())))
    assert failures(checks) == []


def test_an_unknown_name_is_an_error_of_the_user() -> None:
    with pytest.raises(RegistryError, match="Did you mean 'random'"):
        check_searcher("randon")


def test_a_factory_that_cannot_be_called_is_refused_before_any_check() -> None:
    with pytest.raises(RegistryError, match=r"to call, got an unexpected keyword argument 'seed'"):
        check_searcher(lambda space: space)


def test_a_searcher_that_ends_the_program_fails_its_checks() -> None:
    class Leaves(broken.Sound):
        def ask(self, count: int):  # noqa: ARG002
            raise SystemExit(0)

    (check,) = run_checks(titled([searcher.counts], subject(Leaves)))
    assert not check.passed
    assert "SystemExit" in check.detail
