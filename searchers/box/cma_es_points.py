"""CMA-ES (Hansen and Ostermeier 2001) as an optimizer of the unit box: Optuna's sampler, by the package ``cmaes``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.blackbox.contracts import Points, Values
from harness.searchers.quiet import quiet
from harness.seeds import derive_seed

if TYPE_CHECKING:  # Optuna takes a second to load
    import optuna


class CmaEsPoints:
    """CMA-ES from the middle of the box, with Optuna's first step size of 1/6.

    Args:
        dimensions: of the box.
        seed: decides every draw.
    """

    version = 1

    def __init__(self, dimensions: int, *, seed: int) -> None:
        import optuna
        from optuna.samplers import CmaEsSampler

        self._names = [f"x{number + 1:03d}" for number in range(dimensions)]  # Optuna sorts them
        self._box: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in self._names
        }
        self._asked: dict[bytes, list[optuna.Trial]] = {}
        with quiet():
            state = derive_seed(seed, "box", "optuna") % 2**32
            sampler = CmaEsSampler(seed=state, warn_independent_sampling=False)
            storage = optuna.storages.InMemoryStorage()
            self._study = optuna.create_study(storage=storage, sampler=sampler, study_name="box")

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
