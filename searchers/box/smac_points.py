"""SMAC (Hutter et al. 2011), a random forest with expected improvement, as an optimizer of the unit box.

It is SMAC3's (Lindauer et al. 2022), of the package ``smac``, which only the extra ``blackbox`` installs.
"""

from __future__ import annotations

import importlib.util
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from harness.blackbox.contracts import Points, Values
from harness.errors import SettingError, message
from harness.limits import Range
from harness.searchers.box import arguments
from harness.seeds import derive_seed

if TYPE_CHECKING:  # it is of an extra, and takes seconds to load
    from smac.runhistory import TrialInfo

DESIGN = 10  # Sobol points for each dimension that come first, as by SMAC's default …
MOST_DESIGN = 25  # … which is at most a quarter of its default of 100 trials

FOREST = {  # the facade's, with fewer nodes to allocate and no threads, which took most of a second for nothing
    "log_y": True,
    "n_trees": 10,
    "bootstrapping": True,
    "ratio_features": 1.0,
    "min_samples_split": 2,
    "min_samples_leaf": 1,
    "max_depth": 2**20,
    "max_leaf_nodes": 2**13,
    "n_jobs": 1,
}


class SmacPoints:
    """SMAC3's facade for hyper-parameters, as it comes.

    Args:
        dimensions: of the box.
        seed: decides every draw.
        startup: how many Sobol points come first; if not set, ten for each dimension, and at most 25.
        retrain: after how many proposals it trains its forest again; training takes seconds.

    Raises:
        SettingError: the package ``smac`` is not installed.
    """

    version = 1
    libraries = ("ConfigSpace", "numpy", "scikit-learn", "scipy", "smac")

    def __init__(
        self,
        dimensions: int,
        *,
        seed: int,
        startup: Annotated[int | None, Range(1, 100_000)] = None,
        retrain: Annotated[int, Range(1, 100_000)] = 8,
    ) -> None:
        dimensions = arguments.sized(dimensions)
        if importlib.util.find_spec("smac") is None:
            hint = "Install it with pip install -e '.[blackbox]' where the harness was checked out"
            raise SettingError(message("optimizer 'smac'", expected="the package smac", got="none", hint=hint))
        from ConfigSpace import ConfigurationSpace, Float
        from smac import HyperparameterOptimizationFacade as Facade
        from smac import Scenario
        from smac.model.random_forest.random_forest import RandomForest

        state = derive_seed(seed, "box", "smac") % 2**31
        self._names = [f"x{number + 1:03d}" for number in range(dimensions)]
        box = ConfigurationSpace(seed=state)
        box.add([Float(name, (0.0, 1.0)) for name in self._names])
        with _quiet(), tempfile.TemporaryDirectory() as folder:  # it looks for earlier runs there; nothing is saved
            plan = Scenario(box, output_directory=Path(folder), deterministic=True, n_trials=2**31, seed=state)
            first = startup or min(DESIGN * dimensions, MOST_DESIGN)
            self._smac = Facade(
                plan,
                model=RandomForest(box, seed=state, **FOREST),
                initial_design=Facade.get_initial_design(plan, n_configs=first),
                intensifier=Facade.get_intensifier(plan, max_config_calls=1),
                config_selector=Facade.get_config_selector(plan, retrain_after=retrain),
                logging_level=False,
                overwrite=True,
            )
        self._asked: dict[bytes, list[TrialInfo]] = {}

    def ask(self, count: int) -> Points:
        """Return points, (count, dimensions)."""
        count = arguments.asked(count)
        return np.array([self._point() for _ in range(count)]).reshape(count, len(self._names))

    def tell(self, points: Points, values: Values) -> None:
        """Tell SMAC the values, (count,), of points, (count, dimensions)."""
        from smac.runhistory import TrialValue

        points, values = arguments.told(points, values, len(self._names))
        with _quiet():
            for point, value in zip(points, values, strict=True):
                waiting = self._asked.get(point.tobytes())
                if not waiting:
                    raise arguments.never_asked(point)
                self._smac.tell(waiting.pop(0), TrialValue(cost=float(value)), save=False)

    def _point(self) -> Points:
        with _quiet():
            asked = self._smac.ask()
        point = np.array([asked.config[name] for name in self._names], dtype=np.float64)
        self._asked.setdefault(point.tobytes(), []).append(asked)
        return point


@contextmanager
def _quiet() -> Iterator[None]:
    """Stop SMAC from announcing its steps."""
    logger = logging.getLogger("smac")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
