"""Optuna's samplers as optimizers of the unit box: CMA-ES, Parzen estimators and Gaussian processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import numpy as np

from harness.blackbox.contracts import Points, Values
from harness.limits import Range
from harness.searchers.box import arguments
from harness.searchers.box.blas import on_one_thread
from harness.searchers.quiet import quiet
from harness.seeds import derive_seed

if TYPE_CHECKING:  # Optuna takes a second to load
    import optuna


class OptunaPoints:
    """Lets one of Optuna's samplers choose the points. It may be asked again before it is told.

    Args:
        dimensions: of the box.
        seed: decides every draw.
        sampler: builds the sampler from a seed below 2³².
    """

    def __init__(self, dimensions: int, *, seed: int, sampler: Callable[[int], optuna.samplers.BaseSampler]) -> None:
        import optuna

        self._names = [f"x{number + 1:03d}" for number in range(arguments.sized(dimensions))]  # Optuna sorts them
        self._box: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in self._names
        }
        self._asked: dict[bytes, list[optuna.Trial]] = {}
        with quiet():
            storage = optuna.storages.InMemoryStorage()
            made = sampler(derive_seed(seed, "box", "optuna") % 2**32)
            self._study = optuna.create_study(storage=storage, sampler=made, study_name="box")

    def ask(self, count: int) -> Points:
        """Return points, (count, dimensions)."""
        count = arguments.asked(count)
        return np.array([self._point() for _ in range(count)]).reshape(count, len(self._names))

    def tell(self, points: Points, values: Values) -> None:
        """Tell Optuna the values, (count,), of points, (count, dimensions)."""
        points, values = arguments.told(points, values, len(self._names))
        with quiet():
            for point, value in zip(points, values, strict=True):
                waiting = self._asked.get(point.tobytes())
                if not waiting:
                    raise arguments.never_asked(point)
                self._study.tell(waiting.pop(0), float(value))

    def _point(self) -> Points:
        with quiet():
            trial = self._study.ask(self._box)
        point = np.array([trial.params[name] for name in self._names])
        self._asked.setdefault(point.tobytes(), []).append(trial)
        return point


class CmaEsPoints(OptunaPoints):
    """CMA-ES (Hansen and Ostermeier 2001) from the middle of the box, with Optuna's first step size of 1/6.

    Points that are asked before a first value is told are uniform, as Optuna has it.

    Args:
        dimensions: of the box.
        seed: decides every draw.
    """

    version = 1
    libraries = ("cmaes", "numpy", "optuna")

    def __init__(self, dimensions: int, *, seed: int) -> None:
        from optuna.samplers import CmaEsSampler

        super().__init__(
            dimensions, seed=seed, sampler=lambda state: CmaEsSampler(seed=state, warn_independent_sampling=False)
        )


class ParzenPoints(OptunaPoints):
    """Tree-structured Parzen estimation (Bergstra et al. 2011); points without a value count as bad ones.

    Args:
        dimensions: of the box.
        seed: decides every draw.
        startup: how many random points come first.
        candidates: how many candidates it draws from the density of good points, to propose the best of them.
        joint: whether it models the coordinates jointly, rather than each on its own.
    """

    version = 1
    libraries = ("numpy", "optuna")

    def __init__(
        self,
        dimensions: int,
        *,
        seed: int,
        startup: Annotated[int, Range(0, 100_000)] = 10,
        candidates: Annotated[int, Range(1, 100_000)] = 24,
        joint: bool = False,
    ) -> None:
        from optuna.samplers import TPESampler

        def sampler(state: int) -> TPESampler:
            return TPESampler(
                n_startup_trials=startup, n_ei_candidates=candidates, multivariate=joint, constant_liar=True, seed=state
            )

        super().__init__(dimensions, seed=seed, sampler=sampler)


class EstimatedGpPoints(OptunaPoints):
    """A Gaussian process with a Matérn kernel whose numbers are estimated, and its expected improvement.

    From Optuna 5 on, expected improvement is averaged over what points without a value may have; earlier versions take
    a value for them, or disregard them.

    Args:
        dimensions: of the box.
        seed: decides every draw.
        startup: how many random points come first.
        exact: whether values are taken to be without noise; if not, its variance is estimated, too.
    """

    version = 1
    libraries = ("numpy", "optuna", "scipy", "torch")

    def __init__(
        self, dimensions: int, *, seed: int, startup: Annotated[int, Range(0, 100_000)] = 10, exact: bool = True
    ) -> None:
        from optuna.samplers import GPSampler

        def sampler(state: int) -> GPSampler:
            return GPSampler(seed=state, n_startup_trials=startup, deterministic_objective=exact)

        super().__init__(dimensions, seed=seed, sampler=sampler)

    @on_one_thread
    def ask(self, count: int) -> Points:
        """Return points, (count, dimensions)."""
        with np.errstate(divide="ignore", invalid="ignore"):  # Optuna's, where no point promises an improvement
            return super().ask(count)
