from __future__ import annotations

import pytest
import torch

from harness.contracts import Rule
from harness.race.protocol import TOY_QUADRATIC
from harness.space.zoo import named
from harness.tasks.toy.quadratic import Quadratics
from harness.tasks.update_rule import RuleOptimizer


def test_mixed_conditioning_rewards_momentum_and_adam(outcome) -> None:
    for seed in range(5):
        sgd = outcome("sgd", TOY_QUADRATIC, seed=seed).score
        assert outcome("momentum", TOY_QUADRATIC, seed=seed).score > sgd
        assert outcome("adam", TOY_QUADRATIC, seed=seed).score > sgd


def one_rate_at_a_time(rule: Rule, rate: float, seed: int, epochs: int) -> float:
    """The same descent without a stack of rates, from the task's own problems."""
    problems = Quadratics.of(TOY_QUADRATIC, seed)
    weights = problems.minimum + problems.start
    optimizer = RuleOptimizer([weights], rule, rate)
    for deviation in problems.deviations[:epochs].flatten(0, 1):
        weights.grad = torch.einsum("pij,pj->pi", problems.curvature, weights - problems.minimum) + deviation
        optimizer.step()
    offset = weights - problems.minimum
    losses = 0.5 * torch.einsum("pi,pij,pj->p", offset, problems.curvature, offset)
    return float((1 - (losses / problems.first_loss).clamp(max=1.0) ** 0.25).mean())


@pytest.mark.parametrize("name", ["sgd", "adam", "powersign"])
def test_a_stack_of_rates_trains_what_each_rate_alone_would(outcome, name) -> None:
    result = outcome(name, TOY_QUADRATIC, seed=2)
    for rate, score in result.sweep[2:]:
        assert score == pytest.approx(one_rate_at_a_time(named(name), rate, 2, 1), abs=1e-4)
    assert result.learning_rate is not None
    assert result.score == pytest.approx(one_rate_at_a_time(named(name), result.learning_rate, 2, 5), abs=1e-3)
