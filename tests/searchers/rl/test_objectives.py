"""Each objective follows the gradient it claims to, and learns an easy reward."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from harness.searchers.rl.controller import DTYPE, Controller
from harness.searchers.rl.objectives import Batch, Learner, clipped_gain, likelihood_gain, ratio_gain
from harness.searchers.rl.presets import PAPER
from harness.space.grammar import Space

TINY = Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub", "add"))
RULES = torch.tensor(
    [picks for picks in product(range(3), range(3), range(2), range(2), range(3)) if picks[0] != picks[1] and picks[4]]
)  # all 48, the mask on add (number 0) and on op1 = op2 applied
FAST = replace(PAPER, learning_rate=0.02, epochs=2, normalize=True, hidden=16, kl_bound=0.1, elite_fraction=0.3)


def planted(picks: Tensor) -> Tensor:
    """0 to 1: how many of four wanted picks a rule has."""
    wanted = torch.tensor([1, 0, 1, 1])
    return (picks[:, [0, 1, 2, 4]] == wanted).double().mean(1)


def controller() -> Controller:
    return Controller(TINY, seed=0, hidden=16, scale=0.5)


def gradient(value: Tensor, policy: Controller) -> Tensor:
    return torch.cat([part.reshape(-1) for part in torch.autograd.grad(value, policy.parameters, retain_graph=True)])


def batch_of(picks: Tensor, old: Tensor) -> Batch:
    return Batch(picks, old, planted(picks), tuple(str(row) for row in picks.tolist()))


def test_the_rules_listed_are_the_space() -> None:
    assert len(RULES) == TINY.size()
    assert controller().read(RULES).log_probability.exp().sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("baseline", [0.0, 0.5, -3.0])
@pytest.mark.parametrize("kind", ["reinforce", "ratio", "clipped"])
def test_the_expected_step_is_the_gradient_of_the_expected_reward(kind, baseline) -> None:
    policy = controller()
    new = policy.read(RULES).log_probability
    chances, rewards = new.exp(), planted(RULES)
    exact = gradient((chances * rewards).sum(), policy)
    weighted = len(RULES) * chances.detach() * (rewards - baseline)  # an expectation written as a mean over all rules
    gain = {
        "reinforce": likelihood_gain(new, weighted),
        "ratio": ratio_gain(new, new.detach(), weighted),
        "clipped": clipped_gain(new, new.detach(), weighted, 0.2),
    }[kind]
    torch.testing.assert_close(gradient(gain, policy), exact)
    assert exact.norm() > 1e-3


def test_samples_estimate_the_gradient_without_bias() -> None:
    # the mean of 4,000 samples' gradients, as Learner.gain has it; its error has a norm of 0.5 to 2% of one sample's
    policy = controller()
    reading = policy.read(RULES)
    exact = gradient((reading.log_probability.exp() * planted(RULES)).sum(), policy)
    picks, old = policy.sample(4000)
    learner = Learner(policy, replace(FAST, objective="reinforce", entropy=0.0))
    estimate = gradient(learner.gain(batch_of(picks, old), planted(picks) - 0.5), policy)
    assert torch.nn.functional.cosine_similarity(estimate, exact, dim=0) > 0.97
    assert 0.85 < estimate.norm() / exact.norm() < 1.15


@pytest.mark.parametrize(
    ("ratio", "advantage", "moves"),
    [(1.3, 1.0, False), (1.3, -1.0, True), (0.7, -1.0, False), (0.7, 1.0, True), (1.1, 1.0, True), (0.9, -1.0, True)],
)
def test_a_ratio_is_not_rewarded_beyond_the_clip(ratio, advantage, moves) -> None:
    new = torch.tensor([ratio], dtype=DTYPE).log().requires_grad_()
    gain = clipped_gain(new, torch.zeros(1, dtype=DTYPE), torch.tensor([advantage], dtype=DTYPE), 0.2)
    (slope,) = torch.autograd.grad(gain, new)
    assert float(slope) == pytest.approx(ratio * advantage if moves else 0.0)


@pytest.mark.parametrize("advantage", [1.0, -1.0])
def test_a_rule_that_became_likely_since_it_was_asked_does_not_outweigh_the_rest(advantage) -> None:
    new = torch.tensor([-1.0], dtype=DTYPE).requires_grad_()
    gain = clipped_gain(new, torch.tensor([-2000.0], dtype=DTYPE), torch.tensor([advantage], dtype=DTYPE), 0.2)
    (slope,) = torch.autograd.grad(gain, new)
    assert float(slope) == 0.0
    assert torch.isfinite(gain)


@pytest.mark.parametrize(("ratio", "moves"), [(2.0, True), (9.0, True), (11.0, False), (1e6, False)])
def test_beyond_a_ratio_of_ten_a_bad_rule_is_punished_no_more(ratio, moves) -> None:
    new = torch.tensor([ratio], dtype=DTYPE).log().requires_grad_()
    gain = clipped_gain(new, torch.zeros(1, dtype=DTYPE), -torch.ones(1, dtype=DTYPE), 0.2)
    (slope,) = torch.autograd.grad(gain, new)
    assert float(slope) == pytest.approx(-ratio if moves else 0.0)
    assert gain.item() == pytest.approx(-min(ratio, 10.0))


def test_ppo_stops_near_the_clip_where_reinforce_would_go_on() -> None:
    moved = {}
    for clip in (0.1, 1.0):
        policy = controller()
        learner = Learner(policy, replace(FAST, objective="ppo", clip=clip, entropy=0.0, epochs=40))
        picks, old = policy.sample(5)
        scores = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0], dtype=DTYPE)
        learner.learn(Batch(picks, old, scores, ("a", "b", "c", "d", "e")))
        moved[clip] = (policy.read(picks).log_probability - old)[0].exp().item()
    assert 1.1 < moved[0.1] < moved[1.0]


def test_the_entropy_bonus_flattens_a_policy_that_earns_nothing() -> None:
    policy = controller()
    learner = Learner(policy, replace(FAST, objective="reinforce", entropy=1.0))
    before = policy.read(RULES).entropy.mean().item()
    for _ in range(30):
        picks, old = policy.sample(5)
        learner.learn(Batch(picks, old, torch.zeros(5, dtype=DTYPE), tuple("abcde")))
    assert policy.read(RULES).entropy.mean().item() > before + 0.1


def test_risk_seeking_learns_from_nothing_below_the_quantile() -> None:
    policy = controller()
    learner = Learner(policy, replace(FAST, objective="risk_seeking", elite_fraction=0.2, entropy=0.0))
    picks, old = policy.sample(20)
    learner.learn(batch_of(picks, old))
    before = [weights.detach().clone() for weights in policy.parameters]
    learner._adam.state.clear()  # momentum from the first batch would go on moving the weights
    learner.learn(Batch(picks, old, torch.full((20,), -1.0, dtype=DTYPE), tuple(map(str, range(20)))))
    assert all(torch.equal(*pair) for pair in zip(before, policy.parameters, strict=True))


def test_pqt_imitates_the_queue_when_the_batch_says_nothing() -> None:
    policy = controller()
    learner = Learner(policy, replace(FAST, objective="pqt", queue=2, entropy=0.0))
    best = RULES[:2]
    before = policy.read(best).log_probability.detach()
    learner.learn(Batch(best, before, torch.tensor([0.9, 0.8], dtype=DTYPE), ("a", "b")))
    for _ in range(30):
        picks, old = policy.sample(5)
        learner.learn(Batch(picks, old, torch.zeros(5, dtype=DTYPE), tuple("vwxyz")))
    assert learner.elites.keys == ["a", "b"]
    assert policy.read(best).log_probability.exp().sum().item() > 0.9


@pytest.mark.parametrize("objective", ["reinforce", "ppo", "trpo", "risk_seeking", "pqt"])
def test_an_easy_reward_is_learnt(objective) -> None:
    policy = Controller(TINY, seed=0, hidden=16)
    learner = Learner(policy, replace(FAST, objective=objective))
    expected = []
    for _ in range(80):
        picks, old = policy.sample(5)
        learner.learn(batch_of(picks, old))
        expected.append((policy.read(RULES).log_probability.exp() * planted(RULES)).sum().item())
    assert expected[0] < 0.6  # 0.43 of a uniform draw
    assert expected[-1] > 0.8
