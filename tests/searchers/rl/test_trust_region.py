"""TRPO's update: the Fisher matrix is the Fisher matrix, and no update leaves the trust region."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from harness.searchers.rl.controller import DTYPE, Controller
from harness.searchers.rl.objectives import Batch, Learner
from harness.searchers.rl.presets import PAPER
from harness.searchers.rl.trust_region import Step, conjugate_gradients, divergence, fisher_product, natural_step
from harness.space.grammar import Space

TINY = Space.of(blocks=1, operands=("g", "m"), unary=("id", "exp"), binary=("mul", "sub"))
TRPO = replace(PAPER, objective="trpo", normalize=True)


def test_conjugate_gradients_solve() -> None:
    root = torch.randn(8, 8, generator=torch.Generator().manual_seed(0), dtype=DTYPE)
    matrix, right = root @ root.T + torch.eye(8, dtype=DTYPE), torch.arange(8, dtype=DTYPE)
    solution = conjugate_gradients(lambda vector: matrix @ vector, right, steps=20)
    torch.testing.assert_close(matrix @ solution, right, rtol=1e-4, atol=1e-4)
    assert not conjugate_gradients(lambda vector: vector, torch.zeros(3)).any()


def test_the_fisher_product_is_that_of_the_scores_outer_products() -> None:
    # F = mean over the batch of Σ_steps Σ_choices p ∇log p ∇log pᵀ, built here entry by entry
    controller = Controller(TINY, seed=0, hidden=2, scale=1.0)
    picks, _ = controller.sample(2)
    reading = controller.read(picks)
    size = sum(weights.numel() for weights in controller.parameters)
    fisher = torch.zeros(size, size, dtype=DTYPE)
    for index in torch.argwhere(reading.chances > 0.0):
        log = reading.logs[tuple(index)]
        parts = torch.autograd.grad(log, controller.parameters, retain_graph=True)
        score = torch.cat([part.reshape(-1) for part in parts])
        fisher += reading.chances[tuple(index)].detach() * torch.outer(score, score) / len(picks)
    vector = torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=DTYPE)
    product = fisher_product(controller, reading, damping=0.3)(vector)
    torch.testing.assert_close(product, fisher @ vector + 0.3 * vector)


@pytest.mark.parametrize("bound", [0.001, 0.05, 1.0])
def test_every_update_stays_in_the_trust_region(bound) -> None:
    space = Space.of(blocks=2)
    controller = Controller(space, seed=0, hidden=12, scale=0.5)
    learner = Learner(controller, replace(TRPO, kl_bound=bound))
    scores, accepted = torch.Generator().manual_seed(0), 0
    for number in range(8):
        picks, old = controller.sample(5)
        before = controller.read(picks).detached()
        earned = torch.rand(5, generator=scores, dtype=DTYPE)
        learner.learn(Batch(picks, old, earned, tuple(f"{number} {row}" for row in range(5))))
        step, moved = learner.last_step, float(divergence(before, controller.read(picks).detached()).mean())
        assert step is not None
        assert moved <= bound
        assert moved == pytest.approx(step.divergence, abs=1e-12)
        accepted += step.accepted
        assert not step.accepted or (step.improvement > 0.0 and moved > bound / 1000)
    assert accepted >= 6


def test_a_step_that_cannot_help_is_not_taken() -> None:
    controller = Controller(TINY, seed=0, hidden=4)
    before = [weights.detach().clone() for weights in controller.parameters]
    picks, _ = controller.sample(5)

    def flat(reading) -> torch.Tensor:
        return 0.0 * reading.log_probability.sum()

    def misleading(reading) -> torch.Tensor:  # its gradient promises what its value never gives
        return reading.log_probability.sum() - reading.log_probability.sum().detach()

    assert natural_step(controller, picks, flat, bound=0.1, damping=0.1) == Step(False, 0.0, 0.0)
    assert natural_step(controller, picks, misleading, bound=0.1, damping=0.1) == Step(False, 0.0, 0.0)
    assert all(torch.equal(*pair) for pair in zip(before, controller.parameters, strict=True))


def test_a_step_that_gains_but_leaves_the_trust_region_is_halved_until_it_is_inside() -> None:
    """To make one rare rule likelier pays at any length, and costs more divergence than the quadratic model says."""
    bound = 0.3
    for seed in range(3):
        controller = Controller(Space.of(blocks=1), seed=seed, hidden=4, scale=0.3)
        picks, old = controller.sample(1)
        start = [weights.detach().clone() for weights in controller.parameters]
        before = controller.read(picks).detached()

        def gain(reading, old=old) -> torch.Tensor:
            return (reading.log_probability - old).exp().mean()

        step = natural_step(controller, picks, gain, bound=bound, damping=1e-4)
        after = controller.read(picks).detached()
        assert step.accepted
        assert bound / 10 < float(divergence(before, after).mean()) <= bound
        assert float(gain(after)) > float(gain(before))
        with torch.no_grad():
            for weights, origin in zip(controller.parameters, start, strict=True):
                weights.copy_(origin + 2 * (weights - origin))
        twice = controller.read(picks).detached()
        assert float(gain(twice)) > float(gain(after)), "twice the step would gain more,"
        assert float(divergence(before, twice).mean()) > bound, "but leave the region"


def test_where_the_quadratic_model_holds_the_full_step_meets_the_bound() -> None:
    bound, moved = 1e-5, []
    for seed in range(4):
        controller = Controller(Space.of(blocks=1), seed=seed, hidden=4, scale=0.3)
        picks, old = controller.sample(5)

        def gain(reading, old=old) -> torch.Tensor:
            return ((reading.log_probability - old).exp() * torch.arange(5, dtype=DTYPE)).mean()

        moved.append(natural_step(controller, picks, gain, bound=bound, damping=1e-6).divergence)
    assert max(moved) > 0.8 * bound
    assert max(moved) <= bound
