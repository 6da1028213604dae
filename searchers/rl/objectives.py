"""The five training objectives of the controller, all by gradients of log-probabilities of rules.

- ``reinforce``: the policy gradient, one step per batch (Williams 1992; [NOS] §3.2).
- ``ppo``: the clipped ratio of Schulman et al. 2017, several steps per batch.
- ``trpo``: the natural gradient within a bound on the KL divergence (Schulman et al. 2015).
- ``risk_seeking``: the gradient on the best ε-fraction only (Petersen et al. 2021).
- ``pqt``: the clipped gradient, and imitation of the k best so far (Abolafia et al. 2018).

All add an entropy bonus (protocol §4): the entropies of the steps' distributions, summed over a rule's steps (**D**).
All but ``risk_seeking`` compare a reward with what was expected: the moving average of past rewards, which a critic, if
there is one, corrects at every step of a rule.

The gains below take tensors of shape ``(batch,)``, or ``(batch, positions)``, whose steps they sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.searchers.rl.controller import Controller, Reading
from harness.searchers.rl.critic import Critic
from harness.searchers.rl.presets import Numbers
from harness.searchers.rl.signals import Baseline, Elites, Recent
from harness.searchers.rl.trust_region import Step, natural_step

MOST_RATIO = 10.0


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of scored rules.

    Attributes:
        picks: the rules as picks, shape ``(batch, positions)``.
        old: their log-probabilities when they were proposed, shape ``(batch,)``.
        scores: what they earned, shape ``(batch,)``.
        keys: the keys of their functions.
    """

    picks: Tensor
    old: Tensor
    scores: Tensor
    keys: tuple[str, ...]


def likelihood_gain(new: Tensor, advantages: Tensor) -> Tensor:
    """Return the mean of A log p, whose gradient is REINFORCE's."""
    return _mean(advantages * new)


def ratio_gain(new: Tensor, old: Tensor, advantages: Tensor) -> Tensor:
    """Return the mean of r A, r = p/p_old, whose gradient at p = p_old is REINFORCE's."""
    return _mean(advantages * (new - old).exp())


def clipped_gain(new: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Return the mean of min(r A, clip(r, 1−c, 1+c) A) (Schulman et al. 2017, eq. 7).

    Beyond a ratio of ``MOST_RATIO`` nothing is learnt (**D**, like the dual clip of Ye et al. 2020): if a result comes
    late, a rule that was nearly impossible when it was proposed would otherwise outweigh all others.
    """
    ratio = (new - old).clamp(max=math.log(MOST_RATIO)).exp()
    return _mean(torch.minimum(ratio * advantages, ratio.clamp(1.0 - clip, 1.0 + clip) * advantages))


def by_step(reading: Reading) -> Tensor:
    """Return a rule's log-probability at each of its steps, ``(batch, positions)``, differentiable in that step's pick.

    So a ratio is the rule's, and an advantage of a step moves only what was picked there; where all steps have one
    advantage, the gradient is that of the rule as a whole (**D**).
    """
    return reading.steps + (reading.log_probability[:, None] - reading.steps).detach()


def _mean(gains: Tensor) -> Tensor:
    return gains.mean(0).sum()


class Learner:
    """Train a controller batch by batch.

    Attributes:
        critic: what corrects the moving average of rewards; None if its weight is 0.
        elites: the queue that ``pqt`` imitates; kept by every objective.
        last_step: what TRPO's last update did; None before the first and with other objectives.

    Args:
        controller: the controller to train.
        numbers: the objective and its parameters.
    """

    def __init__(self, controller: Controller, numbers: Numbers) -> None:
        self.controller = controller
        self.numbers = numbers
        self.baseline = Baseline(numbers.baseline_decay)
        self.recent = Recent(numbers.window)
        self.elites = Elites(numbers.queue, resolution=numbers.resolution)
        self.last_step: Step | None = None
        self.critic = Critic(controller) if numbers.critic > 0.0 and numbers.objective != "risk_seeking" else None
        learnt = controller.parameters + (self.critic.parameters if self.critic else [])
        self._adam = torch.optim.Adam(learnt, lr=numbers.learning_rate)

    def learn(self, batch: Batch) -> None:
        """Learn from one batch."""
        numbers = self.numbers
        for key, score, picks in zip(batch.keys, batch.scores.tolist(), batch.picks, strict=True):
            self.elites.offer(key, score, picks)
        if numbers.objective == "risk_seeking":
            advantages = self._above_quantile(batch.scores)
        else:
            advantages = self.baseline.advantages(batch.scores, normalize=numbers.normalize)
        if numbers.objective == "trpo":
            self._trust(batch, advantages)
            return
        for _ in range(1 if numbers.objective == "reinforce" else numbers.epochs):
            self._adam.zero_grad()
            (-self.gain(batch, advantages)).backward()
            self._adam.step()

    def gain(self, batch: Batch, advantages: Tensor) -> Tensor:
        """Return the scalar that the next step of Adam increases; not for TRPO."""
        numbers, count = self.numbers, len(batch.scores)
        imitated = numbers.objective == "pqt" and len(self.elites) > 0
        reading = self.controller.read(torch.cat([batch.picks, self.elites.picks]) if imitated else batch.picks)
        new, old = reading.log_probability[:count], batch.old
        loss: Tensor | float = 0.0
        if self.critic:
            new, old = by_step(reading)[:count], old[:, None]
            loss, advantages = self.critic.judge(reading.states[:count], advantages)
        if numbers.objective == "reinforce":
            gain = likelihood_gain(new, advantages)
        else:
            gain = clipped_gain(new, old, advantages, numbers.clip)
        gain = gain - numbers.critic * loss
        if imitated:
            gain = gain + numbers.imitation * reading.log_probability[count:].mean()
        return gain + numbers.entropy * reading.entropy[:count].mean()

    def _above_quantile(self, scores: Tensor) -> Tensor:
        """Return (R − q)/ε where R ≥ q, else 0; q is the quantile of recent rewards (Petersen et al. 2021)."""
        fraction = self.numbers.elite_fraction
        excess = (scores - self.recent.quantile(scores, fraction)).clamp(min=0.0) / fraction
        if not self.numbers.normalize:
            return excess
        return excess / self.recent.spread

    def _trust(self, batch: Batch, advantages: Tensor) -> None:
        numbers, old = self.numbers, self.controller.read(batch.picks).detached()
        loss = None
        if self.critic:
            loss, advantages = self.critic.judge(old.states, advantages)

        def surrogate(reading: Reading) -> Tensor:
            if loss is None:
                gain = ratio_gain(reading.log_probability, old.log_probability, advantages)
            else:
                gain = ratio_gain(reading.steps, old.steps, advantages)
            return gain + numbers.entropy * reading.entropy.mean()

        self.last_step = natural_step(
            self.controller, batch.picks, surrogate, bound=numbers.kl_bound, damping=numbers.damping
        )
        if loss is not None:
            self._adam.zero_grad()
            (numbers.critic * loss).backward()
            self._adam.step()
