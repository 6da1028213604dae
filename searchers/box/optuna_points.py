"""Optuna's samplers as optimizers of the unit box: CMA-ES (Hansen and Ostermeier 2001), by the package ``cmaes``."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from harness.searchers.box.encoding import Points, Values
from harness.seeds import derive_seed

if TYPE_CHECKING:  # Optuna takes a second to load
    import optuna
    from optuna.samplers import BaseSampler


class OptunaPoints:
    """Let a sampler of Optuna choose points; a subclass says which.

    Args:
        dimensions: of the box.
        seed: decides every draw.
    """

    def __init__(self, dimensions: int, *, seed: int) -> None:
        import optuna

        self._names = [f"x{number + 1:03d}" for number in range(dimensions)]  # Optuna sorts them
        self._box: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in self._names
        }
        self._asked: dict[bytes, list[optuna.Trial]] = {}
        with quiet():
            sampler = self._sampler(derive_seed(seed, "box", "optuna") % 2**32)
            storage = optuna.storages.InMemoryStorage()
            self._study = optuna.create_study(storage=storage, sampler=sampler, study_name="box")

    def _sampler(self, seed: int) -> BaseSampler:
        raise NotImplementedError

    def ask(self, count: int) -> Points:
        """Return points, (count, dimensions)."""
        return np.array([self._point() for _ in range(count)])

    def tell(self, points: Points, values: Values) -> None:
        """Tell Optuna the values, (count,), of points, (count, dimensions)."""
        with quiet():
            for point, value in zip(points, values, strict=True):
                waiting = self._asked.get(point.tobytes())
                assert waiting, "only points that were asked for are told, once each"
                self._study.tell(waiting.pop(0), float(value))

    def _point(self) -> Points:
        with quiet():
            trial = self._study.ask(self._box)
        point = np.array([trial.params[name] for name in self._names])
        self._asked.setdefault(point.tobytes(), []).append(trial)
        return point


class CmaEsPoints(OptunaPoints):
    """CMA-ES (Hansen and Ostermeier 2001), from the middle of the box, with Optuna's first step size of 1/6."""

    def _sampler(self, seed: int) -> BaseSampler:
        from optuna.samplers import CmaEsSampler

        return CmaEsSampler(seed=seed, warn_independent_sampling=False)


@contextmanager
def quiet() -> Iterator[None]:
    """Stop Optuna from announcing studies and from warning of experimental samplers."""
    from optuna.exceptions import ExperimentalWarning

    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        logger.setLevel(level)
