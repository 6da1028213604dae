"""Families of one function, of its own unit box, that is placed in the contest's box in many ways.

Values are scaled (**D**), since learned optimizers are trained on functions with mean 0 and deviation 1, and since the
true kernel of their Gaussian process has these too:

    (f − mean) / unit

Mean and deviation are those of f over its own box. The unit is the deviation, or, if that is longer, a quarter of the
way from the mean to the minimum, as in Hartmann's function of six variables: the least value of a draw of the process
over six dimensions is −4.4 on average. Scaling leaves order and minimizers as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.blackbox.contracts import FunctionVariant, Points, Values
from harness.errors import check_choice
from harness.tasks.blackbox.placing import Placements, moved, unmoved

PLAIN = "plain"  # the variant without random placement
FARTHEST = 4.0  # units from the mean down to the minimum, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFunction:
    """A function of its own unit box, and what is known of it.

    Attributes:
        formula: values (functions,) of places (functions, dimensions), which may lie outside the box, too.
        dimensions: of the box.
        mean: over the box.
        deviation: over the box.
        minimizers: where it is least, in its own box; none if that is not known.
        minimum: its least value, inside the box and out; None if it is not known.
    """

    formula: Callable[[Points], Values]
    dimensions: int
    mean: float
    deviation: float
    minimizers: tuple[tuple[float, ...], ...] = ()
    minimum: float | None = None

    @property
    def unit(self) -> float:
        """What its values are divided by."""
        depth = 0.0 if self.minimum is None else self.mean - self.minimum
        return max(self.deviation, depth / FARTHEST)

    def scaled(self, values: Values) -> Values:
        """Return scaled values, (...)."""
        return (values - self.mean) / self.unit


@dataclass(frozen=True, slots=True)
class PlacedFunctions:
    """One function, placed in the box in several ways.

    Attributes:
        own: the function.
        placements: how each lies in the box.
    """

    own: OwnFunction
    placements: Placements

    @property
    def dimensions(self) -> int:
        """Dimensions of the box."""
        return self.own.dimensions

    @property
    def minima(self) -> Values | None:
        """The least values (functions,), all alike: every placement has a minimizer in the box; None if not known."""
        if self.own.minimum is None:
            return None
        return self.own.scaled(np.full(len(self.placements.order), self.own.minimum))

    def evaluate(self, points: Points) -> Values:
        """Return the scaled values (functions,) of points (functions, dimensions)."""
        return self.own.scaled(self.own.formula(self.placements.arguments(points)))

    def costs(self, values: Values) -> Values:
        """Return the function's own values that scaled ones, (...), stand for."""
        return self.own.mean + self.own.unit * values


class PlacedFamily:
    """A family of one function. A class of it has ``name`` and ``own``; it reads no files."""

    version: ClassVar[int] = 1
    name: ClassVar[str]
    own: ClassVar[OwnFunction]
    variants: ClassVar[Mapping[str, FunctionVariant]]

    def __init_subclass__(cls) -> None:
        """Name the variants."""
        dimensions, how = cls.own.dimensions, "flipped, reordered, scaled by 0.9 to 1.1 and moved by up to 0.1"
        cls.variants = {
            "": FunctionVariant(summary=how, dimensions=dimensions),
            PLAIN: FunctionVariant(summary="as it is, over its own unit box", dimensions=dimensions),
        }

    def __init__(self, root: object = None) -> None:
        """Take no notice of a folder."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> PlacedFunctions:
        """Draw functions; those of the variant ``plain`` are all alike.

        Raises:
            SettingError: there is no such variant.
        """
        check_choice(f"variant of {self.name}", variant, self.variants)
        own = self.own
        if variant == PLAIN:
            return PlacedFunctions(own, unmoved(count, own.dimensions))
        placed = moved(seed, count, own.dimensions, name=self.name, minimizers=own.minimizers)
        return PlacedFunctions(own, placed)

    def fingerprint(self, variant: str = "") -> str:  # noqa: ARG002 - none of them reads files
        """Return nothing: no file is read."""
        return ""
