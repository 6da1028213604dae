"""The learning rates of the meta-optimizer that random search tries ([L2L] §3), by Optuna's random sampler."""

from __future__ import annotations

import optuna

from harness.seeds import derive_seed
from harness.tasks.learned.problem import Schedule


def rates(schedule: Schedule, *, seed: int) -> tuple[float, ...]:
    """Return the λ to try, drawn log-uniformly, the same for equal seeds; or the one that is given."""
    if schedule.rate:
        return (schedule.rate,)
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        sampler = optuna.samplers.RandomSampler(derive_seed(seed, "rates") % 2**32)
        study = optuna.create_study(sampler=sampler)
        least, most = schedule.between
        return tuple(study.ask().suggest_float("rate", least, most, log=True) for _ in range(schedule.rates))
    finally:
        optuna.logging.set_verbosity(level)
