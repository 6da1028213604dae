"""Boards of learned optimizers as short tables of text that fit 80 columns, for the terminal and Markdown alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.board.comparison import Comparison as Pair
from harness.board.learned.board import LearnedBoard, Problems, Result
from harness.board.learned.record import HIGH, LOW
from harness.board.page import FEW_SEEDS, SHOWN_DIGITS, Column, Page, TableText, made_by, sign_flips
from harness.board.searches.pages import spanned
from harness.board.statistics import CONFIDENCE, Estimate
from harness.board.wording import adjusted_chance, listed, plain

EMPTY = "No comparisons yet. `harness learn compare` compares learned optimizers with rules and torch's optimizers."
TITLE = "Learned optimizers"
NOT_TUNED = "not tuned"
MOST_MOMENTS = 6  # steps whose values a terminal has room for
BAND = f"{LOW:.0%} to {HIGH:.0%}"


def page(board: LearnedBoard) -> Page:
    """Return the page of a board."""
    tables = [table for each in board.problems for table in of_problems(each)]
    return Page(TITLE, facts(board), tuple(table for table in tables if table.rows), notes(board))


def facts(board: LearnedBoard) -> tuple[tuple[str, str], ...]:
    """Return what the candidates of each problem share, as (name, text) lines."""
    found = [(each.label, conditions(each)) for each in board.problems]
    return tuple((plain(name), plain(text)) for name, text in (*found, *made_by(board.commits, board.hardware)))


def conditions(each: Problems) -> str:
    """Say in one line what all candidates share."""
    shared = each.conditions
    data = f"; {shared.data} ({shared.fingerprint[:SHOWN_DIGITS]})" if shared.data else ""
    rates = f"{len(shared.rates)} from {min(shared.rates):g} to {max(shared.rates):g}"
    return (
        f"{shared.count:,} fresh problems, {shared.steps} steps; seed {shared.seed}; v{shared.version}{data}; "
        f"λ: one of {rates}, by {shared.held_out} validation problems"
    )


def of_problems(each: Problems) -> Iterator[TableText]:
    """Yield the tables of one family of problems."""
    name, steps = plain(each.label), each.conditions.steps
    yield TableText(
        f"{name}: f after {steps} steps, over {each.conditions.count:,} fresh problems; less is better",
        (
            Column("places", right=True),
            Column("candidate", code=True),
            *(Column(title, right=True) for title in ("mean", f"{CONFIDENCE:.0%} interval", "median", "mean log10")),
        ),
        tuple(
            (
                tie_group(one, each),
                one.label,
                value(one.mean.mean),
                ends(one.mean),
                value(one.median),
                signed(one.log.mean),
            )
            for one in each.results
        ),
    )
    tenth = (f"mean / {each.divisor}", f"median / {each.divisor}") if each.divisor > 1 else ()
    yield TableText(
        f"{name}: the chosen λ, and how far the problems spread",
        (
            Column("candidate", code=True),
            *(Column(title, right=True) for title in ("λ", BAND, *tenth, "diverged")),
        ),
        tuple(
            (
                one.label,
                rate(one),
                band(one, -1),
                *divided(one, each.divisor),
                f"{one.diverged} of {len(one.entrant.finals)}",
            )
            for one in each.results
        ),
    )
    moments = sorted({round(part * steps / (MOST_MOMENTS - 1)) for part in range(MOST_MOMENTS)})
    yield TableText(
        f"{name}: median of f by step",
        (Column("candidate", code=True), *(Column(str(at), right=True) for at in moments)),
        tuple((one.label, *(value(one.entrant.curve.median[at]) for at in moments)) for one in each.results),
    )
    yield TableText(
        f"{name}: pairs, by the geometric mean of f of the first divided by f of the second",
        (
            *(Column(title, code=True) for title in ("first", "second")),
            *(Column(title, right=True) for title in ("ratio", f"{CONFIDENCE:.0%} interval", "p, corrected")),
        ),
        tuple((pair.first, pair.second, *ratio(pair), adjusted_chance(pair)) for pair in each.pairs),
    )


def notes(board: LearnedBoard) -> tuple[str, ...]:
    """Say how to read the board."""
    return tuple(_notes(board)) if board.problems else ()


def _notes(board: LearnedBoard) -> Iterator[str]:
    yield (
        f"{NOT_TUNED.capitalize()}: a learned optimizer takes its updates as it was trained (λ = 1). Every other "
        "candidate has the λ with the least mean final f on validation problems, and fresh state for each problem. "
        "Neither that choice nor any meta-training has seen the fresh problems."
    )
    counts = {each.conditions.count for each in board.problems}
    yield (
        f"Pairs: {sign_flips(counts)} sign-flip tests over problems, of log10 of the final f, with Holm's correction "
        "over the pairs of one family of problems. Places: the range that these tests leave open. A problem that "
        "diverged counts with the largest number of float32."
    )
    few = min(counts) < FEW_SEEDS
    yield (
        f"Intervals: {CONFIDENCE:.0%}, of means over problems, by the BCa bootstrap"
        + (", which is too narrow for so few problems." if few else ".")
    )
    yield "Mean and median can order the candidates differently from the places: the hardest problems decide the mean."
    if any(each.divisor > 1 for each in board.problems):
        yield "Divided by 10: the mean over the ten equations of a quadratic, where f is the sum over them."
    for each in board.problems:
        failed = [one.label for one in each.results if one.tuned and all(f is None for _, f in one.entrant.validation)]
        if failed:
            yield f"{plain(each.label)}: {listed(failed)} diverged at every λ; the least one was taken."
        ended = [one.label for one in each.results if one.label not in failed and one.entrant.rate in _ends(each)]
        if ended:
            yield f"{plain(each.label)}: λ of {listed(ended)} is at an end of those tried; a better one may lie beyond."
        if each.underpowered:
            yield (
                f"{plain(each.label)}: underpowered. {each.to_compare.capitalize()}; fewer can show no difference, "
                "however large. Raise --count."
            )


def _ends(each: Problems) -> tuple[float, float]:
    return min(each.conditions.rates), max(each.conditions.rates)


def value(number: float | None) -> str:
    """Write a value of f to four digits; one that is not finite as infinite."""
    return f"{number:.4g}" if number is not None and math.isfinite(number) else "∞"


def signed(number: float) -> str:
    """Write a mean of log10."""
    return f"{number:z.2f}".replace("-", "−")


def ends(mean: Estimate) -> str:
    """Write the ends of an interval, if there is one."""
    return "" if mean.low is None or mean.high is None else f"{value(mean.low)} to {value(mean.high)}"


def rate(one: Result) -> str:
    """Write a candidate's λ."""
    return NOT_TUNED if one.entrant.rate is None else f"{one.entrant.rate:.3g}"


def band(one: Result, step: int) -> str:
    """Write the quantiles of f at a step."""
    return f"{value(one.entrant.curve.low[step])} to {value(one.entrant.curve.high[step])}"


def divided(one: Result, divisor: int) -> tuple[str, ...]:
    """Write mean and median divided; nothing where the divisor is 1."""
    return (value(one.mean.mean / divisor), value(one.median / divisor)) if divisor > 1 else ()


def ratio(pair: Pair) -> tuple[str, str]:
    """Write how many times as large the first candidate's f is as the second's, with the interval."""
    if pair.test is None:
        return "", ""
    mean, low, high = (None if each is None else 10**-each for each in _turned(pair.test.difference))
    return value(mean), "" if low is None or high is None else f"{value(low)} to {value(high)}"


def _turned(difference: Estimate) -> Sequence[float | None]:
    return difference.mean, difference.high, difference.low


def tie_group(one: Result, each: Problems) -> str:
    """Write a result's places, ``underpowered``, or nothing if it is alone."""
    if len(each.results) < 2:
        return ""
    return spanned(one.places) if one.compared else "underpowered"
