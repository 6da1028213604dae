from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch

from harness.contracts import Block, ChildProtocol, Outcome, Rule, Status, Task
from harness.errors import ProtocolError
from harness.race.protocol import TOY_QUADRATIC
from harness.registry import Kind, load
from harness.space.grammar import Space
from harness.space.zoo import ZOO, named, resolve
from tasks.toy import Landscape, QuadraticTask
from tasks.update_rule import RuleOptimizer


def timeless(outcome: Outcome) -> Outcome:
    return dataclasses.replace(outcome, seconds=0.0)


def outcome(rule: str, seed: int = 0, protocol: ChildProtocol = TOY_QUADRATIC) -> Outcome:
    return timeless(QuadraticTask(protocol).evaluate([resolve(rule)], seed=seed)[0])


def test_the_registry_knows_it() -> None:
    task = load(Kind.TASK, TOY_QUADRATIC.task)(TOY_QUADRATIC, None)
    assert isinstance(task, QuadraticTask)
    assert isinstance(task, Task)
    assert QuadraticTask.version == 1
    assert task.environment["torch"] == torch.__version__
    assert all(isinstance(value, str) for value in task.environment.values())


@pytest.mark.parametrize("edition", ["icml2017", "arxiv2"])
@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_a_thousand_random_rules_never_raise_and_never_score_nan(edition: str, blocks: int) -> None:
    rng = np.random.default_rng([blocks, len(edition)])
    space = Space.of(edition, blocks=blocks)
    rules = [space.sample(rng) for _ in range(125)]
    outcomes = QuadraticTask(TOY_QUADRATIC).evaluate(rules, seed=blocks)
    assert len(outcomes) == len(rules)
    for rule, result in zip(rules, outcomes, strict=True):
        assert result.status in (Status.OK, Status.DIVERGED), (rule.infix, result.message)
        scores = [result.score, *result.curve, *(score for _, score in result.sweep)]
        assert all(0.0 <= score <= 1.0 for score in scores), rule.infix
        assert 0 <= result.examples <= 1_100
        assert result.status is Status.DIVERGED or len(result.curve) == TOY_QUADRATIC.epochs
    assert len({result.score for result in outcomes}) > len(rules) / 5  # it does tell rules apart


def test_the_same_rule_and_seed_give_the_same_outcome_alone_or_in_company() -> None:
    task = QuadraticTask(TOY_QUADRATIC)
    rules = [named(name) for name in ZOO] + [resolve("noise + drop(g, 0.5)")]
    together = task.evaluate(rules, seed=3)
    for rule, result in zip(rules, together, strict=True):
        assert timeless(QuadraticTask(TOY_QUADRATIC).evaluate([rule], seed=3)[0]) == timeless(result)


def test_rules_that_are_one_function_score_the_same() -> None:
    assert outcome("g * exp(m)") == outcome("exp(m) * g")


def test_the_seed_decides_the_problems() -> None:
    assert len({outcome("adam", seed).score for seed in range(4)}) == 4


@pytest.mark.parametrize("good", ["sgd", "momentum", "adam", "rmsprop", "powersign", "addsign"])
def test_optimizers_beat_rules_that_ignore_the_gradient(good: str) -> None:
    for seed in range(3):
        for bad in ("1", "noise", "drop(1, 0.5)", "1e-1w", "-g"):
            assert outcome(good, seed).score > outcome(bad, seed).score + 0.15


def test_mixed_conditioning_rewards_momentum_and_adam() -> None:
    for seed in range(5):
        sgd = outcome("sgd", seed).score
        assert outcome("momentum", seed).score > sgd
        assert outcome("adam", seed).score > sgd


def test_the_outcome_says_what_happened() -> None:
    result = outcome("sgd")
    assert result.status is Status.OK
    assert [rate for rate, _ in result.sweep] == list(TOY_QUADRATIC.learning_rates)
    assert result.learning_rate == max(result.sweep, key=lambda entry: entry[1])[0]
    assert result.curve[0] == dict(result.sweep)[result.learning_rate]
    assert result.score == result.curve[-1]
    assert result.examples == 7 * 100 + 4 * 100  # no λ diverged, the first epoch was not trained twice


def test_a_rule_that_diverges_at_every_rate() -> None:
    result = outcome("g / (1 - 1) / (1 - 1) / (1 - 1) / (1 - 1) / (1 - 1)")
    assert result.status is Status.DIVERGED
    assert result.score == TOY_QUADRATIC.chance
    assert result.learning_rate is None
    assert result.examples < 7 * 100


def test_a_rate_that_diverges_ends_at_once_and_is_charged_what_it_used() -> None:
    far = dataclasses.replace(TOY_QUADRATIC, learning_rates=(0.1, 1e30))
    result = outcome("sgd", protocol=far)
    assert result.status is Status.OK
    assert result.learning_rate == 0.1
    assert result.sweep[1] == (1e30, far.chance)
    assert 0 < result.examples - 5 * 100 < 100


def one_rate_at_a_time(rule: Rule, rate: float, seed: int, epochs: int) -> float:
    """The same descent without a stack of rates, from the task's own landscape."""
    landscape = Landscape.of(TOY_QUADRATIC, seed)
    weights = landscape.minimum + landscape.start
    optimizer = RuleOptimizer([weights], rule, rate)
    for deviation in landscape.deviations[:epochs].flatten(0, 1):
        weights.grad = torch.einsum("pij,pj->pi", landscape.curvature, weights - landscape.minimum) + deviation
        optimizer.step()
    offset = weights - landscape.minimum
    losses = 0.5 * torch.einsum("pi,pij,pj->p", offset, landscape.curvature, offset)
    return float((1 - (losses / landscape.first_loss).clamp(max=1.0) ** 0.25).mean())


@pytest.mark.parametrize("name", ["sgd", "adam", "powersign"])
def test_a_stack_of_rates_trains_what_each_rate_alone_would(name: str) -> None:
    result = outcome(name, 2)
    for rate, score in result.sweep[2:]:
        assert score == pytest.approx(one_rate_at_a_time(named(name), rate, 2, 1), abs=1e-4)
    assert result.learning_rate is not None
    assert result.score == pytest.approx(one_rate_at_a_time(named(name), result.learning_rate, 2, 5), abs=1e-3)


def test_a_rule_that_cannot_run_is_an_error_and_the_others_still_count() -> None:
    task = QuadraticTask(TOY_QUADRATIC)
    broken = Rule((Block("g", "#7", "id", "id", "add"),))
    nonsense = Rule((Block("momentum\nof what", "g", "id", "id", "add"),))
    results = task.evaluate([broken, named("sgd"), nonsense, Rule(())], seed=0)
    assert [result.status for result in results] == [Status.ERROR, Status.OK, Status.ERROR, Status.ERROR]
    for result in (results[0], results[2], results[3]):
        assert result.score == TOY_QUADRATIC.chance
        assert result.learning_rate is None
        assert result.message
        assert "\n" not in result.message


def test_the_callers_generator_and_threads_are_left_alone() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    outcome("drop(g, 0.3) + noise")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    "changes", [{"noise_sigma": 5.0}, {"epochs": 2}, {"dtype": "float64"}, {"train_examples": 50}, {"batch_size": 20}]
)
def test_the_protocol_is_obeyed(changes: dict[str, Any]) -> None:
    protocol = dataclasses.replace(TOY_QUADRATIC, **changes)
    result = outcome("g + noise", protocol=protocol)
    assert result.score != outcome("g + noise").score
    assert math.isfinite(result.score)
    assert len(result.curve) == protocol.epochs


def test_a_dtype_it_cannot_use_is_refused() -> None:
    with pytest.raises(ProtocolError, match="dtype of the toy task"):
        QuadraticTask(dataclasses.replace(TOY_QUADRATIC, dtype="bfloat16"))
