"""The report's section on black-box optimizers: the answer, curves by step, and trajectories in one dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.board.blackbox import pages
from harness.board.blackbox.board import BlackboxBoard, Problem, Result
from harness.board.blackbox.judging import board as judged
from harness.board.blackbox.record import Entrant, Record
from harness.board.report.answers import Verdict
from harness.board.report.colours import Mark, candidate_marks
from harness.board.report.commands import Provenance, contesting
from harness.board.statistics import LEAST_PAIRS
from harness.board.wording import listed, plain

Json = dict[str, object]
DIGITS = 5
MOST_STEPS = 200  # points of a curve; if there are more, evenly thinned, the first and the last kept
LEAST_SHARE = 0.01  # of a mean, which a band on a log scale goes down to

FILTERS: Mapping[str, Callable[..., object]] = {
    "blackbox_facts": pages.facts,
    "blackbox_notes": pages.notes,
    "blackbox_group": pages.tie_group,
    "blackbox_value": pages.value,
    "blackbox_ends": pages.ends,
    "blackbox_seconds": pages.seconds,
    "blackbox_beside": pages.beside,
    "blackbox_slower": pages.slower,
    "blackbox_speed": pages.speed,
    "blackbox_difference": pages.difference,
    "blackbox_sign": lambda one, other, problem: pages.sign(problem, one.label, other.label),
}
"""What the template of the page needs to write a board of black-box optimizers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackboxSection:
    """The board of black-box optimizers: its answer, and how each entrant is drawn, by its label."""

    board: BlackboxBoard
    verdict: Verdict
    marks: Mapping[str, Mark]
    provenance: tuple[Provenance, ...]


def blackbox_section(records: Sequence[Record]) -> BlackboxSection:
    """Return the section of some contests."""
    board = judged(records)
    return BlackboxSection(
        board=board,
        verdict=blackbox_verdict(board),
        marks=candidate_marks(board.labels),
        provenance=tuple(_provenance(*each) for each in zip(board.problems, records, strict=True)),
    )


def _provenance(problem: Problem, record: Record) -> Provenance:
    shared = record.conditions.environment
    machines = {
        "commit": [text for each in record.entrants for text in each.commits],
        "processor": [text for each in record.entrants for text in each.hardware],
    }
    return Provenance(
        label=problem.label,
        version=record.conditions.version,
        seeds=(record.conditions.seed,),
        command=contesting(record),
        equivalent=False,
        environment=(*sorted(shared.items()), *((each.label, _described(each)) for each in record.entrants)),
        machine=tuple((name, "; ".join(dict.fromkeys(texts))) for name, texts in machines.items()),
    )


def _described(each: Entrant) -> str:
    """Say what an entrant's points depend on."""
    method = each.method
    versions = ", ".join(f"{name} {version}" for name, version in sorted(method.environment.items()))
    parts = (f"v{method.version}", pages.settings(method), method.fingerprint, versions)
    return "; ".join(part for part in parts if part)


def blackbox_verdict(board: BlackboxBoard) -> Verdict:
    """Say which entrant is shown to be best where, and to whom the first place is open."""
    best, open_to, short, hardly = dict[str, str](), list[str](), list[str](), list[str]()
    for each in board.problems:
        first = [one.label for one in each.results if one.places[0] == 1]
        if any(not one.compared for one in each.results):
            short.append(each.label)
        elif each.few:
            hardly.append(f"on {plain(each.label)} {each.to_compare}")
        if len(each.results) > 1 and each.results[0].places == (1, 1):
            best[each.label] = each.results[0].label
        elif len(each.results) > 1:
            open_to.append(f"on {plain(each.label)} to {listed(first)}")
    found = [f"The first place is open {'; '.join(open_to)}."] if open_to else []
    if short:
        found.append(f"Underpowered, with fewer than {LEAST_PAIRS} functions: {listed(short)}.")
    if hardly:
        found.append(f"Few functions: {'; '.join(hardly)}.")
    because = " ".join(found)
    if best:
        told = "; ".join(f"on {plain(problem)} {plain(label)}" for problem, label in best.items())
        return Verdict(f"Shown to be the best: {told}.", because)
    return Verdict("No optimizer is shown to be the best on any functions.", because)


def blackbox_charts(board: BlackboxBoard, marks: Mapping[str, Mark]) -> dict[str, Json]:
    """Return the charts of the section, by the ``id`` of their places on the page.

    Args:
        board: the board.
        marks: how each entrant is drawn, by its label.
    """
    made: dict[str, Json] = {}
    for place, each in enumerate(board.problems, 1):
        made[f"x-p{place}-curves"] = _curves(each, marks)
        if each.shown:
            made[f"x-p{place}-trajectories"] = _trajectories(each)
    return made


def _curves(each: Problem, marks: Mapping[str, Mark]) -> Json:
    steps = each.conditions.steps
    kept = sorted({round(part * (steps - 1) / MOST_STEPS) for part in range(MOST_STEPS + 1)})
    last = "; ".join(f"{plain(one.label)} {pages.value(one.final.mean)}" for one in each.results)
    return {
        "kind": "curves",
        "alt": f"Mean of the {each.figure} by step on {plain(each.label)}. After the last step: {last}.",
        "figure": each.figure,
        "format": ".4~g",
        "budget": steps,
        "from": 1,
        "along": "step",
        "unit": "step",
        "straight": True,
        "logarithmic": each.regret,
        "series": [_curve(one, marks[one.label], kept, logarithmic=each.regret) for one in each.results],
        "references": [],
    }


def _curve(one: Result, mark: Mark, kept: Sequence[int], *, logarithmic: bool) -> Json:
    curve = one.entrant.curve

    def shown(value: float) -> float | None:
        return None if logarithmic and value <= 0 else float(f"{value:.{DIGITS}g}")

    means = [curve.mean[at] for at in kept]
    margins = [0.0 if curve.margin is None else curve.margin[at] for at in kept]
    ends = [(mean - margin, mean + margin) for mean, margin in zip(means, margins, strict=True)]
    if logarithmic:
        ends = [(max(low, LEAST_SHARE * mean), high) for mean, (low, high) in zip(means, ends, strict=True)]
    return {
        "label": plain(one.label),
        "colour": mark.colour,
        "dashes": mark.dashes,
        "median": {"x": [at + 1 for at in kept], "y": [shown(mean) for mean in means]},
        "many": curve.margin is not None,
        "low": [shown(low) for low, _ in ends],
        "high": [shown(high) for _, high in ends],
        "seeds": [],
    }


def _trajectories(each: Problem) -> Json:
    size = len(each.shown[0])
    told = "; ".join(f"{plain(one.label)} {_least(one)}" for one in each.results if one.entrant.trajectories)
    return {
        "kind": "trajectories",
        "alt": f"Points asked for by step on {len(each.shown)} functions of {plain(each.label)}, apart from the "
        f"contest. Least value found on each: {told}.",
        "grid": [round(at / (size - 1), DIGITS) for at in range(size)],
        "functions": [list(values) for values in each.shown],
        "series": [
            {
                "label": plain(one.label),
                "runs": [{"x": list(run.points), "y": list(run.values)} for run in one.entrant.trajectories],
            }
            for one in each.results
        ],
    }


def _least(one: Result) -> str:
    return ", ".join(pages.value(min(run.values)) for run in one.entrant.trajectories)
