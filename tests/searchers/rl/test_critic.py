"""The critic is a baseline that learns, and leaves the expected step as it is."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from harness.searchers.rl.controller import DTYPE, Controller
from harness.searchers.rl.critic import Critic
from harness.searchers.rl.objectives import Batch, Learner, by_step, clipped_gain, likelihood_gain, ratio_gain
from harness.searchers.rl.presets import PAPER
from harness.space.grammar import Space

TINY = Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub", "add"))
RULES = torch.tensor(
    [picks for picks in product(range(3), range(3), range(2), range(2), range(3)) if picks[0] != picks[1] and picks[4]]
)  # all 48, the mask on add (number 0) and on op1 = op2 applied
WANTED = torch.tensor([1, 0, 1, 1])
FAST = replace(PAPER, learning_rate=0.02, epochs=2, normalize=True, hidden=16, kl_bound=0.1, critic=0.5)


def planted(picks: Tensor) -> Tensor:
    """0 to 1: how many of four wanted picks a rule has."""
    return (picks[:, [0, 1, 2, 4]] == WANTED).double().mean(1)


def controller() -> Controller:
    return Controller(TINY, seed=0, hidden=16, scale=0.5)


def some_critic(policy: Controller) -> Critic:
    critic, draws = Critic(policy), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for part in critic.parameters:
            part += torch.randn(part.shape, generator=draws, dtype=DTYPE)
    return critic


def gradient(value: Tensor, policy: Controller) -> Tensor:
    return torch.cat([part.reshape(-1) for part in torch.autograd.grad(value, policy.parameters, retain_graph=True)])


def batch_of(picks: Tensor, old: Tensor) -> Batch:
    return Batch(picks, old, planted(picks), tuple(str(row) for row in picks.tolist()))


def test_before_it_has_learnt_the_moving_average_alone_counts() -> None:
    reading = controller().read(RULES)
    _, left = Critic(controller()).judge(reading.states, planted(RULES))
    assert torch.equal(left, planted(RULES)[:, None].expand(48, 5))


def test_a_value_depends_on_the_picks_before_it_and_on_none_after() -> None:
    policy = controller()
    critic = some_critic(policy)
    one, other = torch.tensor([[0, 1, 0, 1, 1], [0, 1, 1, 1, 1]])  # they differ in the pick at position 2
    value, changed = (critic.values(policy.read(picks[None]).states)[0] for picks in (one, other))
    assert torch.equal(value[:3], changed[:3])
    assert (value[3:] != changed[3:]).all()


@pytest.mark.parametrize("kind", ["reinforce", "clipped", "trpo"])
def test_whatever_it_says_the_expected_step_is_the_gradient_of_the_expected_reward(kind) -> None:
    policy = controller()
    reading = policy.read(RULES)
    chances, rewards = reading.log_probability.exp(), planted(RULES)
    exact = gradient((chances * rewards).sum(), policy)
    _, left = some_critic(policy).judge(reading.states, rewards)
    assert left.std(1).min() > 0.1  # the steps of every rule have different advantages
    weighted = len(RULES) * chances.detach()[:, None] * left  # an expectation written as a mean over all rules
    gain = {
        "reinforce": lambda: likelihood_gain(by_step(reading), weighted),
        "clipped": lambda: clipped_gain(by_step(reading), reading.log_probability.detach()[:, None], weighted, 0.2),
        "trpo": lambda: ratio_gain(reading.steps, reading.steps.detach(), weighted),
    }[kind]()
    torch.testing.assert_close(gradient(gain, policy), exact)
    assert exact.norm() > 1e-3


@pytest.mark.parametrize("shift", [-0.3, -0.1, 0.0, 0.1, 0.3])
def test_with_one_advantage_for_all_steps_the_gradient_is_that_of_the_rule(shift) -> None:
    policy = controller()
    reading = policy.read(RULES)
    old = reading.log_probability.detach() - shift  # beyond 0.2 the ratio is clipped for half of the rules
    advantages = planted(RULES) - 0.5
    whole = clipped_gain(reading.log_probability, old, advantages, 0.2)
    steps = clipped_gain(by_step(reading), old[:, None], advantages[:, None].expand(48, 5), 0.2)
    torch.testing.assert_close(gradient(steps, policy), gradient(whole, policy))


def test_it_learns_what_the_beginning_of_a_rule_says_of_its_reward() -> None:
    policy = controller()
    critic, states, rewards = Critic(policy), policy.read(RULES).states.detach(), planted(RULES)
    adam = torch.optim.Adam(critic.parameters, lr=0.05)
    for _ in range(500):
        adam.zero_grad()
        loss, _ = critic.judge(states, rewards)
        loss.backward()
        adam.step()
    values = critic.values(states).detach()
    for first in range(3):
        rules = RULES[:, 0] == first
        torch.testing.assert_close(values[rules, 0].mean(), rewards.mean(), atol=0.01, rtol=0.0)
        torch.testing.assert_close(values[rules, 1].mean(), rewards[rules].mean(), atol=0.01, rtol=0.0)
    assert len({round(float(rewards[RULES[:, 0] == first].mean()), 2) for first in range(3)}) > 1


@pytest.mark.parametrize("objective", ["reinforce", "ppo", "trpo", "pqt"])
def test_it_learns_beside_the_controller_and_an_easy_reward_is_learnt(objective) -> None:
    policy = Controller(TINY, seed=0, hidden=16)
    learner = Learner(policy, replace(FAST, objective=objective))
    for _ in range(80):
        picks, old = policy.sample(5)
        learner.learn(batch_of(picks, old))
    assert learner.critic is not None
    assert all(part.any() for part in learner.critic.parameters)
    assert (policy.read(RULES).log_probability.exp() * planted(RULES)).sum().item() > 0.8


def test_its_loss_trains_the_controller_too_by_its_weight() -> None:
    moved = {}
    for weight in (0.0, 0.5, 5.0):
        policy = controller()
        learner = Learner(policy, replace(FAST, objective="reinforce", entropy=0.0, critic=weight))
        if learner.critic is not None:
            with torch.no_grad():
                learner.critic.weights += 1.0
        picks, old = RULES[:5], policy.read(RULES[:5]).log_probability.detach()
        moved[weight] = gradient(learner.gain(batch_of(picks, old), torch.zeros(5, dtype=DTYPE)), policy)
    assert not moved[0.0].any()  # no advantage, no entropy bonus
    assert 0.0 < moved[0.5].norm() < moved[5.0].norm()


@pytest.mark.parametrize("numbers", [replace(FAST, critic=0.0), replace(FAST, objective="risk_seeking")])
def test_there_is_none_without_a_weight_or_without_a_baseline(numbers) -> None:
    learner = Learner(controller(), numbers)
    assert learner.critic is None
