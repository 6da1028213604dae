from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.contracts import Rule
from harness.space.zoo import named
from harness.tasks.optimizer.update_rule import RuleOptimizer
from harness.tasks.toy.protocols import TOY_ROSENBROCK
from harness.tasks.toy.rosenbrock import DIMENSIONS, STEEPNESS, Valleys, _climb, _gradient, _terms

STARTS = [sum(DIMENSIONS[:index]) for index in range(len(DIMENSIONS))]


def by_hand(x: Tensor, steepness: float) -> Tensor:
    """One problem as it is usually written, without its scale."""
    return sum(steepness * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


def slopes(x: Tensor, steepness: float) -> Tensor:
    x = x.clone().requires_grad_()
    by_hand(x, steepness).backward()
    return x.grad


def test_the_function_is_rosenbrocks() -> None:
    # f(−1.2, 1) = 24.2 with the gradient (−215.6, −88): the textbook's starting point
    x, wall, floor = torch.tensor([[-1.2, 1.0]], dtype=torch.float64), torch.tensor([100.0]), torch.tensor([1.0])
    assert _terms(x, wall, floor).sum().item() == pytest.approx(24.2)
    assert _gradient(x, _climb(x, wall)[1], floor)[0].tolist() == pytest.approx([-215.6, -88.0])


def test_problems_do_not_touch_and_their_gradients_are_right() -> None:
    valleys = Valleys.of(TOY_ROSENBROCK, 5)
    weights = (valleys.start + valleys.shift)[None] + torch.linspace(-0.5, 0.5, sum(DIMENSIONS))
    (gradient,), sizes = valleys.gradients([weights[None]], 1, 2)
    found = gradient[0] - valleys.deviations[1, 2]
    losses = _terms(weights - valleys.shift, valleys.walls, valleys.floors) @ valleys.members
    assert sizes.isfinite().all()
    for number, (start, size, steepness) in enumerate(zip(STARTS, DIMENSIONS, STEEPNESS, strict=True)):
        begin, here = valleys.start[start : start + size], (weights - valleys.shift)[0, start : start + size]
        scale = slopes(begin, steepness).square().mean().rsqrt()
        torch.testing.assert_close(
            found[0, start : start + size], scale * slopes(here, steepness), rtol=1e-4, atol=1e-4
        )
        torch.testing.assert_close(losses[0, number], scale * by_hand(here, steepness), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(valleys.first_loss[number], scale * by_hand(begin, steepness), rtol=1e-4, atol=1e-5)


def test_the_minimum_scores_one_and_the_start_zero() -> None:
    valleys = Valleys.of(TOY_ROSENBROCK, 0)
    for x, score in ((torch.ones_like(valleys.start), 1.0), (valleys.start, 0.0)):
        assert valleys.scores([(x + valleys.shift)[None]]).item() == pytest.approx(score, abs=0.02)


def test_a_loss_cut_to_a_ten_thousandth_scores_nine_tenths() -> None:
    valleys = Valleys.of(TOY_ROSENBROCK, 0)
    x = 0.9 * torch.ones_like(valleys.start) + 0.1 * valleys.start
    parts = [
        by_hand(x[start : start + size], steepness) / by_hand(valleys.start[start : start + size], steepness)
        for start, size, steepness in zip(STARTS, DIMENSIONS, STEEPNESS, strict=True)
    ]
    expected = sum(1 - part**0.25 for part in parts) / len(parts)
    assert 0.2 < expected < 0.8
    assert valleys.scores([(x + valleys.shift)[None]]).item() == pytest.approx(float(expected), abs=1e-4)


def test_shrinking_the_weights_is_no_way_to_win(outcome) -> None:
    for seed in range(3):
        assert outcome("1e-2w", TOY_ROSENBROCK, seed=seed).score < 0.3


def one_rate_at_a_time(rule: Rule, rate: float, seed: int) -> float:
    """One epoch of the descent without a stack of rates."""
    valleys = Valleys.of(TOY_ROSENBROCK, seed)
    weights = valleys.start + valleys.shift
    optimizer = RuleOptimizer([weights], rule, rate)
    for step in range(valleys.deviations.shape[1]):
        (gradient,), _ = valleys.gradients([weights[None, None]], 0, step)
        weights.grad = gradient[0, 0]
        optimizer.step()
    return float(valleys.scores([weights[None]])[0])


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_a_stack_of_rates_trains_what_each_rate_alone_would(outcome, name) -> None:
    for rate, score in outcome(name, TOY_ROSENBROCK, seed=2).sweep[:5]:
        assert score == pytest.approx(one_rate_at_a_time(named(name), rate, 2), abs=1e-3)


def test_a_batchs_gradient_strays_by_half_of_one_over_the_root_of_its_examples() -> None:
    # 60 seeds of 12 batches of 27 numbers: the estimate's standard deviation is 0.5%; of 120 examples 10 at a time
    protocol = TOY_ROSENBROCK
    first_epochs = torch.stack([Valleys.of(protocol, seed).deviations[0] for seed in range(60)]).double()
    drawn, pool = protocol.batch_size, protocol.train_examples
    expected = 0.5 * ((pool - drawn) / pool / drawn) ** 0.5
    assert first_epochs.square().mean().sqrt().item() == pytest.approx(expected, rel=0.03)


def test_what_a_seed_draws_is_unchanged() -> None:
    """Another draw moves every score: raise the protocol's version then, and write these anew."""
    valleys = Valleys.of(TOY_ROSENBROCK, 4)
    assert valleys.start[:3].tolist() == pytest.approx([-1.1559, 1.0734, -1.2671], abs=1e-4)
    assert valleys.shift[:3].tolist() == pytest.approx([-0.5547, -1.5542, 1.3220], abs=1e-4)
    assert valleys.deviations[0, 0, :3].tolist() == pytest.approx([-0.0859, -0.0988, 0.0367], abs=1e-4)
