"""The controller's numbers by preset, which hold unless a setting overrides them.

A change to a number here changes proposals, so it must raise ``ReinforcementLearning.version``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

Objective = Literal["reinforce", "ppo", "trpo", "risk_seeking", "pqt"]
Corpus = Literal["strings", "functions"]
Preset = Literal["short", "icml2017", "arxiv2", "paper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """All numbers that decide how the controller learns; ``agent.ReinforcementLearning`` explains each.

    Those with a default here are the same in every preset.
    """

    objective: Objective
    learning_rate: float
    epochs: int
    entropy: float
    normalize: bool
    hidden: int
    kl_bound: float
    elite_fraction: float
    imitation: float
    init: float = 0.08
    baseline_decay: float = 0.95  # **D**, like all that follow except the size of the queue
    clip: float = 0.2
    damping: float = 0.1
    window: int = 100
    queue: int = 10  # Abolafia et al. 2018
    resolution: float = 0.0
    plain: float = 0.0
    initial: int = 0
    repeats: bool = False
    critic: float = 0.0
    pretraining: int = 0
    corpus: Corpus = "strings"


PAPER = Numbers(
    objective="ppo",
    learning_rate=1e-5,
    epochs=4,  # **D**
    entropy=0.0015,
    normalize=False,
    hidden=150,
    kl_bound=0.01,  # Schulman et al. 2015
    elite_fraction=0.05,  # Petersen et al. 2021
    imitation=1.0,  # **D**
)
SHORT = Numbers(  # settled by results/studies/controller, results/studies/searchers and results/studies/stronger
    objective="pqt",
    learning_rate=0.005,
    epochs=2,
    entropy=0.05,
    normalize=True,
    hidden=64,
    kl_bound=0.5,
    elite_fraction=0.2,
    imitation=0.5,
    resolution=0.002,
    plain=0.85,
    initial=10,
)
PRESETS: dict[Preset, Numbers] = {
    "short": SHORT,
    "icml2017": replace(PAPER, objective="trpo", repeats=True),  # the first edition, which does not use Adam's step
    "arxiv2": replace(PAPER, repeats=True),  # the later edition
    "paper": PAPER,  # the later edition, with the one change that runs recorded under this name had
}


def numbers(preset: Preset, **settings: bool | int | float | str | None) -> Numbers:
    """Return the preset's numbers, with those that are set replaced; None means not set."""
    chosen: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    return replace(PRESETS[preset], **chosen)
