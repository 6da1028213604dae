"""The true Gaussian process: where it begins, and that it is better than random points, also in parallel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from harness.blackbox.contracts import BoxOptimizer
from harness.errors import SettingError
from harness.registry import Kind, load
from harness.searchers.box.random_points import RandomPoints
from harness.searchers.box.true_gp_points import LENGTHSCALE, TrueGpPoints
from harness.settings import check


class Draw:
    """A function like a draw of the process: 300 random waves with its spectrum."""

    def __init__(self, dimensions: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.waves = rng.standard_normal((300, dimensions)) / LENGTHSCALE
        self.phases, self.heights = rng.uniform(0, 2 * np.pi, 300), rng.standard_normal(300)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.sqrt(2 / 300) * np.cos(points @ self.waves.T + self.phases) @ self.heights


def least(optimizer: BoxOptimizer, function: Draw, steps: int, *, workers: int = 1) -> float:
    """The least value seen, with some points out at once."""
    values: list[float] = []
    waiting = list(optimizer.ask(workers))
    for _ in range(steps):
        point = waiting.pop(0)[None]
        optimizer.tell(point, function(point))
        values += function(point).tolist()
        waiting += list(optimizer.ask(1))
    return min(values)


def test_the_middle_comes_first_and_the_next_lies_apart() -> None:
    optimizer = TrueGpPoints(2, seed=0)
    (first,) = optimizer.ask(1)
    assert first.tolist() == [0.5, 0.5]
    optimizer.tell(first[None], np.zeros(1))
    (second,) = optimizer.ask(1)
    assert np.linalg.norm(second - first) > 0.3, "a length is 0.3, within which there is little to be learned"


def test_points_that_are_out_at_once_lie_apart() -> None:
    points = TrueGpPoints(2, seed=0).ask(5)
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1)[np.triu_indices(5, 1)]
    assert apart.min() > 0.2


@pytest.mark.parametrize("workers", [1, 5])
def test_it_is_better_than_random_points_on_draws_of_its_process(workers: int) -> None:
    """30 steps on 12 functions: were both equally good, 11 wins or more came by chance once in 300 times."""
    assert binom.sf(10, 12, 0.5) < 1 / 300
    functions = [Draw(2, seed) for seed in range(12)]
    learned = [least(TrueGpPoints(2, seed=0), function, 30, workers=workers) for function in functions]
    random = [least(RandomPoints(2, seed=seed), function, 30) for seed, function in enumerate(functions)]
    assert (np.array(learned) < np.array(random)).sum() >= 11


def test_the_kernel_is_what_the_settings_say() -> None:
    short, long = (TrueGpPoints(1, seed=0, lengthscale=length) for length in (0.02, 0.2))
    for optimizer in (short, long):
        optimizer.tell(optimizer.ask(1), np.array([-1.0]))
    assert abs(short.ask(1)[0, 0] - 0.5) < 0.1 < abs(long.ask(1)[0, 0] - 0.5)


def test_a_kernel_without_length_is_refused() -> None:
    with pytest.raises(SettingError, match=r"setting lengthscale: expected 0.001 to 1000.0, got 0.0"):
        check(load(Kind.BOX_OPTIMIZER, "gp-true"), {"lengthscale": 0.0})
