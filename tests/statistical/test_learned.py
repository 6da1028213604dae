"""The default for quadratics beats SGD with its best λ on problems that neither has seen."""

from __future__ import annotations

import torch
from scipy.stats import wilcoxon
from torch import Tensor

from harness.seeds import derive_seed
from harness.tasks.learned.meta.rollout import Rollout
from harness.tasks.learned.problems.quadratic import QuadraticProblems, Quadratics
from harness.tasks.learned.weights import load

STEPS = 100
FRESH, TUNING = 300, 300
ODDS = 1e-6


def by_sgd(problems: QuadraticProblems, rate: float) -> Tensor:
    """The mean of f over the steps, for every problem."""
    weights, total = problems.start(), torch.zeros(len(problems.first))
    for step in range(STEPS):
        _, gradient = problems.evaluate(weights, step)
        weights -= rate * gradient
        total += problems.evaluate(weights, step + 1)[0]
    return total / STEPS


def by_lstm(problems: QuadraticProblems) -> Tensor:
    rollout, total = Rollout(problems, load("quadratic").networks), torch.zeros(len(problems.first))
    for _ in range(STEPS):
        rollout.step()
        total += rollout.evaluate()[0]
    return total / STEPS


def test_the_default_beats_sgd_on_fresh_quadratics() -> None:
    """Were it as likely worse than SGD on a problem as better, this would pass with odds of one in a million."""
    family = Quadratics()
    tuning = family.draw(derive_seed(0, "test of the default", "tuning"), TUNING)
    rates = [2.0**-power for power in range(3, 12)]
    best = min(rates, key=lambda rate: float(by_sgd(tuning, rate).nan_to_num(torch.inf, torch.inf).mean()))
    assert rates[0] > best > rates[-1], "the best is none of the ends"
    problems = family.draw(derive_seed(0, "test of the default", "fresh"), FRESH)
    ours, theirs = by_lstm(problems), by_sgd(problems, best)
    assert wilcoxon((ours / theirs).log().numpy(), alternative="less").pvalue < ODDS
    assert float(ours.mean()) < float(theirs.mean())
