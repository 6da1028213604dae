"""Scores as the metric's figures, which people know: an accuracy, a perplexity, a value of the objective."""

from __future__ import annotations

import math

from harness.board.searches.pages import spanned
from harness.board.statistics import Estimate
from harness.board.transfer.board import Result, TimeToTarget
from harness.contracts import Metric

LINEAR = ("", "x", "1 - x")  # formulas whose figures lie in [0, 1]; "" stands for the score itself
NEVER = "never"
DIGITS = 4  # at most, of a figure
STEPS = 4  # to other scores: a figure is rounded, too


def figure(metric: Metric, score: float) -> float:
    """Return the figure of a score; it is infinite for the score 0 of a reciprocal."""
    found = metric.figure(score)
    return score if found is None else found


def titled(metric: Metric) -> str:
    """Return the name of a metric's figures; scores without a formula are called so."""
    return metric.titled if metric.score else "score"


def better(metric: Metric) -> str:
    """Say which figures are better."""
    return "less is better" if figure(metric, 1.0) < figure(metric, 0.0) else "more is better"


def written(metric: Metric, score: float) -> str:
    """Write a score as a figure: to three decimals if it lies in [0, 1], else to four digits, or to those it holds.

    Of a loss near 0, a score near 1 holds few digits, and of one below 10⁻¹⁶ none.
    """
    found = figure(metric, score)
    if metric.score in LINEAR:
        return f"{found:.3f}"
    if found == math.inf:
        return "∞"
    lower = score - STEPS * math.ulp(score)
    finest = abs(figure(metric, lower) - found) / STEPS  # by how much the next score's figure differs
    if abs(found) < finest:
        return f"below {finest:.0e}"
    held = math.log10(abs(found) / finest) if found and 0.0 < finest < math.inf else DIGITS
    digits = max(1, min(DIGITS, int(held)))
    return f"{found:z#.{digits}g}".removesuffix(".").replace(".e", "e")


def ends(metric: Metric, estimate: Estimate) -> tuple[float, float] | None:
    """Return the ends of an interval in figures, ascending; None if it has none.

    The figure rises or falls with the score, so the ends of the interval of the mean score are those of its figure.
    """
    if estimate.low is None or estimate.high is None:
        return None
    low, high = sorted((figure(metric, estimate.low), figure(metric, estimate.high)))
    return low, high


def interval(metric: Metric, estimate: Estimate) -> tuple[str, str] | None:
    """Write the ends of an interval as figures, ascending; None if it has none."""
    if estimate.low is None or estimate.high is None:
        return None
    falls = figure(metric, 1.0) < figure(metric, 0.0)
    low, high = (estimate.high, estimate.low) if falls else (estimate.low, estimate.high)
    return written(metric, low), written(metric, high)


def estimated(metric: Metric, estimate: Estimate) -> str:
    """Write the figure of a mean score with its interval; without an interval, with the number of seeds."""
    found = interval(metric, estimate)
    ends = f"(n = {estimate.count})" if found is None else f"[{found[0]}, {found[1]}]"
    return f"{written(metric, estimate.mean)} {ends}"


def tie_group(each: Result, others: int) -> str:
    """Write a result's tie group: its range of places, ``underpowered``, or nothing if it is alone.

    Args:
        each: the result.
        others: how many others the workload has.
    """
    if not others:
        return ""
    return spanned(each.places) if each.compared else "underpowered"


def amount(value: float) -> str:
    """Write a number of training examples or epochs; an infinite one as ``never``."""
    return f"{value:,.0f}" if math.isfinite(value) else NEVER


def time(each: TimeToTarget | None) -> str:
    """Write a median time to the target with its interval, if it has one."""
    if each is None:
        return ""
    interval = "" if each.low is None or each.high is None else f" [{amount(each.low)}, {amount(each.high)}]"
    return amount(each.median) + interval
