"""Two repellers steer falling particles ([L2L-BB], protocol §9; Hoffman et al. 2009): the family ``repellers``.

The six parameters are place (x, y) and strength of each repeller. A particle in the plane falls, and a repeller pushes it
directly away with a force that is inversely proportional to the distance. Where it flies it earns the reward of the
place, discounted by time. The function is minus the reward summed over time, the mean of all particles.

The source gives no more than this, so the rest is ours (**D**): the unit square as the plane, with repellers anywhere in
it; STARTS, from where particles fall at rest; PEAKS of reward; gravity, time step, horizon and discount; that time runs
by the semi-implicit Euler method; that a force is that of NEAREST where the distance is less, and a repeller whose
strength would be negative by its placement in the box has none. Functions differ by their placements, as the source
has it for this problem too. Values are scaled to mean 0 and deviation 1 over the parameters' own box, and the minima are
not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.blackbox.contracts import FunctionVariant, Points, Values
from harness.errors import check_choice
from harness.tasks.blackbox.placing import Placements, moved, unmoved

REPELLERS, PARAMETERS = 2, 6
STRENGTH = 0.3  # of a repeller whose parameter is 1
GRAVITY = 0.5
STEPS, STEP = 60, 0.04
DISCOUNT = 0.98  # a step
NEAREST = 0.05
STARTS = np.array([[0.35, 1.0], [0.5, 1.0], [0.65, 1.0]])  # (particles, 2)
PEAKS = np.array([[0.2, 0.55], [0.8, 0.35], [0.55, 0.1]])  # (peaks, 2)
HEIGHTS = np.array([1.0, 1.5, 0.7])
WIDTH = 0.1  # deviation of a peak
MEAN, DEVIATION = 0.0, 1.0
PLAIN = "plain"


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


@dataclass(frozen=True, slots=True)
class RepellerFunctions:
    """The problem, placed in the unit box in several ways.

    Attributes:
        placements: how each lies in the box.
    """

    placements: Placements

    @property
    def dimensions(self) -> int:
        """Dimensions of the box."""
        return PARAMETERS

    @property
    def minima(self) -> None:
        """Not known."""

    def evaluate(self, points: Points) -> Values:
        """Return the scaled values (functions,) of points (functions, 6)."""
        return (-rewards(self.placements.arguments(points)) - MEAN) / DEVIATION


class Repellers:
    """The family."""

    name: ClassVar[str] = "repellers"
    version: ClassVar[int] = 1
    variants: ClassVar[Mapping[str, FunctionVariant]] = {
        "": FunctionVariant(
            summary="flipped, reordered, scaled by 0.9 to 1.1 and moved by up to 0.1", dimensions=PARAMETERS
        ),
        PLAIN: FunctionVariant(
            summary="x, y and strength of one repeller, then of the other, as they are", dimensions=PARAMETERS
        ),
    }

    def __init__(self, root: object = None) -> None:
        """It reads no files."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> RepellerFunctions:
        """Draw functions; those of the variant ``plain`` are all alike.

        Raises:
            SettingError: there is no such variant.
        """
        check_choice(f"variant of {self.name}", variant, self.variants)
        placed = unmoved(count, PARAMETERS) if variant == PLAIN else moved(seed, count, PARAMETERS, name=self.name)
        return RepellerFunctions(placed)

    def fingerprint(self, variant: str = "") -> str:
        """Return nothing: no file is read."""
        return ""
