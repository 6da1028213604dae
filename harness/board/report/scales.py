"""The small scales that stand in tables: interval marks with the axis under them, and the bars of failures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.board.report.usage import Risk
from harness.board.searches.board import Row
from harness.board.statistics import Estimate

WIDTH, EDGE = 144, 12  # of a mark in pixels, and what is left free on either side
MOST_PARTS, MOST_TICKS = 5, 3  # between ticks, and ticks whose texts have room
STEPS = (1, 2, 5, 10)  # between ticks, times a power of ten
LEAST_SPAN = 0.01  # of scores, which are told to 0.001


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale.

    Attributes:
        low: its lower end.
        high: its upper end.
        ticks: marked values, ascending.
        texts: what stands at each.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    texts: tuple[str, ...]

    def at(self, value: float) -> float:
        """Where a value lies, from 0 at the lower end to 1 at the upper."""
        return (value - self.low) / (self.high - self.low)


def of_areas(rows: Sequence[Row]) -> Scale:
    """The scale that the areas of a board share, from the lowest end of their intervals to the highest."""
    ends = [end for row in rows for end in (row.area.low, row.area.mean, row.area.high) if end is not None]
    low, high = min(ends), max(ends)
    if high - low < LEAST_SPAN:
        low, high = low - LEAST_SPAN / 2, high + LEAST_SPAN / 2
    step = _step(high - low, MOST_PARTS)
    if len(_within(low, high, step)) > MOST_TICKS:
        step *= 2
    digits = max(0, -math.floor(math.log10(step)))
    ticks = _within(low, high, step)
    return Scale(low, high, ticks, tuple(f"{tick:.{digits}f}" for tick in ticks))


def of_shares(risks: Sequence[Risk]) -> Scale:
    """The scale of the shares of children that diverged, from none to a round share above the largest.

    Args:
        risks: at least one that is not none.
    """
    step = _step(max(each.diverged / each.trained for each in risks), 2)
    return Scale(0.0, 2 * step, (0.0, step, 2 * step), tuple(f"{100 * place * step:.3g}%" for place in range(3)))


def whisker(estimate: Estimate, scale: Scale) -> str:
    """A mean with its interval as a mark on a scale; what it says stands beside it in numbers."""
    places = [_x(scale, tick) for tick in scale.ticks]
    parts = [f'<line class="tick" x1="{x}" x2="{x}" y1="0" y2="28"/>' for x in places]
    if estimate.low is not None and estimate.high is not None:
        low, high = _x(scale, estimate.low), _x(scale, estimate.high)
        parts.append(f'<line x1="{low}" x2="{high}" y1="14" y2="14"/>')
    parts.append(f'<circle cx="{_x(scale, estimate.mean)}" cy="14" r="3.6"/>')
    return _drawing("whisker", 28, parts)


def axis(scale: Scale) -> str:
    """The axis to stand under interval marks, in the same columns."""
    places = [_x(scale, tick) for tick in scale.ticks]
    parts = [f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="1" y2="1"/>']
    for x, text in zip(places, scale.texts, strict=True):
        parts.append(f'<line x1="{x}" x2="{x}" y1="1" y2="5"/><text x="{x}" y="17">{text}</text>')
    return _drawing("axis", 20, parts)


def _x(scale: Scale, value: float) -> float:
    return round(EDGE + (WIDTH - 2 * EDGE) * scale.at(value), 1)


def _drawing(kind: str, height: int, parts: Sequence[str]) -> str:
    return f'<svg class="{kind}" viewBox="0 0 {WIDTH} {height}" aria-hidden="true">{"".join(parts)}</svg>'


def _within(low: float, high: float, step: float) -> tuple[float, ...]:
    """The multiples of a step between two ends."""
    return tuple(place * step for place in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1))


def _step(span: float, parts: int) -> float:
    """The smallest round step of which so many cover a span."""
    least = span / parts
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in STEPS if factor * power >= least * (1 - 1e-9))
