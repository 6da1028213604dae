"""The report's section on learned optimizers: the answer, and the charts of f by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.board.comparison import Comparison as Pair
from harness.board.learned import pages
from harness.board.learned.board import LearnedBoard, Problems, Result
from harness.board.learned.judging import board as judged
from harness.board.learned.record import Comparison, Values
from harness.board.report.answers import Verdict, better
from harness.board.report.colours import Mark, candidate_marks
from harness.board.report.commands import Provenance, comparing
from harness.board.wording import listed, plain

Json = dict[str, object]
DIGITS = 5
MOST_STEPS = 200  # points of a curve; if there are more, evenly thinned, the first and the last kept

FILTERS: Mapping[str, Callable[..., object]] = {
    "learned_facts": pages.facts,
    "learned_notes": pages.notes,
    "learned_group": pages.tie_group,
    "learned_value": pages.value,
    "learned_log": pages.signed,
    "learned_ends": pages.ends,
    "learned_rate": pages.rate,
    "learned_band": lambda result: pages.band(result, -1),
    "learned_divided": pages.divided,
    "learned_ratio": pages.ratio,
}
"""What the template of the page needs to write a board of learned optimizers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedSection:
    """The board of learned optimizers: its answer, and how each candidate is drawn, by its label."""

    board: LearnedBoard
    verdict: Verdict
    marks: Mapping[str, Mark]
    provenance: tuple[Provenance, ...]


def learned_section(comparisons: Sequence[Comparison]) -> LearnedSection:
    """Return the section of some comparisons."""
    board = judged(comparisons)
    told = []
    for problems, each in zip(board.problems, comparisons, strict=True):
        machines = {
            "commit": [one.commit for one in each.candidates],
            "processor": [one.hardware for one in each.candidates],
        }
        told.append(
            Provenance(
                label=problems.label,
                version=each.conditions.version,
                seeds=(each.conditions.seed,),
                command=comparing(each),
                equivalent=False,
                environment=tuple(sorted(each.conditions.environment.items())),
                machine=tuple((name, "; ".join(dict.fromkeys(texts))) for name, texts in machines.items()),
            )
        )
    return LearnedSection(
        board=board, verdict=learned_verdict(board), marks=candidate_marks(board.labels), provenance=tuple(told)
    )


def learned_verdict(board: LearnedBoard) -> Verdict:
    """Say which candidate is shown to be best where, and how each learned optimizer stands among the others."""
    best = {each.label: each.results[0].label for each in board.problems if _alone(each)}
    found = [text for each in board.problems for text in _standings(each)]
    short = [f"on {plain(each.label)}, {each.to_compare}" for each in board.problems if each.underpowered]
    if short:
        found.append(f"Underpowered: {'; '.join(short)}.")
    because = " ".join(found)
    if best:
        told = "; ".join(f"on {plain(problems)} {plain(label)}" for problems, label in best.items())
        return Verdict(f"Shown to be the best: {told}.", because)
    return Verdict("No optimizer is shown to be the best on any problems.", because)


def _alone(each: Problems) -> bool:
    return len(each.results) > 1 and each.results[0].places == (1, 1)


def _standings(each: Problems) -> Sequence[str]:
    """Say whom each learned optimizer is shown to beat, and who beats it."""
    found = []
    for one in each.results:
        if one.tuned or len(each.results) < 2:
            continue
        own = [pair for pair in each.pairs if one.label in (pair.first, pair.second) and better(pair)]
        ahead = [_other(pair, one.label) for pair in own if better(pair) == one.label]
        behind = [_other(pair, one.label) for pair in own if better(pair) != one.label]
        told = [f"{how} than {listed(whom)}" for how, whom in (("better", ahead), ("worse", behind)) if whom]
        shown = " and ".join(told) or "neither better nor worse than any other"
        found.append(f"On {plain(each.label)} {plain(one.label)} is shown to be {shown}.")
    return found


def _other(pair: Pair, label: str) -> str:
    return pair.second if pair.first == label else pair.first


def learned_charts(board: LearnedBoard, marks: Mapping[str, Mark]) -> dict[str, Json]:
    """Return the charts of the section, by the ``id`` of their places on the page.

    Args:
        board: the board.
        marks: how each candidate is drawn, by its label.
    """
    made: dict[str, Json] = {}
    for place, each in enumerate(board.problems, 1):
        made[f"l-p{place}-medians"] = _chart(
            each, marks, "median of f", lambda one: one.entrant.curve.median, banded=True
        )
        made[f"l-p{place}-means"] = _chart(each, marks, "mean of f", lambda one: one.entrant.curve.mean, banded=False)
    return made


def _chart(
    each: Problems, marks: Mapping[str, Mark], figure: str, line: Callable[[Result], Values], *, banded: bool
) -> Json:
    steps = each.conditions.steps
    kept = sorted({round(part * steps / MOST_STEPS) for part in range(MOST_STEPS + 1)})

    def shown(values: Values) -> list[float | None]:
        return [None if (value := values[at]) is None else float(f"{value:.{DIGITS}g}") for at in kept]

    series = []
    for one in each.results:
        mark, curve = marks[one.label], one.entrant.curve
        series.append(
            {
                "label": plain(one.label),
                "colour": mark.colour,
                "dashes": mark.dashes,
                "median": {"x": kept, "y": shown(line(one))},
                "many": banded,
                "low": shown(curve.low) if banded else [],
                "high": shown(curve.high) if banded else [],
                "seeds": [],
            }
        )
    last = "; ".join(f"{plain(one.label)} {pages.value(line(one)[-1])}" for one in each.results)
    return {
        "kind": "curves",
        "alt": f"{figure.capitalize()} by step on {plain(each.label)}, over problems. After the last step: {last}.",
        "figure": figure,
        "format": ".4~g",
        "budget": steps,
        "from": 0,
        "along": "step",
        "unit": "step",
        "straight": True,
        "logarithmic": True,
        "series": series,
        "references": [],
    }
