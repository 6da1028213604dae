"""The report's sections on transfers: the answer, and the charts of training by epoch and of performance profiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from harness.board.report.answers import Verdict
from harness.board.report.colours import Mark
from harness.board.statistics import LEAST_PAIRS, Estimate, quartile_curves
from harness.board.transfer import pages as transfer_pages
from harness.board.transfer.across import MOST_RATIO
from harness.board.transfer.board import Across, Child, TransferBoard, Workload
from harness.board.transfer.figures import LINEAR, better, figure, interval, tie_group, time, titled, written
from harness.board.wording import listed, plain
from harness.contracts import Metric, Status

Json = dict[str, object]
DIGITS = 5
MOST_EPOCHS = 120  # points of a curve; if there are more, evenly thinned, the first and the last kept


FILTERS: Mapping[str, Callable[..., object]] = {
    "transfer_facts": transfer_pages.facts,
    "transfer_notes": transfer_pages.notes,
    "titled": lambda workload: titled(workload.protocol.measured),
    "better": lambda workload: better(workload.protocol.measured),
    "shown": lambda workload, score: written(workload.protocol.measured, score),
    "ends": lambda workload, estimate: _ends(workload.protocol.measured, estimate),
    "tie_group": tie_group,
    "timed": time,
    "other_figures": transfer_pages.other_figures,
}
"""What the template of the page needs to write a board of transfers."""


def _ends(metric: Metric, estimate: Estimate) -> str:
    found = interval(metric, estimate)
    return "no interval" if found is None else f"{found[0]} to {found[1]}"


def transfer_verdict(board: TransferBoard) -> Verdict:
    """Say which candidate is shown to be best where, and who ranks first on average."""
    judged = [each for each in board.workloads if each.results]
    if not judged:
        return Verdict("No candidate has trained to the end yet.", _unfinished(board))
    best = {each.label: winner for each in judged if (winner := _alone(each))}
    mean = ""
    if board.across is not None:
        lowest, several = board.across.ranks[0].mean, len(board.across.workloads)
        first = [each.label for each in board.across.ranks if each.mean == lowest]
        mean = (
            f"{listed(first)} {'has' if len(first) == 1 else 'have'} the best mean rank, {lowest:.2f} among "
            f"{len(board.across.ranks)} candidates over {several} workload{'s' if several > 1 else ''}; means contain "
            "luck."
        )
    short = [each.label for each in judged if each.underpowered]
    more = f" Underpowered, with fewer than {LEAST_PAIRS} seeds: {listed(short)}." if short else ""
    if best:
        told = "; ".join(f"on {plain(workload)} {plain(label)}" for workload, label in best.items())
        rest = len(judged) - len(best)
        others = f" On {rest} other{'s' if rest > 1 else ''} none is shown to be the best." if rest else ""
        return Verdict(f"Shown to be the best: {told}.", f"{mean}{others}{more}".strip())
    if len(short) == len(judged):
        return Verdict("Underpowered: too few seeds to say which optimizer is best anywhere.", f"{mean}{more}".strip())
    return Verdict("No optimizer is shown to be the best on any workload.", f"{mean}{more}".strip())


def _alone(each: Workload) -> str:
    """Return who is shown to be ahead of all others, whose means over other seeds may be higher; empty for nobody."""
    return next((one.label for one in each.results if len(each.results) > 1 and one.places == (1, 1)), "")


def _unfinished(board: TransferBoard) -> str:
    count = len(board.unfinished)
    return f"{count} {'run is' if count == 1 else 'runs are'} unfinished and not counted."


def transfer_charts(number: int, board: TransferBoard, marks: Mapping[str, Mark]) -> dict[str, Json]:
    """Return the charts of a board's section, by the ``id`` of their places on the page.

    Args:
        number: the board's number.
        board: the board.
        marks: how each candidate is drawn, by its label.
    """
    name, made = f"t{number}", dict[str, Json]()
    for place, workload in enumerate(board.workloads, 1):
        curves = _curves(workload, marks)
        if curves is not None:
            made[f"{name}-w{place}-curves"] = curves
    if board.across is not None and board.across.profiles:
        made[f"{name}-profiles"] = _profiles(board.across, marks)
    return made


def _curves(workload: Workload, marks: Mapping[str, Mark]) -> Json | None:
    """Return validation by epoch: the figure of the mean score over seeds, with the middle half of the seeds."""
    metric = workload.protocol.measured
    drawn = {each.label: each.children for each in workload.results}
    for each in () if workload.funnel is None else workload.funnel.entered:
        drawn.setdefault(each.label, each.children)
    series = [one for label, children in drawn.items() if (one := _series(label, children, metric, marks[label]))]
    if max((len(child.curve) for own in drawn.values() for child in own), default=0) < 2:
        return None  # there is nothing to draw a line between
    ends = "; ".join(f"{plain(label)} {written(metric, _mean(children))}" for label, children in drawn.items())
    return {
        "kind": "curves",
        "alt": f"Validation {titled(metric)} by epoch on {plain(workload.label)}, mean over seeds. At the end: {ends}.",
        "figure": f"validation {titled(metric)}",
        "format": ".3f" if metric.score in LINEAR else ".4~g",
        "budget": max(len(child.curve) for children in drawn.values() for child in children),
        "along": "epoch",
        "unit": "epoch",
        "straight": True,
        "logarithmic": metric.score not in LINEAR,
        "series": series,
        "references": [],
    }


def _mean(children: Sequence[Child]) -> float:
    return sum(child.validation for child in children) / len(children)


def _series(label: str, children: Sequence[Child], metric: Metric, mark: Mark) -> Json | None:
    length = max((len(child.curve) for child in children), default=0)
    if not length:
        return None
    # a child that did not train on counts with what it earned: chance for a failure
    whole = [np.array([*child.curve, *[child.validation] * (length - len(child.curve))]) for child in children]
    low, high = quartile_curves(whole)
    kept = sorted({round(part * (length - 1) / max(1, MOST_EPOCHS - 1)) for part in range(MOST_EPOCHS)})
    kept = kept if length > MOST_EPOCHS else list(range(length))

    def shown(scores: Sequence[float]) -> list[float | None]:
        return [_rounded(figure(metric, float(scores[place]))) for place in kept if place < len(scores)]

    epochs = [place + 1 for place in kept]
    return {
        "label": plain(label),
        "colour": mark.colour,
        "dashes": mark.dashes,
        "median": {"x": epochs, "y": shown(np.mean(whole, axis=0).tolist())},
        "many": len(children) > 1,
        "low": shown(low.tolist()),
        "high": shown(high.tolist()),
        "seeds": [
            {"seed": child.seed, "x": epochs[: len(own)], "y": own}
            for child in children
            if child.status is Status.OK and (own := shown(child.curve))
        ],
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def _profiles(across: Across, marks: Mapping[str, Mark]) -> Json:
    """Return the share of workloads within each multiple of the fastest time, up to AlgoPerf's."""
    series = []
    for each in across.profiles:
        steps = [(1.0, each.share(1.0)), *((ratio, share) for ratio, share in each.steps if 1.0 < ratio <= MOST_RATIO)]
        steps += [(MOST_RATIO, each.share(MOST_RATIO))]
        mark = marks[each.label]
        series.append(
            {
                "label": plain(each.label),
                "colour": mark.colour,
                "dashes": mark.dashes,
                "median": {"x": [ratio for ratio, _ in steps], "y": [round(share, DIGITS) for _, share in steps]},
                "many": False,
                "low": [],
                "high": [],
                "seeds": [],
            }
        )
    scores = "; ".join(f"{plain(each.label)} {each.score:.3f}" for each in across.profiles)
    return {
        "kind": "curves",
        "alt": f"Performance profiles over {len(across.timed)} workloads: share on which the target is reached within "
        f"a multiple of the fastest time. Mean share from 1 to {MOST_RATIO:g}: {scores}.",
        "figure": "share of workloads",
        "format": ".0%",
        "budget": MOST_RATIO,
        "along": "multiple of the fastest candidate's time, τ",
        "unit": "within",
        "share": True,
        "series": series,
        "references": [],
    }
