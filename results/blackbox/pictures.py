"""What is published of black-box optimizers, from the contests here: called by ``python results/publish.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.board.blackbox import formats
from harness.board.blackbox.board import BlackboxBoard, Problem, Result
from harness.board.blackbox.judging import board as judged
from harness.board.blackbox.record import in_order, read
from harness.board.markdown import Format
from harness.board.report.colours import COLOURS, candidate_marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
NETWORKS = HERE / "networks"  # contests between trainings alone, without pictures
LEADERBOARD = "LEADERBOARD.md"
HEAD = """# Black-box optimizers

Written by `python results/publish.py` from the contests in this folder; do not edit it. What was run, and what it
shows: see the [README]({readme}).

"""
LONGEST = 24  # characters of a name in a picture
BESIDE = 5  # entrants in a row of trajectories
LEAST_SHARE = 0.01  # of a mean, which a band on a log scale goes down to


def board(folder: Path = HERE) -> BlackboxBoard:
    """The board of all contests of a folder, which may be missing or have none."""
    return judged(in_order([read(path) for path in sorted(folder.glob("*.json"))]))


def pages() -> Iterator[tuple[Path, str]]:
    """All pages, by where they belong."""
    for folder, readme in ((HERE, "README.md"), (NETWORKS, "../README.md")):
        found = board(folder)
        if found.problems:
            yield folder / LEADERBOARD, document(found, readme)


def document(found: BlackboxBoard, readme: str = "README.md") -> str:
    """A ``LEADERBOARD.md``; ``readme`` is where it says what was run."""
    return HEAD.format(readme=readme) + formats.render([found], Format.MD).strip() + "\n"


def pictures(found: BlackboxBoard) -> Iterator[tuple[str, Figure]]:
    """All pictures by file name: curves for each problem, and trajectories in one dimension."""
    for problem in found.problems:
        name = re.sub(r"[^A-Za-z0-9.]+", "-", problem.label)
        yield f"{name}.svg", _curves(problem, found.labels)
        if problem.shown:
            yield f"{name}-trajectories.svg", _trajectories(problem)


def _short(label: str) -> str:
    """Return a name for a picture, without the path of weights."""
    return re.sub(r", weights='[^']*'", "", label)[:LONGEST]


def _curves(problem: Problem, labels: Sequence[str]) -> Figure:
    """Mean of the figure by step with the 95% interval of the mean."""
    from publish import panels  # which calls this module

    picture, (axes,) = panels(7.5, 4.2, (1,))
    marks, steps = candidate_marks(labels), range(1, problem.conditions.steps + 1)
    for each in problem.results:
        mark, curve = marks[each.label], each.entrant.curve
        colour, dashes = COLOURS[mark.colour].light, [int(length) / 2 for length in mark.dashes.split()]
        axes.plot(steps, curve.mean, color=colour, linestyle=(0, dashes) if dashes else "-", label=_short(each.label))
        if curve.margin is not None:
            ends = [(mean - margin, mean + margin) for mean, margin in zip(curve.mean, curve.margin, strict=True)]
            lows = [
                max(low, LEAST_SHARE * mean) if problem.regret else low
                for mean, (low, _) in zip(curve.mean, ends, strict=True)
            ]
            axes.fill_between(steps, lows, [high for _, high in ends], color=colour, alpha=0.12, linewidth=0)
    if problem.regret:
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_title(f"{problem.label}: mean of the {problem.figure}, 95% intervals", loc="left", fontsize=9)
    axes.legend(frameon=False, fontsize=7)
    return picture


def _trajectories(problem: Problem) -> Figure:
    """The first function that is shown with each entrant's points, and below it the points by step."""
    from publish import grid  # which calls this module

    shown = [each for each in problem.results if each.entrant.trajectories]
    rows = -(-len(shown) // BESIDE)
    columns = min(BESIDE, len(shown))
    picture: Figure
    picture, every = grid(2.3 * columns, 4.0 * rows, (2, 3) * rows, (1,) * columns)
    for place in range(rows * columns):
        row, column = divmod(place, columns)
        upper, lower = every[2 * row][column], every[2 * row + 1][column]
        if place < len(shown):
            _trajectory(upper, lower, problem, shown[place])
        else:
            upper.set_axis_off()
            lower.set_axis_off()
    return picture


def _trajectory(upper: Axes, lower: Axes, problem: Problem, each: Result) -> None:
    values, run = problem.shown[0], each.entrant.trajectories[0]
    upper.plot([at / (len(values) - 1) for at in range(len(values))], values, color="#0072B2", linewidth=1.4)
    upper.plot(run.points, run.values, "x", color="#009E73", markersize=4)
    upper.set_title(_short(each.label), loc="left", fontsize=9)
    lower.plot(run.points, range(1, len(run.points) + 1), color="#D55E00", linewidth=0.9, marker=".", markersize=2.5)
    lower.invert_yaxis()
    lower.set_ylabel("step")
    for axes in (upper, lower):
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks((0, 0.5, 1))
