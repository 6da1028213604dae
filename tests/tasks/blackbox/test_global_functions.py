"""The global functions have the values that well-kept libraries give them, and the minima that are said of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import qmc

from harness.blackbox.contest import lowest
from harness.tasks.blackbox.global_functions import Branin, GoldsteinPrice, Hartmann3, Hartmann6
from harness.tasks.blackbox.placed import PlacedFamily

FAMILIES = [Branin, GoldsteinPrice, Hartmann3, Hartmann6]
# Values at points of the unit box, by BoTorch 0.18.1 in double precision (Branin, Hartmann) and by benchmark-functions
# 1.1.4 (GoldsteinAndPrice).
ELSEWHERE = {
    Branin: {
        (0.637, 0.27): 15.355090940203866,
        (0.041, 0.017): 238.19345948136882,
        (0.813, 0.913): 171.0954868653969,
        (0.607, 0.729): 90.85029790977535,
    },
    GoldsteinPrice: {
        (0.392, 0.89): np.log(201592.01628399402),
        (0.227, 0.623): np.log(8856.947034495743),
        (0.084, 0.833): np.log(186185.29119349862),
        (0.787, 0.239): np.log(13582.544957787162),
    },
    Hartmann3: {
        (0.544, 0.935, 0.816): -1.0239789545415876,
        (0.003, 0.857, 0.034): -0.0013961441180416552,
        (0.73, 0.176, 0.863): -0.9894599975225662,
        (0.541, 0.3, 0.423): -0.3804405766209604,
    },
    Hartmann6: {
        (0.028, 0.124, 0.671, 0.647, 0.615, 0.384): -0.17984610577927942,
        (0.997, 0.981, 0.686, 0.65, 0.688, 0.389): -0.0017142243896760135,
        (0.135, 0.721, 0.525, 0.31, 0.486, 0.889): -0.46999501601822435,
        (0.934, 0.358, 0.572, 0.322, 0.594, 0.338): -0.05622705440206714,
    },
}
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda each: each.name)


@each_family
def test_values_are_those_of_a_well_kept_library(family: type[PlacedFamily]) -> None:
    points, values = np.array(list(ELSEWHERE[family])), np.array(list(ELSEWHERE[family].values()))
    functions = family().draw(0, len(points), variant="plain")
    assert functions.costs(functions.evaluate(points)) == pytest.approx(values, rel=1e-11)


@each_family
def test_the_minimum_is_at_every_minimizer_and_nowhere_less_around_it(family: type[PlacedFamily]) -> None:
    own = family.own
    for minimizer in own.minimizers:
        near = np.array(minimizer) + 1e-3 * np.random.default_rng(0).standard_normal((500, own.dimensions))
        assert own.formula(near).min() > own.minimum - 1e-12
        found = minimize(lambda x: own.formula(x[None])[0], minimizer, method="Nelder-Mead", options={"fatol": 1e-14})
        assert found.fun == pytest.approx(own.minimum, abs=1e-12)
        assert own.formula(np.array([minimizer]))[0] == pytest.approx(own.minimum, abs=1e-12)


@each_family
def test_no_point_inside_the_box_or_around_it_is_below_the_minimum(family: type[PlacedFamily]) -> None:
    points = qmc.Sobol(family.own.dimensions, seed=0).random_base2(16) * 1.4 - 0.2
    assert family.own.formula(points).min() > family.own.minimum


@each_family
def test_values_are_scaled_by_the_mean_and_the_deviation_over_the_box(family: type[PlacedFamily]) -> None:
    points = qmc.Sobol(family.own.dimensions, seed=1).random_base2(16)
    values = family().draw(0, len(points), variant="plain").evaluate(points)
    assert abs(values.mean()) < 1e-3
    assert family.own.formula(points).std() == pytest.approx(family.own.deviation, rel=1e-3)
    assert values.std() == pytest.approx(
        min(1, 4 * family.own.deviation / (family.own.mean - family.own.minimum)), 1e-3
    )
    assert family().draw(0, 1).minima[0] >= -4.0 - 1e-12


@each_family
def test_every_placed_function_reaches_its_minimum_in_the_box(family: type[PlacedFamily]) -> None:
    functions = family().draw(5, 300)
    reached = np.full(300, np.inf)
    for minimizer in family.own.minimizers:
        points = functions.placements.points(np.tile(minimizer, (300, 1)))
        inside = ((points >= 0) & (points <= 1)).all(1)
        reached[inside] = np.minimum(reached, functions.evaluate(points))[inside]
    assert functions.minima == pytest.approx(reached, abs=1e-9)
    assert (reached >= lowest(functions.minima)).all(), "a contest would refuse it"
    assert len(np.unique(functions.evaluate(np.full((300, family.own.dimensions), 0.3)))) == 300
