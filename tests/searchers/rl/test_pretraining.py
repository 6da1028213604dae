"""Pre-training makes the controller the distribution that it reads, and the search begins as it would without."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import product

import pytest
import torch

from harness.searchers.rl.agent import ReinforcementLearning
from harness.searchers.rl.controller import Controller
from harness.searchers.rl.presets import PAPER, Numbers
from harness.searchers.rl.pretraining import pretrain
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)
TINY = Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub", "add"))
RULES = torch.tensor(
    [picks for picks in product(range(3), range(3), range(2), range(2), range(3)) if picks[0] != picks[1] and picks[4]]
)  # all 48, the mask on add (number 0) and on op1 = op2 applied
KEYS = [TINY.decode(row).key for row in RULES.numpy()]


def trained(*, seed: int = 0, **changed: int | float | str) -> Controller:
    numbers: Numbers = replace(PAPER, **changed)  # type: ignore[arg-type]
    controller = Controller(TINY, seed=0, hidden=16, scale=1.0)
    pretrain(controller, TINY, numbers, seed=seed)
    return controller


def weights(controller: Controller) -> torch.Tensor:
    return torch.cat([part.detach().reshape(-1) for part in controller.parameters])


def by_function(controller: Controller) -> torch.Tensor:
    """Probability of every function of the space."""
    chances: dict[str, float] = defaultdict(float)
    for key, chance in zip(KEYS, controller.read(RULES).log_probability.exp().tolist(), strict=True):
        chances[key] += chance
    return torch.tensor(list(chances.values()))


def test_without_steps_no_weight_moves() -> None:
    assert torch.equal(weights(trained(pretraining=0)), weights(Controller(TINY, seed=0, hidden=16, scale=1.0)))


def test_strings_become_equally_likely() -> None:
    assert trained(pretraining=0).read(RULES).log_probability.exp().max() > 3 / 48
    chances = trained(pretraining=300).read(RULES).log_probability.exp()
    assert chances.min() > 0.6 / 48
    assert chances.max() < 1.6 / 48


def test_functions_become_equally_likely() -> None:
    count = len(set(KEYS))
    assert count < 40
    strings, functions = (by_function(trained(pretraining=300, corpus=name)) for name in ("strings", "functions"))
    assert (count * functions - 1).abs().mean() < 0.18
    assert (count * strings - 1).abs().mean() > 0.22


def test_it_imitates_draws_as_plain_as_those_of_the_search() -> None:
    def share(plain: float) -> float:
        picks, _ = trained(pretraining=200, plain=plain).sample(1000)
        return float((picks[:, 2:4] == TINY.unary.index("id")).double().mean())

    # 2,000 picks: the share of id is 1/2, and 0.8 + 0.1, each ± 0.01 by chance
    assert share(0.0) == pytest.approx(0.5, abs=0.06)
    assert share(0.8) == pytest.approx(0.9, abs=0.06)


def test_seeds_decide_what_is_read() -> None:
    one, again, other = (weights(trained(pretraining=3, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_the_search_begins_with_the_draws_that_it_would_begin_with() -> None:
    without, with_it = (ReinforcementLearning(SPACE, seed=3, hidden=8, pretraining=steps) for steps in (0, 30))
    assert with_it.ask(10) == without.ask(10)
    assert with_it.ask(10) != without.ask(10)  # samples of the controller
    assert not with_it.learner.elites.keys  # nothing counts as told
