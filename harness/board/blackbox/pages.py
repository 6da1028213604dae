"""Boards of black-box optimizers as short tables of text that fit 80 columns, for the terminal and Markdown alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.board.blackbox.board import BlackboxBoard, Problem, Result
from harness.board.blackbox.record import Method
from harness.board.blackbox.summary import HIGH, LOW, MOST_FLIPPED
from harness.board.comparison import Comparison
from harness.board.page import SHOWN_DIGITS, Column, Page, TableText, made_by
from harness.board.searches.pages import spanned
from harness.board.statistics import CONFIDENCE, LEAST_PAIRS, Estimate
from harness.board.wording import adjusted_chance, plain

EMPTY = "No contests yet. `harness blackbox` lets optimizers of the unit box minimize black-box functions."
TITLE = "Black-box optimizers"
MOMENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
MOST_MOMENTS = 6  # steps whose values a terminal has room for
MOST_PAIRS = 21  # whose numbers a page lists; more are in the report and in JSON
MOST_PROBLEMS = 4  # whose places one table has room for
NETWORK = "rnn"
LEAST_SECONDS = 1e-9  # of a proposal: no clock tells less
BAND = f"{LOW:.0%} to {HIGH:.0%}"
BETTER, WORSE, OPEN, UNTESTED, SELF = "<", ">", "·", "?", ""
INTERVAL = f"{CONFIDENCE:.0%} interval"


def page(board: BlackboxBoard) -> Page:
    """Return the page of a board."""
    tables = [*overview(board), *(table for each in board.problems for table in of_problem(each))]
    return Page(TITLE, facts(board), tuple(table for table in tables if table.rows), notes(board))


def facts(board: BlackboxBoard) -> tuple[tuple[str, str], ...]:
    """Return what the entrants of each problem share, as (name, text) lines."""
    found = [(each.label, conditions(each)) for each in board.problems]
    return tuple((plain(name), plain(text)) for name, text in (*found, *made_by(board.commits, board.hardware)))


def conditions(each: Problem) -> str:
    """Say in one line what all entrants share."""
    shared = each.conditions
    data = f"; data {shared.fingerprint[:SHOWN_DIGITS]}" if shared.fingerprint else ""
    workers = f"; {shared.workers} simulated workers" if shared.workers > 1 else ""
    box = f"{shared.dimensions} dimension{'s' * (shared.dimensions > 1)}"
    return f"{box}, {shared.steps} steps; seed {shared.seed}; v{shared.version}{data}{workers}"


def overview(board: BlackboxBoard) -> Iterator[TableText]:
    """Yield the places of all entrants on some problems at a time, where there are several problems."""
    if len(board.problems) < 2:
        return
    for first in range(0, len(board.problems), MOST_PROBLEMS):
        some = board.problems[first : first + MOST_PROBLEMS]
        rows = []
        for label in board.labels:
            found = [each.of(label) for each in some]
            if any(found):
                cells = ("" if one is None else tie_group(one, each) for one, each in zip(found, some, strict=True))
                rows.append((label, *cells))
        yield TableText(
            "Places by problem",
            (Column("entrant", code=True), *(Column(plain(each.label), right=True) for each in some)),
            tuple(rows),
        )


def of_problem(each: Problem) -> Iterator[TableText]:
    """Yield the tables of one family of functions."""
    name, steps = plain(each.label), each.conditions.steps
    yield TableText(
        f"{name}: {each.figure} after {steps} steps; less is better",
        (
            Column("places", right=True),
            Column("entrant", code=True),
            *(Column(title, right=True) for title in ("mean", INTERVAL, "median", "functions")),
        ),
        tuple(
            (
                tie_group(one, each),
                one.label,
                value(one.final.mean),
                ends(one.final),
                value(one.entrant.median),
                f"{one.entrant.count:,}",
            )
            for one in each.results
        ),
    )
    yield TableText(
        f"{name}: time of a proposal",
        (
            Column("entrant", code=True),
            *(Column(title, right=True) for title in ("alone", "against the fastest", "side by side")),
        ),
        tuple((one.label, seconds(one.entrant.seconds), slower(one, each), beside(one)) for one in each.results),
    )
    places = moments(steps)
    yield TableText(
        f"{name}: mean of the {each.figure} by step",
        (Column("entrant", code=True), *(Column(str(at), right=True) for at in places)),
        tuple((one.label, *(value(one.entrant.curve.mean[at - 1]) for at in places)) for one in each.results),
    )
    yield matrix(each)
    if len(each.pairs) <= MOST_PAIRS:
        yield TableText(
            f"{name}: pairs, by the first's {each.figure} minus the second's",
            (
                *(Column(title, code=True) for title in ("first", "second")),
                *(Column(title, right=True) for title in ("difference", INTERVAL, "p, corrected", "speed")),
            ),
            tuple(
                (pair.first, pair.second, *difference(pair), adjusted_chance(pair), speed(pair, each))
                for pair in each.pairs
            ),
        )


def matrix(each: Problem) -> TableText:
    """Return who is shown to be better than whom, a character for each pair; no rows for fewer than three entrants."""
    labels = [one.label for one in each.results]
    untested = f", {UNTESTED} too few functions in common" * any(pair.adjusted is None for pair in each.pairs)
    return TableText(
        f"{plain(each.label)}: {BETTER} lower than the entrant of that column, {WORSE} higher, {OPEN} not separated"
        + untested,
        (Column(""), Column("entrant", code=True), *(Column(str(place)) for place in range(1, len(labels) + 1))),
        tuple(
            (f"{place}", label, *(sign(each, label, other) for other in labels))
            for place, label in enumerate(labels, 1)
            if len(labels) > 2
        ),
    )


def sign(each: Problem, label: str, other: str) -> str:
    """Write whether one entrant is shown to be better than another."""
    pair = each.pair(label, other)
    if pair is None:
        return SELF
    if pair.test is None or pair.adjusted is None:
        return UNTESTED
    if not pair.different:
        return OPEN
    return BETTER if pair.test.difference.mean > 0 else WORSE


def notes(board: BlackboxBoard) -> tuple[str, ...]:
    """Say how to read the board."""
    return tuple(_notes(board)) if board.problems else ()


def _notes(board: BlackboxBoard) -> Iterator[str]:
    yield (
        "Minimum so far: the least value of a function that the entrant has been told, as a mean over functions. Where "
        "the least value of every function is known, it is the regret: the minimum so far minus that value. Intervals "
        "are Student's."
    )
    yield (
        "Places: the range that paired tests of the last step over functions leave open, with Holm's correction over "
        f"the pairs of one problem. p is that of the sign-flip test (beyond {MOST_FLIPPED} functions, of the paired t "
        "test). Entrants with fewer functions have the first ones, and a pair is tested on those that both have."
    )
    yield (
        "Draws of a Gaussian process depend on the order of queries. Pairs share the random numbers that a draw is "
        "made of, and not the function itself, so pairing helps less there than elsewhere; the tests hold."
    )
    yield (
        "Time of a proposal: asking for a point and telling its value, without evaluating it, for one function alone; "
        "the median over functions. Side by side: all functions of a block at once, per function. Speed: how many "
        "times faster or slower the first is. Times depend on the machine and on what else it did."
    )
    if any(each.conditions.workers > 1 for each in board.problems):
        yield (
            "Simulated workers: as many points are out at once. Their durations are exponential, and results are told "
            "in the order in which they finish; a step is a result."
        )
    for each in board.problems:
        for one in each.results:
            trained = _trained_for(one.entrant.method)
            if trained not in (None, each.conditions.workers):
                yield (
                    f"{plain(each.label)}: {one.label} was trained with {trained} out at once, and "
                    f"{each.conditions.workers} are here, which it was not trained for."
                )
    if any(len({one.entrant.count for one in each.results}) > 1 for each in board.problems):
        yield (
            "Where entrants have different numbers of functions, their means are over different functions, and only "
            "the pairs compare them. Entrants are therefore listed by place, then by mean."
        )
    for each in board.problems:
        if any(not one.compared for one in each.results):
            yield (
                f"{plain(each.label)}: underpowered. Fewer than {LEAST_PAIRS} functions can show no difference, "
                f"however large{f'; {each.to_compare}' if each.few else ''}. Raise --count."
            )
        elif each.few:
            yield (
                f"{plain(each.label)}: few functions. {each.to_compare.capitalize()}; with fewer a difference can go "
                "unseen, however large. Raise --count."
            )


def _trained_for(method: Method) -> int | None:
    """Return how many points were out at once when a network was trained; None for other methods."""
    parallel = method.settings.get("parallel")
    return max(parallel, 1) if method.name == NETWORK and type(parallel) is int else None


def moments(steps: int) -> Sequence[int]:
    """Return the steps whose values a table shows: the last, and the latest round ones before it."""
    return [*[each for each in MOMENTS if each < steps][1 - MOST_MOMENTS :], steps]


def value(number: float) -> str:
    """Write a figure to four digits."""
    return f"{number:.4g}".replace("-", "−")


def ends(mean: Estimate) -> str:
    """Write the ends of an interval, if there is one."""
    return "" if mean.low is None or mean.high is None else f"{value(mean.low)} to {value(mean.high)}"


def seconds(number: float) -> str:
    """Write the time of a proposal to three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if number >= 0.995 * size:
            return f"{number / size:.3g} {unit}" if number < 99.5 * size else f"{number / size:,.0f} {unit}"
    return f"{number * 1e6:.3g} µs"


def beside(one: Result) -> str:
    """Write the time of a proposal where all functions of a block are optimized at once."""
    found = one.entrant.seconds_side_by_side
    return "" if found is None else seconds(found)


def slower(one: Result, each: Problem) -> str:
    """Write how many times the fastest entrant's time an entrant takes for a proposal."""
    return times(one.entrant.seconds, min(other.entrant.seconds for other in each.results))


def speed(pair: Comparison, each: Problem) -> str:
    """Write how many times faster or slower the first of a pair proposes than the second."""
    first, second = (one.entrant.seconds for label in (pair.first, pair.second) if (one := each.of(label)))
    return f"{times(second, first)} faster" if first <= second else f"{times(first, second)} slower"


def times(one: float, other: float) -> str:
    """Write a ratio of times to two digits."""
    ratio = one / max(other, LEAST_SECONDS)
    return f"{ratio:,.0f}×" if ratio >= 9.95 else f"{ratio:.2g}×"


def difference(pair: Comparison) -> tuple[str, str]:
    """Write the first's figure minus the second's, with the interval."""
    if pair.test is None:
        return "", ""
    found = pair.test.difference
    if found.low is None or found.high is None:
        return value(-found.mean), ""
    return value(-found.mean), f"{value(-found.high)} to {value(-found.low)}"


def tie_group(one: Result, each: Problem) -> str:
    """Write a result's places, ``underpowered``, or nothing if it is alone."""
    if len(each.results) < 2:
        return ""
    return spanned(one.places) if one.compared else "underpowered"


def settings(method: Method) -> str:
    """Write all settings of an entrant."""
    return ", ".join(f"{name}={given!r}" for name, given in sorted(method.settings.items()))
