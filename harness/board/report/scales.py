"""The small scales in tables: interval marks with the axis under them, and the bars of failures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.board.report.usage import Risk
from harness.board.searches.board import Row
from harness.board.statistics import Estimate

WIDTH, EDGE = 144, 12  # width of a mark in pixels, and the margin on either side
MOST_PARTS, MOST_TICKS = 5, 3  # parts between ticks, and ticks with room for their texts
STEPS = (1, 2, 5, 10)  # possible distances between ticks, times a power of ten
LEAST_SPAN = 0.01  # of scores, which are shown to 0.001


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale.

    Attributes:
        low: its lower end.
        high: its upper end.
        ticks: marked values, ascending.
        texts: the label of each tick.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    texts: tuple[str, ...]

    def at(self, value: float) -> float:
        """Return where a value lies, from 0 at the lower end to 1 at the upper."""
        return (value - self.low) / (self.high - self.low)


def of_areas(rows: Sequence[Row]) -> Scale:
    """Return the scale that a board's areas share, from the lowest end of their intervals to the highest."""
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
    """Return the scale of the shares of children that diverged, from 0 to a round share above the largest.

    Args:
        risks: the shares by word, at least one of them above 0.
    """
    step = _step(max(each.diverged / each.trained for each in risks), 2)
    return Scale(0.0, 2 * step, (0.0, step, 2 * step), tuple(f"{100 * place * step:.3g}%" for place in range(3)))


def whisker(estimate: Estimate, scale: Scale) -> str:
    """Draw a mean with its interval as a mark on a scale; the table holds the numbers beside it."""
    places = [_x(scale, tick) for tick in scale.ticks]
    parts = [f'<line class="tick" x1="{x}" x2="{x}" y1="0" y2="28"/>' for x in places]
    if estimate.low is not None and estimate.high is not None:
        low, high = _x(scale, estimate.low), _x(scale, estimate.high)
        parts.append(f'<line x1="{low}" x2="{high}" y1="14" y2="14"/>')
    parts.append(f'<circle cx="{_x(scale, estimate.mean)}" cy="14" r="3.6"/>')
    return _drawing("whisker", 28, parts)


def axis(scale: Scale) -> str:
    """Draw the axis under interval marks, in the same columns."""
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
    """Return the multiples of a step between two ends."""
    return tuple(place * step for place in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1))


def _step(span: float, parts: int) -> float:
    """Return the smallest round step such that ``parts`` of it cover the span."""
    least = span / parts
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in STEPS if factor * power >= least * (1 - 1e-9))
