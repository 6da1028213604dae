"""Two repellers steer falling particles ([L2L-BB], protocol §9; Hoffman et al. 2009): the family ``repellers``.

The six parameters are place (x, y) and strength of each repeller. A particle in the plane falls, and a repeller pushes
it directly away with a force that is inversely proportional to the distance. Where it flies, it earns the reward of
the place, discounted by time. The function is minus the reward summed over time, the mean of all particles. Its draws
differ by their placements in the box, as those of the global functions do.

The sources give no numbers, so these are ours (**D**): the repellers' places in the unit square, STRENGTH, GRAVITY, the
horizon and DISCOUNT, STARTS, where particles fall from at rest, and the peaks of reward. Time runs by the semi-implicit
Euler method. Nearer than NEAREST, a force stays what it is there. Where a placement makes a strength negative, it is 0.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.blackbox.contracts import Points, Values
from harness.tasks.blackbox.placed import OwnFunction, PlacedFamily

REPELLERS = 2
STRENGTH = 0.12  # of a repeller whose parameter is 1
GRAVITY = 0.5
STEPS, STEP = 60, 0.04
DISCOUNT = 0.98  # a step
NEAREST = 0.05
STARTS = np.array([[0.35, 1.0], [0.5, 1.0], [0.65, 1.0]])  # (particles, 2)
PEAKS = np.array([[0.2, 0.55], [0.8, 0.35], [0.55, 0.1]])  # (peaks, 2)
HEIGHTS = np.array([1.0, 1.5, 0.7])
WIDTH = 0.1  # deviation of a peak


def reward(places: Points) -> Values:
    """Return the reward (...) of places (..., 2) in the plane."""
    distances = np.square(places[..., None, :] - PEAKS).sum(-1)
    found: Values = np.exp(distances / (-2 * WIDTH**2)) @ HEIGHTS
    return found


def paths(parameters: Points) -> NDArray[np.float64]:
    """Return where the particles are, (functions, particles, STEPS + 1, 2).

    Args:
        parameters: (functions, 6): x, y and strength of one repeller, then of the other, each in [0, 1] or a little
            beyond.
    """
    repellers = parameters.reshape(-1, 1, REPELLERS, 3)
    middle = repellers[..., :2]
    strength = STRENGTH * np.maximum(repellers[..., 2:], 0)
    place = np.broadcast_to(STARTS, (len(parameters), *STARTS.shape))
    velocity = np.zeros_like(place)
    fall = np.array([0, -GRAVITY])
    found = [place]
    for _ in range(STEPS):
        away = place[:, :, None] - middle  # (functions, particles, repellers, 2)
        square = np.square(away).sum(3, keepdims=True)
        force = (strength * away / np.maximum(square, NEAREST**2)).sum(2)  # strength / distance, along the unit vector
        velocity = velocity + STEP * (force + fall)
        place = place + STEP * velocity
        found.append(place)
    return np.stack(found, 2)


def rewards(parameters: Points) -> Values:
    """Return the discounted rewards (functions,) of parameters (functions, 6), the means of all particles."""
    earned = reward(paths(parameters)[:, :, 1:])  # (functions, particles, STEPS)
    found: Values = STEP * (earned @ DISCOUNT ** np.arange(STEPS)).mean(1)
    return found


class Repellers(PlacedFamily):
    """The family; its minima are not known."""

    name: ClassVar[str] = "repellers"
    own: ClassVar[OwnFunction] = OwnFunction(
        formula=lambda parameters: -rewards(parameters), dimensions=3 * REPELLERS, mean=-0.0898, deviation=0.0419
    )
