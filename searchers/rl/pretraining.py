"""Pre-training: before its first proposal the controller learns to imitate random draws, and no child is charged."""

from __future__ import annotations

import numpy as np
import torch

from harness.searchers.rl.controller import Controller
from harness.searchers.rl.presets import Numbers
from harness.seeds import derive_seed
from harness.space.draws import Draws
from harness.space.grammar import Space

RULES = 64  # a step (**D**)
STEP = 0.005  # of Adam (**D**)


def pretrain(controller: Controller, space: Space, numbers: Numbers, *, seed: int) -> None:
    """Raise the likelihood of random draws, or of each function among them once, by ``numbers.pretraining`` steps.

    Args:
        controller: the controller to train.
        space: the space to draw from.
        numbers: ``pretraining``, ``corpus`` and ``plain`` count.
        seed: decides the draws, which are other ones than those that begin a search.
    """
    own = derive_seed(seed, "rl", "pretraining")
    draws = Draws(space, seed=own, plain=numbers.plain)
    rules = [draws.draw() for _ in range(numbers.pretraining * RULES)]
    if numbers.corpus == "functions":
        rules = list({rule.key: rule for rule in reversed(rules)}.values())  # of each function the first string drawn
    picks = torch.from_numpy(np.array([space.encode(rule).reshape(-1) for rule in rules], dtype=np.int64))
    order = torch.Generator().manual_seed(derive_seed(own, "order"))
    adam = torch.optim.Adam(controller.parameters, lr=STEP)
    for _ in range(numbers.pretraining):
        chosen = torch.randint(len(rules), (RULES,), generator=order)
        adam.zero_grad()
        (-controller.read(picks[chosen]).log_probability.mean()).backward()
        adam.step()
