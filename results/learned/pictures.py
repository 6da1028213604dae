"""What is published of learned optimizers, from the comparisons here: called by ``python results/publish.py``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.board.learned import formats
from harness.board.learned.board import LearnedBoard, Problems
from harness.board.learned.judging import board as judged
from harness.board.learned.record import read
from harness.board.markdown import Format

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
LEADERBOARD = HERE / "LEADERBOARD.md"
HEAD = """# Learned optimizers

Written by `python results/publish.py` from the comparisons in this folder; do not edit it. What was run, and what it
shows: see the [README](README.md).

"""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999", "#7F3C8D", "#80BA5A")
LONGEST = 24  # characters of a name in a picture


def board() -> LearnedBoard:
    """The board of all comparisons."""
    return judged([read(path) for path in sorted(HERE.glob("*.json"))])


def document(found: LearnedBoard) -> str:
    """``learned/LEADERBOARD.md``."""
    return HEAD + formats.render([found], Format.MD).strip() + "\n"


def pictures(found: LearnedBoard) -> Iterator[tuple[str, Figure]]:
    """All pictures by file name: one for each family and variant."""
    labels = [[each.label for each in problems.results] for problems in found.problems]
    for problems, colours in zip(found.problems, _colours(labels), strict=True):
        yield f"{problems.label.replace('/', '-')}.svg", _curves(problems, colours)


def _colours(labels: Sequence[Sequence[str]]) -> Iterator[dict[str, str]]:
    """A colour for every label of every picture: no two of a picture share one, and names have theirs in all pictures.

    Weights in files, which few pictures have, take the colours that the names leave.
    """
    names = sorted({label for each in labels for label in each if not _file(label)})
    for each in labels:
        files = sorted(label for label in each if _file(label))
        yield dict(zip(names + files, COLOURS[: len(names) + len(files)], strict=True))


def _file(label: str) -> bool:
    return label.startswith("lstm ")


def _curves(problems: Problems, colours: dict[str, str]) -> Figure:
    """Median and mean of f by step; the band of the learned optimizer holds 80% of the problems."""
    from publish import panels  # which calls this module

    picture: Figure
    picture, (left, right) = panels(10.0, 3.6, (1, 1))
    for each in problems.results:
        curve, steps = each.entrant.curve, range(problems.conditions.steps + 1)
        width = 2.0 if not each.tuned else 1.1
        style = {"color": colours[each.label], "linewidth": width, "label": each.label[:LONGEST]}
        left.plot(steps, [_plotted(value) for value in curve.median], **style)
        right.plot(steps, [_plotted(value) for value in curve.mean], **style)
        if not each.tuned:
            low, high = ([_plotted(value) for value in part] for part in (curve.low, curve.high))
            left.fill_between(steps, low, high, color=colours[each.label], alpha=0.12, linewidth=0)
    _titled(left, f"{problems.label}: median of f")
    _titled(right, "mean of f")
    right.legend(frameon=False, fontsize=7)
    return picture


def _plotted(value: float | None) -> float:
    return float("nan") if value is None else value


def _titled(axes: Axes, title: str) -> None:
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_title(title, loc="left", fontsize=9)
