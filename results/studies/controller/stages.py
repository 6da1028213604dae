"""What is compared, stage by stage; each was fixed before it was run, from the table of the one before."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

Settings = dict[str, float | str | bool]
COMMON: Settings = {"preset": "paper", "normalize": True, "hidden": 64, "epochs": 2, "elite_fraction": 0.2}


@dataclass(frozen=True, slots=True)
class Arm:
    """A searcher with its settings; random search if they are None."""

    name: str
    settings: Settings | None


@dataclass(frozen=True, slots=True)
class Stage:
    """Arms that are raced on the same arenas and seeds."""

    arms: tuple[Arm, ...]
    arenas: tuple[str, ...]
    seeds: tuple[int, ...] = field(default=())


RANDOM = Arm("random", None)
STEPS = ({"learning_rate": 0.003}, {"learning_rate": 0.01})
BOUNDS = ({"kl_bound": 0.1}, {"kl_bound": 0.5})
EXTRA: dict[str, Settings] = {"pqt": {"imitation": 0.2}}


def arm(**settings: float | str | bool) -> Arm:
    """An arm of the controller, named by what it sets besides ``COMMON``."""
    return Arm(" ".join(f"{name}={value}" for name, value in settings.items()), {**COMMON, **settings})


def grid() -> tuple[Arm, ...]:
    """Objectives × step × entropy bonus."""
    arms = []
    for objective in ("reinforce", "ppo", "trpo", "risk_seeking", "pqt"):
        for step, entropy in product(BOUNDS if objective == "trpo" else STEPS, (0.02, 0.1)):
            arms.append(arm(objective=objective, **step, entropy=entropy, **EXTRA.get(objective, {})))
    return tuple(arms)


def variants() -> tuple[Arm, ...]:
    """One change at a time around the best of the screen, pqt at 0.01; and longer steps for the two next best."""
    centre: Settings = {"objective": "pqt", "learning_rate": 0.01, "entropy": 0.05, "imitation": 0.2}
    changes: tuple[Settings, ...] = (
        {},
        {"entropy": 0.02},
        {"learning_rate": 0.03},
        {"epochs": 4},
        {"imitation": 0.05},
        {"imitation": 0.5},
        {"queue": 30},
    )
    others = (
        arm(objective="ppo", learning_rate=0.03, entropy=0.05),
        arm(objective="trpo", kl_bound=2.0, entropy=0.05),
    )
    return (*(arm(**{**centre, **change}) for change in changes), *others)


SKETCHED = ("sketch:toy-quadratic", "sketch:toy-rosenbrock")
STAGES = {
    "screen": Stage((RANDOM, *grid()), SKETCHED, (1000, 1001)),
    "refine": Stage((RANDOM, *variants()), SKETCHED, (1002, 1003, 1004, 1005)),
    "check": Stage((RANDOM, Arm("preset=short", {})), (*SKETCHED, "sketch:toy-classifier"), tuple(range(1100, 1108))),
}
